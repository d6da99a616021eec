"""Intervals for a handful of seeds and for a share of test items."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LN3 = math.log(3)
"""Cross entropy, in nats, of a uniform guess among three labels."""

CHANCE = 1 / 3
"""Accuracy of a uniform guess among three labels."""

NORMAL_975 = 1.959963984540054
"""0.975 quantile of the standard normal distribution. Source: Abramowitz and Stegun 1964, table 26.1."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with a 95% interval; `low` and `high` are NaN where one value allows no interval."""

    mean: float
    low: float
    high: float
    n: int
    """Number of values, one per seed (or of test items, for `wilson`)."""
    least: float
    most: float

    def contains(self, value: float) -> bool:
        """Whether the interval includes `value`; never, when there is no interval."""
        return self.low <= value <= self.high


def t_distribution(t: float, degrees: int) -> float:
    """Returns P(|T| <= t) for Student's t with a whole number of degrees of freedom.

    Source: Abramowitz and Stegun 1964, 26.7.3 (odd degrees) and 26.7.4 (even degrees).
    """
    theta = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return (theta + sine * total) * 2 / math.pi if odd else sine * total


def t_quantile(coverage: float, degrees: int) -> float:
    """Returns the t with P(|T| <= t) = `coverage`, by bisection; 0.95 gives the usual two-sided value.

    Raises:
        ValueError: coverage outside (0, 1) or degrees below 1.
    """
    if not 0 < coverage < 1 or degrees < 1:
        raise ValueError(f"no t quantile for coverage {coverage} and {degrees} degrees of freedom")
    low, high = 0.0, 1.0
    while t_distribution(high, degrees) < coverage:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if t_distribution(middle, degrees) < coverage else (low, middle)
    return high


def mean_interval(values: Sequence[float], coverage: float = 0.95) -> Interval:
    """Returns mean and Student's t interval over seeds, with the range; no values give NaN."""
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    half = math.nan
    if n > 1:
        variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
        half = t_quantile(coverage, n - 1) * math.sqrt(variance / n)
    least, most = (min(values), max(values)) if n else (math.nan, math.nan)
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n, least=least, most=most)


def wilson(share: float, items: int) -> Interval:
    """Returns the 95% Wilson score interval of an accuracy over independent test items.

    Source: Wilson 1927, JASA 22, p. 209.
    """
    z2 = NORMAL_975**2
    centre = (share + z2 / (2 * items)) / (1 + z2 / items)
    half = NORMAL_975 * math.sqrt(share * (1 - share) / items + z2 / (4 * items**2)) / (1 + z2 / items)
    return Interval(mean=share, low=centre - half, high=centre + half, n=items, least=share, most=share)
