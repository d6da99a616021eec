"""Are two means equal for all practical purposes? Two one-sided tests against a margin."""

import math
from dataclasses import dataclass

from analysis.statistics.intervals import t_upper_tail
from analysis.statistics.paired import Comparison

LEVEL = 0.05
"""Error rate of each of the two one-sided tests."""


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """What two one-sided tests say about a difference."""

    outcome: str
    """`equivalent`, `not equivalent`, or `inconclusive`."""
    low: float
    """90% interval: inside the margins exactly when both tests reject at 5%."""
    high: float
    p_value: float
    """The larger of the two one-sided p values; NaN where one value allows no test."""
    margin: float


def one_sided(distance: float, found: Comparison) -> float:
    """Returns the p value of the hypothesis that a mean lies 0 or below, found at `distance`."""
    if found.standard_error == 0:
        return 0.0 if distance > 0 else 1.0
    return t_upper_tail(distance / found.standard_error, found.degrees)


def equivalence(found: Comparison, margin: float) -> Equivalence:
    """Returns whether the true difference lies within -margin to margin.

    `equivalent` when the whole 90% interval lies inside, `not equivalent` when all of it lies outside, on one side;
    anything else, and a single seed without items, is `inconclusive`: not to find a difference is not to find equality.
    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15.

    Raises:
        ValueError: the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"the margin of an equivalence test is {margin}, must be positive")
    low, high = found.interval(1 - 2 * LEVEL)
    if math.isnan(low):
        return Equivalence(outcome="inconclusive", low=low, high=high, p_value=math.nan, margin=margin)
    p_value = max(one_sided(found.difference + margin, found), one_sided(margin - found.difference, found))
    outside = low > margin or high < -margin
    outcome = "equivalent" if p_value < LEVEL else "not equivalent" if outside else "inconclusive"
    return Equivalence(outcome=outcome, low=low, high=high, p_value=p_value, margin=margin)
