"""Smoothing and averaging of curves, on cases worked out by hand."""

import numpy as np
import pytest

from analysis.records.reading import Columns
from analysis.statistics.curves import first_share, loss_at_share, mean_curve, smooth, smoothing_window


def curve(steps: list[float], losses: list[float]) -> Columns:
    return {"step": np.array(steps), "train_seconds": np.array(steps) * 2, "loss": np.array(losses)}


def test_smooth_is_the_mean_of_the_window_and_of_what_exists_at_the_ends() -> None:
    values = np.array([1.0, 2.0, 6.0, 4.0, 5.0])
    assert smooth(values, 3) == pytest.approx([1.5, 3.0, 4.0, 5.0, 4.5])
    assert smooth(values, 1) == pytest.approx(values)


def test_smooth_does_not_move_a_fall_in_time() -> None:
    values = np.where(np.arange(101) < 50, 1.0, 0.0)
    crossing = np.argmax(smooth(values, 21) <= 0.5)
    assert crossing == 50


@pytest.mark.parametrize(("points", "window"), [(1, 1), (80, 1), (628, 13), (5000, 101)])
def test_the_window_is_odd_and_about_a_fiftieth(points: int, window: int) -> None:
    assert smoothing_window(points) == window


def test_mean_curve_uses_only_the_steps_that_all_seeds_have() -> None:
    found = mean_curve([curve([0, 10, 20], [1.0, 0.8, 0.2]), curve([0, 20, 30], [3.0, 0.6, 9.0])], "step", "loss")
    assert found.x == pytest.approx([0, 20])
    assert found.mean == pytest.approx([2.0, 0.4])
    assert found.low == pytest.approx([1.0, 0.2])
    assert found.high == pytest.approx([3.0, 0.6])


def test_mean_curve_averages_the_clock_at_equal_steps() -> None:
    slow = curve([0, 10], [1.0, 1.0]) | {"train_seconds": np.array([0.0, 40.0])}
    assert mean_curve([curve([0, 10], [1.0, 1.0]), slow], "train_seconds", "loss").x == pytest.approx([0, 30])


def test_shares_of_a_run() -> None:
    training = curve(list(range(1, 201)), [float(k) for k in range(1, 201)])
    assert first_share(training, 0.01) == 1.5
    assert first_share(training, 0.0001) == 1.0
    assert loss_at_share(training, 0.1) == pytest.approx(20.0)
    assert loss_at_share(training, 1.0) == pytest.approx(199.0)
