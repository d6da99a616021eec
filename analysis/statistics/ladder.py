"""The arms between scratch and pretrained: the share of the gap in test accuracy that each one closes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.records.arms import Arm
from analysis.records.study import Cell, Study
from analysis.statistics.contrasts import headline_pair
from analysis.statistics.paired import Array, Comparison, compare_items, correctness

HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One arm between scratch and pretrained."""

    arm: Arm
    seeds: tuple[int, ...]
    """Those that scratch and pretrained have too."""
    gap: Comparison
    """Pretrained minus scratch over these seeds."""
    share: float
    """(arm - scratch) / (pretrained - scratch); NaN, as are both ends, unless the gap is clearly not zero."""
    low: float
    """The ends are NaN, too, of an arm that is right on just the pairs that scratch, or pretrained, is right on."""
    high: float


def covers_zero(found: Comparison) -> bool:
    """Whether the 95% interval includes 0; without an interval nothing is ruled out."""
    low, high = found.interval()
    return not (low > 0 or high < 0)


def furthest(inside: Callable[[float], bool], start: float, step: float) -> float:
    """Returns how far from `start` in the direction of `step` values stay inside, found by doubling and halving."""
    while inside(start + step):
        step *= 2
    low, high = 0.0, step
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(start + middle) else (low, middle)
    return start + low


def share_of_gap(arm: Array, scratch: Array, pretrained: Array) -> tuple[float, float, float]:
    """Returns the share of the gap that an arm closes, with its 95% interval.

    The interval holds every share r for which arm - scratch - r (pretrained - scratch) is not clearly different from
    zero, over seeds and items as for any difference. It is bounded because the gap itself is clearly not zero.
    Source: Fieller 1954, JRSS B 16.

    Args:
        arm: `(S, I)`, right (1) or wrong (0); so are the others, same seeds and items.

    Raises:
        ValueError: the gap is not clearly different from zero.
    """
    if covers_zero(gap := compare_items(pretrained, scratch)):
        raise ValueError(f"a gap of {gap.difference} has no share")
    share = compare_items(arm, scratch).difference / gap.difference

    def inside(candidate: float) -> bool:
        return covers_zero(compare_items(arm - scratch, candidate * (pretrained - scratch)))

    return share, furthest(inside, share, -1.0), furthest(inside, share, 1.0)


def rung(arm: Arm, pair: tuple[Arm, Arm]) -> Rung | None:
    """Returns an arm's place between scratch and pretrained; None without common seeds or predictions.

    Args:
        pair: the pretrained and the scratch arm.

    Raises:
        RecordError: the runs answered different items.
    """
    by_seed = [{run.seed: run for run in each.runs} for each in (arm, *pair)]
    seeds = sorted(set.intersection(*map(set, by_seed)))
    runs = [found[seed] for found in by_seed for seed in seeds]
    if not seeds or any("test" not in run.answers for run in runs):
        return None
    ours, pretrained, scratch = np.split(correctness(runs, "test"), 3)
    gap = compare_items(pretrained, scratch)
    share, low, high = (math.nan,) * 3 if covers_zero(gap) else share_of_gap(ours, scratch, pretrained)
    if any(np.array_equal(ours, end) for end in (scratch, pretrained)):
        low = high = math.nan
    return Rung(arm=arm, seeds=tuple(seeds), gap=gap, share=share, low=low, high=high)


def rungs(study: Study) -> list[Rung]:
    """Returns the rungs of the main comparison on the test set, the highest share first; none without both ends."""
    pair = headline_pair(study.arms)
    between = [arm for arm in study.arms if pair and arm.init not in ("scratch", "pretrained")]
    found = [each for arm in between if pair and (each := rung(arm, pair))]
    return sorted(found, key=lambda each: -each.share if math.isfinite(each.share) else math.inf)


def other_rates(study: Study, arm: Arm) -> dict[float, int]:
    """Returns learning rate -> runs of the same init and size that the comparison does not use, rising."""
    first = arm.runs[0]
    rates = [
        run.learning_rate for run in study.cells[Cell(first.hidden, first.training_examples)] if run.init == arm.init
    ]
    return {rate: rates.count(rate) for rate in sorted(set(rates)) if rate != arm.learning_rate}
