"""Verdicts on the registered claims C1, C2 and C3: SUPPORTED, REFUTED or UNDECIDED, from runs or benchmark rounds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.claims import START_MEASURES
from analysis.equivalence import equivalence
from analysis.paired import Comparison, compare_values
from analysis.plateau import Passage, accuracy_reaching, loss_below
from analysis.register import Claim, ClaimTest, find_test
from analysis.runs import Run
from analysis.text import number

SUPPORTED, REFUTED, UNDECIDED = "SUPPORTED", "REFUTED", "UNDECIDED"

START_TESTS: dict[str, Callable[[Run], float]] = dict(
    zip(("C1a", "C1b", "C1c", "C1d"), START_MEASURES.values(), strict=True)
)
PASSAGE_TESTS = {"C2a": loss_below, "C2b": loss_below, "C2c": loss_below, "C3b": accuracy_reaching}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say about one test of a claim."""

    claim: str
    """Id of the test, such as `C1a`."""
    verdict: str
    """SUPPORTED, REFUTED or UNDECIDED."""
    effect: float
    """First arm minus second, in the measure's unit; NaN if nothing was measured."""
    interval: tuple[float, float]
    """At the coverage that the rule asks for; NaN where there is none."""
    n: int
    """Pairs of seeds, or rounds of a benchmark."""
    sentence: str


def decide(rule: str, low: float, high: float, margin: float) -> str:
    """Returns what an effect's interval says about a claim, by the rule that claims.toml explains."""
    if math.isnan(low):
        return UNDECIDED
    if rule == "higher":
        return decide("lower", -high, -low, margin)
    within, outside = -margin < low and high < margin, high < -margin or low > margin
    supported = {"lower": high < -margin, "lower by equivalence test": high < -margin, "equal": within}
    refuted = {"lower": low > -margin, "lower by equivalence test": within or low > margin, "equal": outside}
    return SUPPORTED if supported[rule] else REFUTED if refuted[rule] else UNDECIDED


def judge(test: ClaimTest, found: Comparison, note: str = "", *, undecided: bool = False) -> Verdict:
    """Returns the verdict on a test from the difference of its arms; too few seeds leave it undecided.

    Args:
        note: what the reader has to know beside the numbers.
        undecided: whether something else forbids a verdict.
    """
    by_equivalence = test.rule in ("equal", "lower by equivalence test")
    low, high = found.interval(0.90 if by_equivalence else 0.95)
    n = min(found.seeds)
    few = n < test.seeds
    verdict = UNDECIDED if few or undecided else decide(test.rule, low, high, test.margin)
    between = f"{90 if by_equivalence else 95}% interval {number(low, 4)} to {number(high, 4)}"
    parts = [f"{test.measure}, {test.arms[0]} minus {test.arms[1]}: {number(found.difference, 4)}, {between}, n = {n}"]
    parts += [f"{equivalence(found, test.margin).outcome} within ±{test.margin:g}"] if by_equivalence else []
    parts += [f"margin {test.margin:g}, smallest detectable gap {number(found.smallest_gap(), 4)}"]
    parts += [f"{test.seeds} are asked for"] if few else []
    parts += [note] if note else []
    return Verdict(
        claim=test.id,
        verdict=verdict,
        effect=found.difference,
        interval=(low, high),
        n=n,
        sentence=f"{verdict}. {'; '.join(parts)}.",
    )


def seed_pairs(one: Sequence[Run], other: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Returns the runs of both arms with the same seed, by seed."""
    theirs = {run.seed: run for run in other}
    return [(run, theirs[run.seed]) for run in sorted(one, key=lambda run: run.seed) if run.seed in theirs]


def nothing(test: ClaimTest, reason: str) -> Verdict:
    """Returns the verdict of a test for which there is nothing to compare."""
    missing = (math.nan, math.nan)
    sentence = f"{UNDECIDED}. {test.measure}: {reason}."
    return Verdict(claim=test.id, verdict=UNDECIDED, effect=math.nan, interval=missing, n=0, sentence=sentence)


def start_verdict(test: ClaimTest, one: Sequence[Run], other: Sequence[Run]) -> Verdict:
    """C1: returns whether the first arm starts at a lower loss, paired over seeds.

    Args:
        test: C1a, C1b, C1c or C1d.
        one: runs of the pretrained arm, one for each seed.
        other: runs of the scratch arm.
    """
    pairs = seed_pairs(one, other)
    if not pairs:
        return nothing(test, "the arms share no seed")
    losses = np.array([[START_TESTS[test.id](run) for run in pair] for pair in pairs])
    if not np.isfinite(losses).all():
        return nothing(test, "a loss is not finite")
    return judge(test, compare_values(losses[:, 0], losses[:, 1]))


def passage_of(test: ClaimTest, run: Run) -> Passage:
    """Returns when a run came to the level of a test."""
    return PASSAGE_TESTS[test.id](run.evaluations.get(test.split or ""), test.level or math.nan)


def passage_verdict(test: ClaimTest, one: Sequence[Run], other: Sequence[Run]) -> Verdict:
    """C2 and C3: returns whether the first arm comes to a level earlier, paired over seeds.

    A time counts up to a horizon that every run was watched for, as a share of it: the restricted mean, which is
    defined also when a run never arrives (Royston and Parmar 2013). If no run of either arm arrives, nothing is known.

    Args:
        test: C2a, C2b, C2c or C3b.
        one: runs of the pretrained arm, one for each seed.
        other: runs of the scratch arm.
    """
    pairs = seed_pairs(one, other)
    clock, split = test.clock or "", test.split or ""
    if not pairs or any(split not in run.evaluations for pair in pairs for run in pair):
        return nothing(test, f"the arms share no seed, or a run has no evaluations of {split}")
    horizon = min(float(run.evaluations[split][clock][-1]) for pair in pairs for run in pair)
    times = np.array([[float(getattr(passage_of(test, run), clock)) for run in pair] for pair in pairs])
    arrived = (times <= horizon).sum(axis=0)
    shares = np.minimum(times, horizon) / horizon
    reached = f"{arrived[0]} and {arrived[1]} of {len(pairs)} runs came to {test.level:g}"
    note = f"{reached} within {horizon:,.0f} ({clock}), the whole run here"
    return judge(test, compare_values(shares[:, 0], shares[:, 1]), note, undecided=not arrived.any())


def step_time_verdict(test: ClaimTest, one: Sequence[float], other: Sequence[float]) -> Verdict:
    """C3: returns whether a step of the first arm takes less time, paired over the rounds of one benchmark.

    Args:
        test: C3a.
        one: seconds per step of the pretrained arm, one for each round.
        other: of the scratch arm, in the same rounds.

    Raises:
        ValueError: unequal numbers of rounds, none, or a time that is not positive.
    """
    if min((*one, *other), default=0) <= 0:
        raise ValueError("seconds per step should be positive")
    return judge(test, compare_values(np.log(np.array(one)), np.log(np.array(other))))


def run_verdicts(register: Mapping[str, Claim], one: Sequence[Run], other: Sequence[Run]) -> list[Verdict]:
    """Returns the verdicts on all tests of C1, C2 and C3 that need nothing but the runs of the two arms."""
    starts = [start_verdict(find_test(register, id), one, other) for id in START_TESTS]
    return starts + [passage_verdict(find_test(register, id), one, other) for id in PASSAGE_TESTS]


def claim_verdict(claim: Claim, verdicts: Sequence[Verdict]) -> str:
    """Returns the verdict on a whole claim: all its deciding tests must support it, and one is enough to refute it."""
    known = {verdict.claim: verdict.verdict for verdict in verdicts}
    found = {known.get(test.id, UNDECIDED) for test in claim.tests if test.decides}
    return REFUTED if REFUTED in found else SUPPORTED if found == {SUPPORTED} else UNDECIDED
