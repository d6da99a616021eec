"""An exact interval against scipy's, and two groups of items against Welch's test and by their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.exact import exact_share
from analysis.statistics.groups import compare_groups, item_variance


@pytest.mark.parametrize(("successes", "trials"), [(0, 6), (1, 6), (3, 6), (6, 6), (17, 40)])
def test_a_share_has_the_interval_of_scipy(successes: int, trials: int):
    theirs = stats.binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="exact")
    assert exact_share(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_one_seed_has_welchs_interval():
    draws = np.random.default_rng(0)
    one, other = draws.normal(1, 1, (1, 15)), draws.normal(0, 3, (1, 12))
    theirs = stats.ttest_ind(one[0], other[0], equal_var=False).confidence_interval()
    found = compare_groups(one, other)
    assert found.interval() == pytest.approx((theirs.low, theirs.high))
    assert found.over == "items"


def test_items_that_are_all_alike_leave_the_t_interval_over_paired_seeds():
    seeds = np.array([[0.1], [0.4], [0.2]])
    gaps = np.array([0.3, 0.1, 0.35])
    one, other = np.tile(seeds + gaps[:, None], 5), np.tile(seeds, 7)
    theirs = stats.ttest_1samp(gaps, 0).confidence_interval()
    assert compare_groups(one, other).interval() == pytest.approx((theirs.low, theirs.high))


def test_the_order_of_a_groups_items_says_nothing():
    draws = np.random.default_rng(1)
    one, other = draws.random((3, 15)), draws.random((3, 15))
    assert compare_groups(one, other).interval() == pytest.approx(compare_groups(one[:, ::-1], other).interval())


def test_its_interval_holds_the_truth_19_times_in_20():
    draws = np.random.default_rng(2)

    def held() -> bool:
        bias = draws.normal(0, 0.05, (3, 2))
        groups = [draws.normal(mean, 0.2, 15) for mean in (0.7, 0.4)]
        matrices = [
            group + bias[:, [place]] + draws.normal(0, 0.1, (3, len(group))) for place, group in enumerate(groups)
        ]
        low, high = compare_groups(*matrices).interval()
        return low <= 0.3 <= high

    assert 0.92 <= np.mean([held() for _ in range(800)]) <= 0.99


def test_a_group_of_one_item_is_refused():
    with pytest.raises(ValueError, match="two or more items each"):
        compare_groups(np.zeros((2, 1)), np.zeros((2, 3)))


def test_what_seeds_add_to_the_items_variance_is_taken_off():
    draws = np.random.default_rng(3)
    found = [item_variance(draws.normal(0, 0.2, (1, 15)) + draws.normal(0, 0.2, (3, 15))) for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.2**2, abs=0.004), "and not 4/3 of it"
