"""An exact interval for a share of a few outcomes, where nothing is near normal."""

from analysis.statistics.intervals import incomplete_beta

HALVINGS = 60


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Returns the x with I_x(a, b) = `probability`, by halving."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def exact_share(successes: int, trials: int, coverage: float = 0.95) -> tuple[float, float]:
    """Returns the interval of a share that holds it at least as often as `coverage` says, whatever it is.

    Source: Clopper and Pearson 1934, Biometrika 26.
    """
    tail, failures = (1 - coverage) / 2, trials - successes
    low = beta_quantile(tail, successes, failures + 1) if successes else 0.0
    high = beta_quantile(1 - tail, successes + 1, failures) if failures else 1.0
    return low, high
