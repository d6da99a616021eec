"""The difference between two arms, with an interval that speaks about new seeds and new test items at once.

Model: the gap of seed s on item i is mean + seed_s + item_i + residual_si, all random, seeds and items crossed. With S
seeds and I items the mean gap has variance seed / S + item / I + residual / (S I).
Source: Searle, Casella and McCulloch 1992, Variance Components, ch. 4 (moment estimates); Baayen, Davidson and Bates
2008, J. Mem. Lang. 59 (crossed seeds and items); Owen 2007, Ann. Appl. Stat. 1 (no resampling is exact for them).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.records.reading import RecordError
from analysis.records.runs import Run
from analysis.statistics.intervals import t_quantile

Array = NDArray[np.float64]


ROUNDING = 1e-12
"""A standard error up to this is that of equal values: shares and nats are of the size of 1."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A difference of means (first arm minus second) and how far it can be trusted."""

    difference: float
    standard_error: float
    degrees: float
    """Degrees of freedom of Student's t; NaN where one value allows no interval."""
    seeds: tuple[int, int]
    """Seeds of the first and of the second arm."""
    items: int
    """Test items that both arms answered; 0 for a quantity without items."""
    over: str
    """What the interval generalises over: `seeds and items`, `seeds`, or, with a single seed, `items`."""

    def interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Returns the ends of the interval; NaN where there is none."""
        if math.isnan(self.degrees):
            return math.nan, math.nan
        half = t_quantile(coverage, self.degrees) * self.standard_error
        return self.difference - half, self.difference + half

    @property
    def varies(self) -> bool:
        """Whether there is a spread; none, as of arms that answer alike, tells nothing about other seeds and items."""
        return self.standard_error > ROUNDING

    def shown_interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Returns the interval as a report shows it: NaN, too, where nothing varies."""
        return self.interval(coverage) if self.varies else (math.nan, math.nan)

    def smallest_gap(self, power: float = 0.8) -> float:
        """Returns the true difference that a two-sided 5% test would find with this `power` (above 0.5).

        NaN where no interval is shown.
        Standard error times (t for 5% + t for the power); up to 6% too small at 2 degrees of freedom.
        Source: Bloom 1995, Evaluation Review 19.
        """
        if math.isnan(self.degrees) or not self.varies:
            return math.nan
        return (t_quantile(0.95, self.degrees) + t_quantile(2 * power - 1, self.degrees)) * self.standard_error


def satterthwaite(variances: Sequence[float], degrees: Sequence[float]) -> float:
    """Returns the degrees of freedom of a sum of independent variance estimates, all of a few degrees.

    Source: Satterthwaite 1946, Biometrics Bulletin 2; Welch 1947 for two of them.
    """
    total = math.fsum(variances)
    if total == 0:
        return min(degrees)
    return 1 / math.fsum((v / total) ** 2 / d for v, d in zip(variances, degrees, strict=True))


def weighted_degrees(few: tuple[float, float], many: tuple[float, float]) -> float:
    """Returns the degrees of freedom of a variance estimate of few degrees plus one of many.

    The reciprocal degrees are averaged with the two shares of the variance as weights. Satterthwaite squares the
    weights, which is right for known shares; with 2 degrees a small seed variance by luck then narrows the interval
    twice, and coverage falls to 92%. As t is nearly linear in the reciprocal degrees, this is close to weighting the
    quantiles themselves (Cochran and Cox 1957, Experimental Designs). `analysis.coverage` shows both.

    Args:
        few: (variance, degrees) over seeds.
        many: (variance, degrees) over items.
    """
    total = few[0] + many[0]
    if total == 0:
        return few[1]
    return 1 / (few[0] / total / few[1] + many[0] / total / many[1])


def residual_variance(matrix: Array) -> float:
    """Returns the mean square of what neither row nor column explains, for `(S, I)` with S and I above 1."""
    rest = matrix - matrix.mean(axis=1, keepdims=True) - matrix.mean(axis=0) + matrix.mean()
    return float((rest**2).sum() / ((matrix.shape[0] - 1) * (matrix.shape[1] - 1)))


def crossed(parts: Sequence[Array], seeds: tuple[int, int]) -> Comparison:
    """Returns the comparison whose gap is the sum of independent `(S, I)` parts over the same items."""
    item_gaps = np.sum([part.mean(axis=0) for part in parts], axis=0)
    difference, items = float(item_gaps.mean()), len(item_gaps)
    shared: dict[str, Any] = {"difference": difference, "seeds": seeds, "items": items}
    if min(map(len, parts)) == 1:
        error = math.sqrt(item_gaps.var(ddof=1) / items)
        return Comparison(**shared, standard_error=error, degrees=items - 1, over="items")
    residuals = [residual_variance(part) for part in parts]
    rows = [float(part.mean(axis=1).var(ddof=1)) for part in parts]
    noise = math.fsum(residual / len(part) for residual, part in zip(residuals, parts, strict=True))
    item = max(0.0, float(item_gaps.var(ddof=1)) - noise)
    # The mean squares over seeds hold seed and residual variance together and enter as they are: to split them, and to
    # cut a negative seed variance at 0, would make the interval narrower.
    spread = [row / len(part) for row, part in zip(rows, parts, strict=True)]
    over_seeds = math.fsum(spread), satterthwaite(spread, [len(part) - 1 for part in parts])
    over_items = item / items, items - 1.0
    return Comparison(
        **shared,
        standard_error=math.sqrt(over_seeds[0] + over_items[0]),
        degrees=weighted_degrees(over_seeds, over_items),
        over="seeds and items",
    )


def compare_items(one: Array, other: Array, *, paired: bool = True) -> Comparison:
    """Returns the difference in mean correctness, over seeds and items.

    Args:
        one: `(S, I)`, right (1) or wrong (0) for each seed and item of the first arm.
        other: the same items, `(S, I)`; with `paired`, row k of both arms has the same seed, else any number of rows.
        paired: whether the seeds pair up. Items always do.

    Raises:
        ValueError: shapes that do not fit, fewer than two items, or a value that is not finite.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or one.shape[1] < 2:
        raise ValueError(f"shapes {one.shape} and {other.shape}: expected (seeds, items), the same two or more items")
    check_seeds(one, other, paired)
    one, other = one.astype(np.float64), other.astype(np.float64)
    return crossed([one - other] if paired else [one, -other], (len(one), len(other)))


def pseudo_values(pairs: Mapping[tuple[int, int], Array]) -> Array:
    """Returns each run's share in a mean over all pairs of runs, whose mean is that mean; pairs share runs.

    Args:
        pairs: runs -> a quantity of the two, `(I,)`; every two of three or more runs.

    Returns:
        `(S, I)`, by run: S times the mean over all pairs, less S - 1 times that over the pairs without the run.

    Source: Tukey 1958; Arvesen 1969, Annals of Mathematical Statistics 40(6), for means over pairs.
    """
    runs = sorted({run for pair in pairs for run in pair})
    whole = np.mean(list(pairs.values()), axis=0)
    without = [np.mean([found for pair, found in pairs.items() if run not in pair], axis=0) for run in runs]
    return len(runs) * whole - (len(runs) - 1) * np.array(without)


def compare_values(one: Array, other: Array, *, paired: bool = True) -> Comparison:
    """Returns the difference in a quantity that has one value for each seed, such as a loss.

    Student's t over the paired gaps, or Welch's for unpaired seeds; the interval says nothing about other items.

    Args:
        one: `(S,)` of the first arm.
        other: `(S,)` of the second; with `paired`, by the same seeds.

    Raises:
        ValueError: lengths that do not fit, or a value that is not finite.
    """
    if one.ndim != 1 or other.ndim != 1:
        raise ValueError(f"shapes {one.shape} and {other.shape}: expected one value for each seed")
    check_seeds(one, other, paired)
    parts = [one - other] if paired else [one, -other]
    shared: dict[str, Any] = {
        "difference": float(one.mean() - other.mean()),
        "seeds": (len(one), len(other)),
        "items": 0,
    }
    if min(map(len, parts)) == 1:
        return Comparison(**shared, standard_error=math.nan, degrees=math.nan, over="seeds")
    spread = [float(part.var(ddof=1)) / len(part) for part in parts]
    degrees = satterthwaite(spread, [len(part) - 1 for part in parts])
    return Comparison(**shared, standard_error=math.sqrt(math.fsum(spread)), degrees=degrees, over="seeds")


def check_seeds(one: Array, other: Array, paired: bool) -> None:
    """Refuses arms without seeds, pairs without a partner, and values that are not finite."""
    if not len(one) or not len(other) or (paired and len(one) != len(other)):
        raise ValueError(f"{len(one)} and {len(other)} seeds cannot be compared{' in pairs' if paired else ''}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("a value to be compared is not finite")


def correctness(runs: Sequence[Run], split: str) -> Array:
    """Returns `(S, I)`, 1 where a run's prediction is right, items in the order of the first run.

    Raises:
        RecordError: a run has no predictions for the split, or others than the first run.
    """
    tables = [run.answers.get(split, {}) for run in runs]
    for run, table in zip(runs, tables, strict=True):
        if not table or table.keys() != tables[0].keys():
            raise RecordError(
                f"{run.id}/predictions.csv: split {split} is missing or has other items than {runs[0].id}"
            )
    return np.array([[table[item] for item in tables[0]] for table in tables], dtype=np.float64)
