"""Verdicts on the tests of `analysis.claims.trials`, from the records of several studies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.claims.register import ClaimTest
from analysis.claims.trials import Measure, Side, Trial, accuracy_on_test, sum_of_rises, upward_share
from analysis.claims.verdicts import UNDECIDED, Verdict, judge
from analysis.records.arms import Arm, settings
from analysis.records.fairness import certificate_differences
from analysis.records.groups import majority_share
from analysis.records.runs import Run
from analysis.records.study import Study, at_chosen_rates
from analysis.records.text import listing, number
from analysis.statistics.contrasts import accuracy_gap
from analysis.statistics.intervals import CHANCE, mean_interval, wilson
from analysis.statistics.paired import Comparison, compare_values
from analysis.statistics.plateau import PLATEAU_LEVEL, loss_below

Studies = Mapping[str, Study]
"""Name -> study."""


def matching(runs: Sequence[Run], wanted: Mapping[str, str]) -> list[Run]:
    """Returns the runs with these settings, at the rate that most seeds have, by seed."""
    return sorted(at_chosen_rates(with_settings(runs, wanted), {}), key=lambda run: run.seed)


def with_settings(runs: Sequence[Run], wanted: Mapping[str, str]) -> list[Run]:
    """Returns the runs with these settings, at any rate."""
    return [run for run in runs if wanted.items() <= (settings(run) | {"init": run.init}).items()]


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


def lacks(side: Side, groups: Sequence[Sequence[Run]]) -> bool:
    """Whether a run has not what a side is measured by, or not a finite number of it."""
    return any(not math.isfinite(side.measure(run)) for runs in groups for run in runs)


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


def tuning(study: Study, wanted: Mapping[str, str], rate: float) -> tuple[int, bool]:
    """Returns how many rates a study tried for a group, and whether the chosen one is known to be at their edge."""
    found = frozenset(run.learning_rate for run in with_settings(study.runs, wanted))
    choices = [choice for choice in study.choices if choice.is_of(wanted["init"], found, rate)]
    return max([len(found), *(len(choice.rates) for choice in choices)]), any(choice.at_edge for choice in choices)


def tuning_remarks(test: ClaimTest, tunings: Sequence[Sequence[tuple[int, bool]]]) -> list[str]:
    """Says how many rates were tried on each side where they are not as many, and which side's is at an edge.

    Args:
        tunings: of each side, what `tuning` found for its groups.
    """
    tried = [sorted({rates for rates, _ in side}) for side in tunings]
    sides = [" or ".join(map(str, rates)) for rates in tried]
    remarks = [f"rates tried: {sides[0]} and {sides[1]}"] if tried[0] != tried[1] or len(tried[0]) > 1 else []
    for name, side in zip(test.arms, tunings, strict=True):
        if any(edge for _, edge in side):
            remarks.append(f"the rate of {name} is at the edge of those tried")
    return remarks


def plateau_counts(sides: Sequence[Sequence[Run]]) -> list[tuple[int, int]]:
    """Returns of each side how many runs left the plateau on the training probe, and how many there are."""
    return [
        (
            sum(math.isfinite(loss_below(run.evaluations.get("probe_train"), PLATEAU_LEVEL).step) for run in runs),
            len(runs),
        )
        for runs in sides
    ]


def plateau_remark(sides: Sequence[Sequence[Run]]) -> str:
    """Says how many runs left the plateau: of one that did not, what is measured is not what training does."""
    counts = listing([f"{left} of {runs}" for left, runs in plateau_counts(sides)])
    return f"{counts} runs left the plateau on the training probe"


def is_hollow(trial: Trial, sides: Sequence[Sequence[Sequence[Run]]]) -> bool:
    """Whether losses of a side none of whose runs left the plateau are measured, or accuracies that need no learning.

    One side that learned is enough for accuracies: that the other did not is a difference between them.
    """
    if trial.one.measure is accuracy_on_test:
        return all(needs_no_learning(runs) for side in sides for runs in side)
    counts = plateau_counts([[run for runs in side for run in runs] for side in sides])
    return any(not left for left, _ in counts)


def needs_no_learning(runs: Sequence[Run]) -> bool:
    """Whether the interval over seeds of a test accuracy does not lie above a guess and any constant answer.

    Of one seed, and of seeds that agree, it is that over test pairs.
    """
    values, items = [run.accuracy("test") for run in runs], runs[0].examples("test")
    found = mean_interval(values) if max(values) > min(values) else wilson(values[0], items)
    return found.low <= max(CHANCE, majority_share(runs[0], "test") or 0.0)


def scale_remark(sides: Sequence[Sequence[Run]]) -> str:
    """Says how large the rises are whose share was taken, which has no scale of its own."""
    rises = listing([number(float(np.mean([sum_of_rises(run) for run in runs]))) for runs in sides])
    flat = "a flat curve has a share near one half"
    return f"rises sum to {rises} nats in the mean, {plateau_remark(sides)}; {flat}"


def remarks_on(test: ClaimTest, trial: Trial, sides: Sequence[Sequence[Sequence[Run]]], studies: Studies) -> str:
    """Returns what a reader of a trial's verdict has to know beside its numbers."""
    tunings = [
        [
            tuning(studies[side.study], wanted, runs[0].learning_rate)
            for wanted, runs in zip(side.groups, of, strict=True)
        ]
        for side, of in zip((trial.one, trial.other), sides, strict=True)
    ]
    remarks = [*([trial.note] if trial.note else []), *tuning_remarks(test, tunings)]
    flat = [[run for runs in side for run in runs] for side in sides]
    if trial.one.measure is upward_share:
        remarks.append(scale_remark(flat))
    elif any(left < runs for left, runs in plateau_counts(flat)):
        remarks.append(plateau_remark(flat))
    return "; ".join(remarks)


def trial_verdict(test: ClaimTest, trial: Trial, studies: Studies) -> Verdict:
    """Returns the verdict on a test that has a trial; UNDECIDED, and why, where runs are missing or unfair.

    Args:
        studies: the reported one and those beside it.
    """
    sides: list[list[list[Run]]] = []
    for side in (trial.one, trial.other):
        runs = studies[side.study].runs if side.study in studies else ()
        sides.append([matching(runs, wanted) for wanted in side.groups])
        if not all(sides[-1]):
            lacking = "the runs for it are not all there" if side.study in studies else "not given"
            return Verdict(test=test, verdict=UNDECIDED, remark=f"study {side.study}: {lacking}")
    unfair = unasked([run for side in sides for runs in side for run in runs], trial.subject)
    if unfair:
        return Verdict(test=test, verdict=UNDECIDED, remark=f"the arms also differ in {', '.join(unfair)}")
    if lacks(trial.one, sides[0]) or lacks(trial.other, sides[1]):
        return Verdict(test=test, verdict=UNDECIDED, remark="a run lacks the measure")
    found = difference(trial, *sides)
    if found is None:
        return Verdict(test=test, verdict=UNDECIDED, remark="the arms share no seed")
    return replace(judge(test, found, remarks_on(test, trial, sides, studies)), hollow=is_hollow(trial, sides))
