"""Kaplan-Meier agrees with scipy; medians and restricted means with textbook and hand-made cases."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.survival import kaplan_meier, median_time, restricted_mean

GEHAN_TIMES = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
GEHAN_SEEN = [True] * 9 + [False] * 12
"""Weeks of remission under 6-MP. Source: Freireich et al. 1963; Kalbfleisch and Prentice 2002, table 1.2."""

CASES = [
    (GEHAN_TIMES, GEHAN_SEEN),
    ([40, 60, 80], [True, True, True]),
    ([40, 160, 160], [True, False, False]),
    ([10, 20, 20, 30, 30], [True, True, False, False, True]),
]


@pytest.mark.parametrize(("times", "seen"), CASES)
def test_agrees_with_scipy(times: list[float], seen: list[bool]) -> None:
    event = [t for t, s in zip(times, seen, strict=True) if s]
    lost = [t for t, s in zip(times, seen, strict=True) if not s]
    sample = stats.CensoredData(uncensored=event, right=lost)
    theirs = stats.ecdf(sample).sf
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if not lost else np.errstate():
        low, high = theirs.confidence_interval(0.95, method="log-log")
    found = kaplan_meier(times, seen)
    inside = (found.share > 0) & (found.share < 1)
    assert found.time.tolist() == theirs.quantiles.tolist()
    assert found.share == pytest.approx(theirs.probabilities)
    assert found.low[inside] == pytest.approx(low.probabilities[inside])
    assert found.high[inside] == pytest.approx(high.probabilities[inside])
    assert np.isnan(found.low[~inside]).all()


def test_greenwood_and_median_of_the_textbook_example() -> None:
    curve = kaplan_meier(GEHAN_TIMES, GEHAN_SEEN)
    assert curve.share[curve.time == 10] == pytest.approx(0.753, abs=5e-4)
    assert curve.standard_error[curve.time == 10] == pytest.approx(0.0963, abs=5e-4)
    assert median_time(curve) == (23, 13, math.inf)


@pytest.mark.parametrize(
    ("times", "seen", "median"),
    [([40, 60, 80], [True] * 3, 60), ([40, 160, 160], [True, False, False], math.inf), ([5, 9], [False] * 2, math.inf)],
)
def test_median_of_few_runs(times: list[float], seen: list[bool], median: float) -> None:
    middle, low, high = median_time(kaplan_meier(times, seen))
    assert middle == median
    assert low <= middle <= high


def test_restricted_mean_without_losses_is_the_mean_of_the_cut_times() -> None:
    times = [40.0, 60.0, 80.0, 160.0]
    mean, error = restricted_mean(kaplan_meier(times, [True, True, True, False]), 100)
    cut = np.minimum(times, 100)
    assert mean == pytest.approx(cut.mean())
    assert error == pytest.approx(cut.std(ddof=0) / math.sqrt(4))


def test_restricted_mean_with_losses_against_simulation() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        event, lost = rng.exponential(10, 60), rng.uniform(5, 40, 60)
        lost[0] = event[0] = 100  # someone is watched up to the horizon
        found.append(restricted_mean(kaplan_meier(np.minimum(event, lost).tolist(), (event <= lost).tolist()), 15))
    means, errors = np.array(found).T
    truth = (59 * 10 * (1 - math.exp(-1.5)) + 15) / 60
    assert means.mean() == pytest.approx(truth, abs=0.1)
    assert errors.mean() == pytest.approx(means.std(), rel=0.1)


def test_a_horizon_nobody_was_watched_to_is_refused() -> None:
    with pytest.raises(ValueError, match="no run was watched up to 50"):
        restricted_mean(kaplan_meier([10, 40], [True, False]), 50)


@pytest.mark.parametrize(("times", "seen"), [([], []), ([1.0], [True, False]), ([math.inf], [False]), ([-1.0], [True])])
def test_impossible_times_are_refused(times: list[float], seen: list[bool]) -> None:
    with pytest.raises(ValueError, match="one finite time"):
        kaplan_meier(times, seen)
