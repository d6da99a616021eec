"""The small-sample intervals agree with scipy, which the project itself does not need."""

import math

import pytest
from scipy import stats

from analysis.statistics.intervals import mean_interval, t_quantile, wilson


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 30, 101])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95, 0.99])
def test_t_quantile_agrees_with_scipy(coverage: float, degrees: int) -> None:
    assert t_quantile(coverage, degrees) == pytest.approx(stats.t.ppf((1 + coverage) / 2, degrees), rel=1e-9)


@pytest.mark.parametrize("values", [[0.61, 0.66, 0.65], [1.0, 3.0], [0.2, 0.21, 0.25, 0.19, 0.3]])
def test_mean_interval_agrees_with_scipy(values: list[float]) -> None:
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
    assert (found.least, found.most, found.n) == (min(values), max(values), len(values))


def test_one_seed_has_no_interval() -> None:
    found = mean_interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.low)
    assert not found.contains(0.5)


@pytest.mark.parametrize(("right", "items"), [(170, 512), (0, 10), (10, 10), (333, 1000)])
def test_wilson_agrees_with_scipy(right: int, items: int) -> None:
    theirs = stats.binomtest(right, items).proportion_ci(0.95, method="wilson")
    found = wilson(right / items, items)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("coverage", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_impossible_quantiles_are_refused(coverage: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(coverage, degrees)
