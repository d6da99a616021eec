"""The plateau clock and first passages, on cases worked out by hand."""

import math

import numpy as np
import pytest

from analysis.plateau import NEVER, PLATEAU_LEVEL, accuracy_reaching, censored_median, first_run, loss_below
from analysis.records import Columns


def probe(losses: list[float], accuracies: list[float] | None = None) -> Columns:
    steps = 10.0 * np.arange(len(losses))
    found = {"step": steps, "examples_seen": 32 * steps, "train_seconds": 0.5 * steps}
    return found | {"loss": np.array(losses), "accuracy": np.array(accuracies or [0.3] * len(losses))}


@pytest.mark.parametrize(
    ("reached", "index"),
    [
        ([False, True, True], 1),
        ([True, False, True, True, True], 2),
        ([True, False, True], None),
        ([False, False, True], None),
        ([], None),
    ],
)
def test_two_in_a_row_are_needed(reached: list[bool], index: int | None) -> None:
    assert first_run(np.array(reached, dtype=bool), 2) == index


def test_the_plateau_level() -> None:
    assert pytest.approx(1.0486123) == PLATEAU_LEVEL


def test_one_low_evaluation_does_not_stop_the_clock() -> None:
    found = loss_below(probe([1.10, 1.00, 1.09, 1.04, 1.03, 1.2]), PLATEAU_LEVEL)
    assert (found.step, found.examples_seen, found.train_seconds) == (30, 960, 15)


def test_a_run_that_never_leaves_is_censored_not_dropped() -> None:
    assert loss_below(probe([1.10, 1.09, 1.0]), PLATEAU_LEVEL) == NEVER
    assert loss_below(None, PLATEAU_LEVEL) == NEVER


def test_the_level_itself_is_reached_by_an_accuracy_but_not_left_by_a_loss() -> None:
    assert accuracy_reaching(probe([1.0] * 3, [0.3, 0.4, 0.4]), 0.4).step == 10
    assert loss_below(probe([0.9, 0.9]), 0.9) == NEVER


def test_one_evaluation_is_enough_when_asked() -> None:
    assert loss_below(probe([1.1, 1.1, 0.9]), 1.0, consecutive=1).step == 20


@pytest.mark.parametrize(
    ("values", "median"),
    [([30, 10, math.inf], 30), ([10, math.inf, math.inf], math.inf), ([10, 20], 15), ([10, math.inf], math.inf)],
)
def test_never_counts_in_the_median(values: list[float], median: float) -> None:
    assert censored_median(values) == median
