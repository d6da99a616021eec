"""Verdicts on the registered claims C1, C2 and C3 from runs: SUPPORTED, REFUTED or UNDECIDED."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.claims.register import ClaimTest
from analysis.records.runs import Run
from analysis.statistics.contrasts import seed_pairs, value_gap
from analysis.statistics.equivalence import equivalence
from analysis.statistics.measures import START_MEASURES
from analysis.statistics.paired import Comparison, compare_values
from analysis.statistics.plateau import Passage, accuracy_reaching, loss_below

SUPPORTED, REFUTED, UNDECIDED = "SUPPORTED", "REFUTED", "UNDECIDED"
OF_TWO_ARMS = ("C1", "C2", "C3")
"""The claims that pretrained and scratch runs of one study decide."""

START_TESTS: dict[str, Callable[[Run], float]] = dict(
    zip(("C1a", "C1b", "C1c", "C1d"), START_MEASURES.values(), strict=True)
)
PASSAGE_TESTS = {"C2a": loss_below, "C2b": loss_below, "C2c": loss_below, "C3b": accuracy_reaching}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say about one test of a claim."""

    test: ClaimTest
    verdict: str
    """SUPPORTED, REFUTED or UNDECIDED."""
    found: Comparison | None = None
    """First arm minus second, in the measure's unit; None if nothing could be measured."""
    remark: str = ""
    """What the reader has to know beside the numbers."""
    hollow: bool = False
    """Whether its runs did not learn what is measured: the rule speaks, and shows nothing."""

    @property
    def coverage(self) -> float:
        """Of the interval that the test's rule reads."""
        return 0.90 if by_equivalence(self.test) else 0.95

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of that interval; NaN where there is none."""
        return self.found.shown_interval(self.coverage) if self.found else (math.nan, math.nan)

    @property
    def seeds(self) -> int:
        """Pairs of seeds."""
        return min(self.found.seeds) if self.found else 0


def by_equivalence(test: ClaimTest) -> bool:
    """Whether a test's rule asks for two one-sided tests."""
    return test.rule in ("equal", "lower by equivalence test")


def decide(rule: str, found: Comparison, margin: float) -> str:
    """Returns what an effect says about a claim, by the rule that claims.toml explains.

    One that is the same in all seeds, as times can be that are read off at a few looks, is taken as it is.
    """
    if math.isnan(found.degrees):
        return UNDECIDED
    if rule in ("lower", "higher"):
        low, high = found.interval()
        if rule == "higher":
            low, high = -high, -low
        return SUPPORTED if high < -margin else REFUTED if low > -margin else UNDECIDED
    outcome = equivalence(found, margin).outcome
    if outcome == "inconclusive":
        return UNDECIDED
    if rule == "equal":
        return SUPPORTED if outcome == "equivalent" else REFUTED
    return SUPPORTED if outcome == "not equivalent" and found.difference < 0 else REFUTED


def judge(test: ClaimTest, found: Comparison, remark: str = "") -> Verdict:
    """Returns the verdict on a test from the difference of its arms; too few seeds leave it undecided.

    Args:
        remark: what the reader has to know beside the numbers.
    """
    few = min(found.seeds) < test.seeds
    verdict = UNDECIDED if few else decide(test.rule, found, test.margin)
    alike = [] if found.varies else ["the same in all seeds, so there is no interval"]
    remarks = [f"{test.seeds} seeds are asked for"] * few + alike + [remark] * bool(remark)
    return Verdict(test=test, verdict=verdict, found=found, remark="; ".join(remarks))


def start_verdict(test: ClaimTest, one: Sequence[Run], other: Sequence[Run]) -> Verdict:
    """C1: returns whether the first arm starts at a lower loss, paired over seeds.

    Args:
        test: C1a, C1b, C1c or C1d.
        one: runs of the pretrained arm, one for each seed.
        other: runs of the scratch arm.
    """
    found = value_gap(one, other, START_TESTS[test.id])
    if found is None:
        return Verdict(test=test, verdict=UNDECIDED, remark="the arms share no seed, or a loss is not finite")
    return judge(test, found)


def passage_of(test: ClaimTest, run: Run) -> Passage:
    """Returns when a run came to the level of a test."""
    return PASSAGE_TESTS[test.id](run.evaluations.get(test.split or ""), test.level or math.nan)


def clock_at(run: Run, split: str, clock: str, step: float) -> float:
    """Returns what a run's clock shows at a step, straight between the evaluations of a split."""
    columns = run.evaluations[split]
    return float(np.interp(step, columns["step"], columns[clock]))


def passage_verdict(test: ClaimTest, one: Sequence[Run], other: Sequence[Run]) -> Verdict:
    """C2 and C3: returns whether the first arm comes to a level earlier, paired over seeds.

    A time counts up to the last step for which every run was watched, as a share of what the run's own clock shows
    there: the restricted mean, which is defined also when a run never arrives (Royston and Parmar 2013). So a run on a
    busy machine counts as the same run on a quiet one. If no run of either arm arrives, nothing is known.

    Args:
        test: C2a, C2b, C2c or C3b.
        one: runs of the pretrained arm, one for each seed.
        other: runs of the scratch arm.
    """
    pairs = seed_pairs(one, other)
    clock, split = test.clock or "", test.split or ""
    if not pairs or any(split not in run.evaluations for pair in pairs for run in pair):
        reason = f"the arms share no seed, or a run has no evaluations of {split}"
        return Verdict(test=test, verdict=UNDECIDED, remark=reason)
    cut = min(float(run.evaluations[split]["step"][-1]) for pair in pairs for run in pair)
    ends = np.array([[clock_at(run, split, clock, cut) for run in pair] for pair in pairs])
    times = np.array([[float(getattr(passage_of(test, run), clock)) for run in pair] for pair in pairs])
    arrived = (times <= ends).sum(axis=0)
    shares = np.minimum(times, ends) / ends
    own = "" if clock == "step" else ", timed by each run's own clock"
    remark = f"{arrived[0]} and {arrived[1]} of {len(pairs)} runs came to {test.level:g} within {cut:,.0f} steps{own}"
    if not arrived.any():
        return Verdict(test=test, verdict=UNDECIDED, remark=remark)
    return judge(test, compare_values(shares[:, 0], shares[:, 1]), remark)


def verdict_on(test: ClaimTest, one: Sequence[Run], other: Sequence[Run]) -> Verdict:
    """Returns the verdict on a test of `START_TESTS` or `PASSAGE_TESTS`."""
    return (start_verdict if test.id in START_TESTS else passage_verdict)(test, one, other)


def shows_nothing(verdict: str, tests: Sequence[Verdict]) -> bool:
    """Whether the tests that carry a verdict, of a claim or a single test, are about runs that did not learn.

    To support a claim takes all of its tests, so that one such is enough; else one that is about others carries it.
    """
    deciding = [each for each in tests if each.test.decides] or tests
    hollow = [each.hollow for each in deciding if each.verdict == verdict]
    return any(hollow) and (verdict == SUPPORTED or all(hollow))


def claim_verdict(verdicts: Sequence[Verdict]) -> str:
    """Returns the verdict on a whole claim: all its deciding tests must support it, and one is enough to refute it."""
    found = {each.verdict for each in verdicts if each.test.decides}
    return REFUTED if REFUTED in found else SUPPORTED if found == {SUPPORTED} else UNDECIDED
