"""Verdicts on the tests of `analysis.claims.trials`, from the records of several studies."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.claims.register import ClaimTest
from analysis.claims.trials import Measure, Trial, accuracy_on_test
from analysis.claims.verdicts import UNDECIDED, Verdict, judge
from analysis.records.arms import Arm, settings
from analysis.records.fairness import certificate_differences
from analysis.records.runs import Run
from analysis.records.study import Study, at_chosen_rates
from analysis.statistics.contrasts import accuracy_gap
from analysis.statistics.paired import Comparison, compare_values


def matching(runs: Sequence[Run], wanted: Mapping[str, str]) -> list[Run]:
    """Returns the runs with these settings, at the rate that most seeds have, by seed."""
    found = [run for run in runs if wanted.items() <= (settings(run) | {"init": run.init}).items()]
    return sorted(at_chosen_rates(found, {}), key=lambda run: run.seed)


def unasked(runs: Sequence[Run], subject: Sequence[str]) -> list[str]:
    """Returns what differs between the runs of a trial, beside rates and the trial's subject."""
    asked = [settings(run) for run in runs]
    varied = {key for found in asked for key in found if len({other.get(key) for other in asked}) > 1}
    varied |= {difference.key for difference in certificate_differences(runs)}
    varied.discard("learning_rate")
    return sorted(key for key in varied if not any(f"{key}.".startswith(f"{part}.") for part in subject))


def by_seed(groups: Sequence[Sequence[Run]], measure: Measure) -> dict[int, float]:
    """Returns seed -> mean of the measure over the groups, for the seeds that every group has."""
    values = [{run.seed: measure(run) for run in runs} for runs in groups]
    shared = sorted(set.intersection(*(set(each) for each in values)))
    return {seed: float(np.mean([each[seed] for each in values])) for seed in shared}


def difference(trial: Trial, one: Sequence[Sequence[Run]], other: Sequence[Sequence[Run]]) -> Comparison | None:
    """Returns the first side minus the second; over seeds and items where both are single groups' accuracy."""
    if trial.one.measure is accuracy_on_test and len(one) == len(other) == 1:
        (ours,), (theirs,) = one, other
        arms = [Arm(name=runs[0].id, init=runs[0].init, runs=tuple(runs)) for runs in (ours, theirs)]
        return accuracy_gap(arms[0], arms[1], "test")
    first, second = by_seed(one, trial.one.measure), by_seed(other, trial.other.measure)
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    return compare_values(np.array([first[seed] for seed in seeds]), np.array([second[seed] for seed in seeds]))


def trial_verdict(test: ClaimTest, trial: Trial, studies: Mapping[str, Study]) -> Verdict:
    """Returns the verdict on a test that has a trial; UNDECIDED, and why, where runs are missing or unfair.

    Args:
        studies: name -> study.
    """
    sides: list[list[list[Run]]] = []
    for side in (trial.one, trial.other):
        runs = studies[side.study].runs if side.study in studies else ()
        sides.append([matching(runs, wanted) for wanted in side.groups])
        if not all(sides[-1]):
            return Verdict(test=test, verdict=UNDECIDED, remark=f"no runs of study {side.study} for it")
    unfair = unasked([run for side in sides for runs in side for run in runs], trial.subject)
    if unfair:
        return Verdict(test=test, verdict=UNDECIDED, remark=f"the arms also differ in {', '.join(unfair)}")
    found = difference(trial, *sides)
    if found is None:
        return Verdict(test=test, verdict=UNDECIDED, remark="the arms share no seed")
    return judge(test, found)
