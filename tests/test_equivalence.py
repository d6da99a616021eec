"""Two one-sided tests agree with scipy's one-sided t tests and keep their error rate."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.equivalence import equivalence
from analysis.statistics.paired import compare_values

MARGIN = 0.02


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("gap", [0.0, 0.012, -0.03])
def test_p_value_agrees_with_scipy(paired: bool, gap: float) -> None:
    rng = np.random.default_rng(4)
    one, other = rng.normal(1.1 + gap, 0.01, 5), rng.normal(1.1, 0.008, 5)
    test = stats.ttest_rel if paired else lambda a, b, **k: stats.ttest_ind(a, b, equal_var=False, **k)
    above = test(one + MARGIN, other, alternative="greater").pvalue
    below = test(one - MARGIN, other, alternative="less").pvalue
    found = equivalence(compare_values(one, other, paired=paired), MARGIN)
    assert found.p_value == pytest.approx(max(above, below), rel=1e-6)
    assert (found.outcome == "equivalent") == (max(above, below) < 0.05)
    assert (found.outcome == "equivalent") == (found.low > -MARGIN and found.high < MARGIN)


@pytest.mark.parametrize(
    ("gaps", "outcome"),
    [
        ([0.001, -0.002, 0.0], "equivalent"),
        ([0.05, 0.06, 0.055], "not equivalent"),
        ([-0.05, -0.06, -0.055], "not equivalent"),
        ([0.05, -0.06, 0.0], "inconclusive"),
        ([0.015, 0.021, 0.018], "inconclusive"),
        ([0.0, 0.0, 0.0], "equivalent"),
        ([0.02, 0.02, 0.02], "inconclusive"),
        ([0.001], "inconclusive"),
    ],
)
def test_outcomes(gaps: list[float], outcome: str) -> None:
    assert equivalence(compare_values(np.array(gaps), np.zeros(len(gaps))), MARGIN).outcome == outcome


def test_at_the_margin_equality_is_claimed_one_time_in_twenty() -> None:
    rng = np.random.default_rng(5)
    draws = rng.normal(MARGIN, 0.004, (4000, 4))
    claimed = [equivalence(compare_values(row, np.zeros(4)), MARGIN).outcome == "equivalent" for row in draws]
    assert np.mean(claimed) == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_is_positive(margin: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        equivalence(compare_values(np.zeros(3), np.zeros(3)), margin)
