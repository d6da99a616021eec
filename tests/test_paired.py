"""The crossed comparison: exact cases against scipy, variance components and coverage against simulations."""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.records.reading import RecordError
from analysis.records.runs import load_run
from analysis.statistics.intervals import t_quantile, t_upper_tail
from analysis.statistics.paired import (
    Comparison,
    compare_items,
    compare_values,
    correctness,
    pseudo_values,
    satterthwaite,
    weighted_degrees,
)
from analysis.statistics.simulation import METHODS, Setting, simulate
from tests.synthetic_runs import write_run


def gaps(seeds: int, items: int, sds: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Crossed gaps with known standard deviations of seed, item and residual; mean 0."""
    seed, item, rest = sds
    effects = seed * rng.standard_normal((seeds, 1)) + item * rng.standard_normal(items)
    return effects + rest * rng.standard_normal((seeds, items))


@pytest.mark.parametrize("degrees", [1.0, 1.7, 2.5, 8.02, 333.3, 4999.0, 1e6])
@pytest.mark.parametrize("coverage", [0.01, 0.6, 0.95, 0.9999])
def test_fractional_degrees_agree_with_scipy(coverage: float, degrees: float) -> None:
    t = stats.t.ppf((1 + coverage) / 2, degrees)
    assert t_quantile(coverage, degrees) == pytest.approx(t, rel=1e-8)
    assert t_upper_tail(-t, degrees) == pytest.approx(stats.t.sf(-t, degrees), rel=1e-9)


@pytest.mark.parametrize("shapes", [(3, 3), (2, 5), (10, 4)])
def test_values_agree_with_scipy(shapes: tuple[int, int]) -> None:
    rng = np.random.default_rng(shapes)
    one, other = rng.normal(0.6, 0.01, shapes[0]), rng.normal(0.5, 0.05, shapes[1])
    theirs = stats.ttest_ind(one, other, equal_var=False)
    found = compare_values(one, other, paired=False)
    assert found.degrees == pytest.approx(theirs.df, rel=1e-9)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval(0.95)), rel=1e-8)
    if shapes[0] == shapes[1]:
        interval = stats.ttest_rel(one, other).confidence_interval(0.9)
        assert compare_values(one, other).interval(0.9) == pytest.approx(tuple(interval), rel=1e-8)


def mean_squares(matrix: np.ndarray) -> tuple[float, float, float]:
    """Of seeds, items and the rest, by sums over all cells: the textbook's two-way table with one value a cell."""
    seeds, items = matrix.shape
    mean, rows, columns = matrix.mean(), matrix.mean(axis=1), matrix.mean(axis=0)
    rest = sum((matrix[s, i] - rows[s] - columns[i] + mean) ** 2 for s in range(seeds) for i in range(items))
    of_seeds = items * sum((row - mean) ** 2 for row in rows) / (seeds - 1)
    of_items = seeds * sum((column - mean) ** 2 for column in columns) / (items - 1)
    return of_seeds, of_items, rest / ((seeds - 1) * (items - 1))


def test_the_standard_error_is_the_sum_of_the_components() -> None:
    rng = np.random.default_rng(1)
    one, other = gaps(4, 30, (1, 1, 1), rng), gaps(4, 30, (0, 1, 1), rng)
    seeds, items, rest = mean_squares(one - other)
    found = compare_items(one, other)
    assert items > rest
    assert found.standard_error**2 == pytest.approx(seeds / 120 + (items - rest) / 120)
    assert (found.seeds, found.items, found.over) == ((4, 4), 30, "seeds and items")


@pytest.mark.parametrize("paired", [True, False])
def test_the_error_is_estimated_without_bias(paired: bool) -> None:
    sds = (0.3, 0.5, 0.8)
    rng, found = np.random.default_rng(3), []
    for _ in range(4_000):  # the standard error of the mean below is at most 1.3% of it
        one, other = gaps(5, 40, sds, rng), gaps(5, 40, (0, 0, 0), rng)
        found.append(compare_items(one, other, paired=paired).standard_error ** 2)
    truth = [sd**2 for sd in sds]
    assert np.mean(found) == pytest.approx(truth[0] / 5 + truth[1] / 40 + truth[2] / 200, rel=0.06)


def test_a_negative_seed_variance_does_not_narrow_or_widen_the_interval() -> None:
    rest = np.random.default_rng(2).standard_normal((3, 200))
    level = rest - rest.mean(axis=1, keepdims=True)  # all seeds equally good: less spread than the residual implies
    _, items, noise = mean_squares(level)
    found = compare_items(level, np.zeros_like(level))
    assert found.standard_error**2 == pytest.approx(max(0.0, items - noise) / 600)


def test_a_negative_item_variance_counts_as_none() -> None:
    row = np.array([1.0, -1.0])
    matrix = np.outer([0.1, 0.2, 0.4], np.ones(4)) + np.vstack([np.tile(row, 2), np.tile(-row, 2), np.zeros(4)])
    found = compare_items(matrix, np.zeros_like(matrix))
    assert found.standard_error == pytest.approx(stats.sem([0.1, 0.2, 0.4]))
    assert found.degrees == pytest.approx(2)


def test_one_seed_speaks_about_items_alone_and_says_so() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.integers(0, 2, (1, 400)), rng.integers(0, 2, (3, 400))
    found = compare_items(one[:, :], other[:1])
    theirs = stats.ttest_rel(one[0], other[0]).confidence_interval(0.95)
    assert found.over == "items"
    assert found.interval() == pytest.approx(tuple(theirs), rel=1e-8)
    assert compare_items(one, other, paired=False).over == "items"


def test_one_seed_without_items_has_no_interval() -> None:
    found = compare_values(np.array([0.5]), np.array([0.4]))
    assert found.difference == pytest.approx(0.1)
    assert all(map(math.isnan, (*found.interval(), found.smallest_gap())))


def test_equal_answers_have_an_empty_interval() -> None:
    same = np.ones((3, 10))
    assert compare_items(same, same).interval() == (0, 0)


@pytest.mark.parametrize(("degrees", "off"), [(2.0, 0.035), (4.0, 0.01), (12.5, 1e-3), (4999.0, 1e-3)])
def test_smallest_gap_has_the_power_it_claims(degrees: float, off: float) -> None:
    """Nearly: Bloom's sum of quantiles takes a noncentral t for a shifted one, which costs power at few degrees."""
    shared = {"difference": 0.0, "seeds": (3, 3), "items": 0, "over": "seeds"}
    gap = Comparison(**shared, standard_error=2.0, degrees=degrees).smallest_gap()
    critical = stats.t.ppf(0.975, degrees)
    assert stats.nct.sf(critical, degrees, gap / 2.0) == pytest.approx(0.8, abs=off)


@pytest.mark.parametrize(
    ("one", "other", "paired"),
    [
        ((3, 5), (3, 6), True),
        ((3, 5), (2, 5), True),
        ((3, 1), (3, 1), True),
        ((0, 5), (0, 5), False),
        ((5,), (5,), True),
    ],
)
def test_what_does_not_fit_is_refused(one: tuple[int, ...], other: tuple[int, ...], paired: bool) -> None:
    with pytest.raises(ValueError, match="seeds"):
        compare_items(np.zeros(one), np.zeros(other), paired=paired)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        compare_values(np.array([0.1, math.nan]), np.array([0.1, 0.2]))


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_degrees_cover_at_every_share_of_seed_variance(seeds: int, share: float) -> None:
    rng = np.random.default_rng(seeds)
    draws, few = 20_000, seeds - 1
    estimate = share * rng.chisquare(few, draws) / few
    degrees = np.array([weighted_degrees((v, few), (1 - share, 4999)) for v in estimate])
    t = np.abs(rng.standard_normal(draws)) / np.sqrt(estimate + 1 - share)
    assert 0.93 < np.mean(t < stats.t.ppf(0.975, degrees)) < 0.97


def test_satterthwaite_alone_would_not_cover() -> None:
    rng = np.random.default_rng(3)
    estimate = 0.9 * rng.chisquare(2, 20_000) / 2
    degrees = np.array([satterthwaite((v, 0.1), (2, 4999)) for v in estimate])
    t = np.abs(rng.standard_normal(20_000)) / np.sqrt(estimate + 0.1)
    assert np.mean(t < stats.t.ppf(0.975, degrees)) < 0.93


def test_the_simulation_finds_what_fails() -> None:
    setting = Setting(quantity="accuracy", seeds=3, paired=True, seed_sd=0.02)
    found = simulate(setting, 300, np.random.default_rng(1))
    assert set(found) == set(METHODS)
    assert 0.91 < found["ours"]["coverage"] < 0.98
    assert found["normal over items"]["coverage"] < 0.75
    assert found["bootstrap over seeds"]["coverage"] < 0.85


def test_correctness_reads_predictions(tmp_path: Path) -> None:
    runs = [load_run(write_run(tmp_path, "scratch", seed)) for seed in (0, 1)]
    matrix = correctness(runs, "test")
    assert matrix.shape == (2, 300)
    for row, run in zip(matrix, runs, strict=True):
        rows = [r for r in run.predictions if r["split"] == "test"]
        assert row.tolist() == [float(r[r["gold"]]) == 0.8 for r in rows]
    runs[1].predictions.reverse()
    assert (correctness(runs, "test") == matrix).all(), "by the item, not by its place in the file"
    shorter = load_run(tmp_path / "runs" / "scratch-seed1")
    shorter.predictions.pop(0)
    with pytest.raises(RecordError, match="other items"):
        correctness([runs[0], shorter], "test")


@pytest.mark.parametrize("runs", [3, 5])
def test_a_run_s_share_in_a_mean_over_pairs_is_its_own_where_pairs_add_up(runs: int) -> None:
    """Of x(a, b) = (u(a) + u(b)) / 2 each run's share is u; of any x the shares' mean is the mean over pairs."""
    rng = np.random.default_rng(runs)
    own = rng.normal(size=(runs, 7))
    pairs = list(combinations(range(runs), 2))
    shares = pseudo_values({(a, b): (own[a] + own[b]) / 2 for a, b in pairs})
    np.testing.assert_allclose(shares, own, atol=1e-12)
    drawn = {pair: rng.normal(size=7) for pair in pairs}
    np.testing.assert_allclose(pseudo_values(drawn).mean(axis=0), np.mean(list(drawn.values()), axis=0), atol=1e-12)
