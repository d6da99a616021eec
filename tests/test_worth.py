"""Examples-worth on learning curves whose shift is known, and its parts against scipy."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize

from analysis.statistics import worth
from analysis.statistics.worth import examples_worth, matching_size, monotone

SIZES = (500, 1000, 2000, 4000, 8000, 16000)


def curve(examples: float) -> float:
    """Accuracy of the made-up scratch arm: five points for each doubling."""
    return 0.35 + 0.05 * math.log2(examples / 250)


def answers(accuracy: float, seeds: int, items: np.ndarray, rng: np.random.Generator, sd: float) -> np.ndarray:
    chance = np.clip(accuracy + sd * rng.standard_normal((seeds, 1)) + items, 0, 1)
    return (rng.random((seeds, len(items))) < chance).astype(float)


def study(doublings: float, seeds: int, rng: np.random.Generator, items: int = 1000, sd: float = 0.01):
    """Scratch by size, and pretrained at 1,000 examples, worth 2**doublings times as many."""
    difficulty = rng.uniform(-0.25, 0.25, items)

    def arm(accuracy: float) -> np.ndarray:
        return answers(accuracy, seeds, difficulty, rng, sd)

    return {size: arm(curve(size)) for size in SIZES}, arm(curve(1000 * 2**doublings))


@pytest.mark.parametrize("length", [2, 3, 8])
def test_monotone_agrees_with_scipy(length: int) -> None:
    rng = np.random.default_rng(length)
    for values in rng.standard_normal((50, length)):
        assert monotone(values) == pytest.approx(optimize.isotonic_regression(values).x)


@pytest.mark.parametrize("examples", [500, 700, 1000, 5555, 16000])
def test_a_curve_is_matched_by_its_own_size(examples: float) -> None:
    sizes = np.array(SIZES, dtype=float)
    size = matching_size(sizes, np.array([curve(n) for n in SIZES]), curve(examples))
    assert size == pytest.approx(examples if examples > 500 else 0)


def test_beyond_the_sizes_nothing_is_guessed() -> None:
    sizes, accuracies = np.array([100.0, 1000.0]), np.array([0.4, 0.5])
    assert matching_size(sizes, accuracies, 0.51) == math.inf
    assert matching_size(sizes, accuracies, 0.39) == 0
    assert matching_size(sizes, np.array([0.4, 0.4]), 0.41) == math.inf


def test_a_plateau_is_matched_where_it_begins() -> None:
    sizes = np.array([1.0, 10.0, 100.0, 1000.0])
    assert matching_size(sizes, np.array([0.3, 0.5, 0.5, 0.6]), 0.5) == pytest.approx(10)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_holds_a_known_shift(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "DRAWS", 300)
    rng = np.random.default_rng(6)
    held = []
    for _ in range(40):
        scratch, pretrained = study(2.4, seeds, rng, sd=0.01 if seeds > 1 else 0.0)
        _, low, high = examples_worth(scratch, pretrained, 1000).doublings
        held.append(low <= 2.4 <= high)
    assert np.mean(held) >= 0.85


def test_the_interval_is_no_wider_than_it_must_be() -> None:
    scratch, pretrained = study(2.4, 3, np.random.default_rng(7), items=4000, sd=0.002)
    middle, low, high = examples_worth(scratch, pretrained, 1000).doublings
    assert middle == pytest.approx(2.4, abs=0.25)
    assert 0.1 < high - low < 1.2


def test_seed_noise_widens_the_interval() -> None:
    def width(sd: float) -> float:
        scratch, pretrained = study(2.0, 3, np.random.default_rng(8), items=4000, sd=sd)
        _, low, high = examples_worth(scratch, pretrained, 1000).doublings
        return high - low

    assert width(0.02) > 1.5 * width(0.0)


def test_never_reached_is_said_as_a_bound() -> None:
    scratch, pretrained = study(6, 3, np.random.default_rng(9))
    found = examples_worth(scratch, pretrained, 1000)
    assert found.examples == math.inf
    assert str(found).startswith("more than 16,000 ") and found.text(found.examples) == "> 16,000"
    assert found.doublings[0] == math.inf


def test_below_the_smallest_size_is_said_as_a_bound() -> None:
    scratch, pretrained = study(-3, 3, np.random.default_rng(10))
    found = examples_worth(scratch, pretrained, 1000)
    assert str(found).startswith("at most 500 ") and found.text(found.examples) == "<= 500"
    assert found.doublings[0] == -math.inf


def test_the_same_seed_gives_the_same_interval() -> None:
    scratch, pretrained = study(2, 2, np.random.default_rng(11), items=200)
    assert examples_worth(scratch, pretrained, 1000) == examples_worth(scratch, pretrained, 1000)


CUTS: list[Callable] = [lambda s, p: ({500: s[500]}, p), lambda s, p: (s, p[:, 1:])]


@pytest.mark.parametrize("cut", CUTS)
def test_arms_that_do_not_fit_are_refused(cut: Callable) -> None:
    with pytest.raises(ValueError, match="expected two or more sizes"):
        examples_worth(*cut(*study(2, 2, np.random.default_rng(12), items=50)), 1000)
