"""Intervals for a handful of seeds and for a share of test items."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

LN3 = math.log(3)
"""Cross entropy, in nats, of a uniform guess among three labels."""

CHANCE = 1 / 3
"""Accuracy of a uniform guess among three labels."""

NORMAL_975 = 1.959963984540054
"""0.975 quantile of the standard normal distribution. Source: Abramowitz and Stegun 1964, table 26.1."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with a 95% interval; `low` and `high` are NaN where one value, or equal ones, allow no interval."""

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


def beta_fraction(x: float, a: float, b: float) -> float:
    """Returns the continued fraction of the incomplete beta function, by Lentz's method.

    Source: NIST DLMF 8.17.22; Press et al. 2007, Numerical Recipes, 5.2. Converges fast for x < (a + 1) / (a + b + 2).
    """
    c, d, value = 1.0, 0.0, 1.0
    for k in range(1, 100_000):
        m = k // 2
        top = -(a + m) * (a + b + m) if k % 2 else m * (b - m)
        term = top * x / ((a + k - 1) * (a + k))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Returns the regularised incomplete beta function I_x(a, b) for 0 <= x <= 1. Source: NIST DLMF 8.17."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    logarithm = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(logarithm) / (a * beta_fraction(x, a, b))


def t_distribution(t: float, degrees: float) -> float:
    """Returns P(|T| <= t) for Student's t and t >= 0; the degrees of freedom need not be whole.

    Source: Abramowitz and Stegun 1964, 26.7.1.
    """
    if math.isinf(t):
        return 1.0
    return incomplete_beta(t * t / (degrees + t * t), 0.5, degrees / 2)


def t_upper_tail(t: float, degrees: float) -> float:
    """Returns P(T > t) for Student's t: the p value of a one-sided test."""
    return (1 - math.copysign(t_distribution(abs(t), degrees), t)) / 2


def t_density(t: float, degrees: float) -> float:
    """Returns the density of Student's t."""
    logarithm = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(math.pi * degrees) / 2
    return math.exp(logarithm - (degrees + 1) / 2 * math.log1p(t * t / degrees))


def t_quantile(coverage: float, degrees: float) -> float:
    """Returns the t with P(|T| <= t) = `coverage`; 0.95 gives the usual two-sided value.

    Newton's method from the normal quantile: that lies below, and P is concave, so no step can overshoot.

    Raises:
        ValueError: coverage outside (0, 1) or degrees below 1.
    """
    if not 0 < coverage < 1 or not degrees >= 1:
        raise ValueError(f"no t quantile for coverage {coverage} and {degrees} degrees of freedom")
    t = NormalDist().inv_cdf((1 + coverage) / 2)
    while (step := (coverage - t_distribution(t, degrees)) / (2 * t_density(t, degrees))) > 1e-12 * t:
        t += step
    return t


def mean_interval(values: Sequence[float], coverage: float = 0.95) -> Interval:
    """Returns mean and Student's t interval over seeds, with the range; no values give NaN.

    Equal values have no interval either: a few that agree do not show that all others would.
    """
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    least, most = (min(values), max(values)) if n else (math.nan, math.nan)
    half = math.nan
    if most > least:
        variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
        half = t_quantile(coverage, n - 1) * math.sqrt(variance / n)
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n, least=least, most=most)


def wilson(share: float, items: int) -> Interval:
    """Returns the 95% Wilson score interval of an accuracy over independent test items.

    Source: Wilson 1927, JASA 22, p. 209.
    """
    z2 = NORMAL_975**2
    centre = (share + z2 / (2 * items)) / (1 + z2 / items)
    half = NORMAL_975 * math.sqrt(share * (1 - share) / items + z2 / (4 * items**2)) / (1 + z2 / items)
    return Interval(mean=share, low=centre - half, high=centre + half, n=items, least=share, most=share)


def accuracy_interval(accuracies: Sequence[float], items: int) -> tuple[Interval, str]:
    """Returns the 95% interval of a mean accuracy over `seeds`, or over `test items` if there is one seed; and which.

    Args:
        accuracies: one for each seed.
        items: test items that each accuracy is a share of.
    """
    if len(accuracies) == 1 and items:
        return wilson(accuracies[0], items), "test items"
    return mean_interval(accuracies), "seeds"
