"""The plateau clock and first passages, on cases worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.records.arms import Arm
from analysis.records.reading import Columns
from analysis.records.runs import load_run
from analysis.statistics.measures import arrivals
from analysis.statistics.plateau import NEVER, PLATEAU_LEVEL, accuracy_reaching, first_run, loss_below
from analysis.tables.claims import passage_row
from tests.synthetic_runs import write_run


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


def test_an_arm_waits_until_its_runs_arrive_and_one_that_never_does_is_censored(tmp_path: Path) -> None:
    runs = []
    for seed, losses in enumerate([[1.1, 1.0, 1.0, 1.0, 1.0], [1.1, 1.1, 1.1, 1.0, 1.0], [1.1, 1.1, 1.1, 1.1, 1.0]]):
        run = load_run(write_run(tmp_path, "scratch", seed))
        run.evaluations["probe_validation"] = probe(losses)
        runs.append(run)
    arm = Arm(name="scratch", init="scratch", runs=tuple(runs))
    curve = arrivals(arm, "probe_validation", "step", loss_below, PLATEAU_LEVEL)
    theirs = stats.ecdf(stats.CensoredData(uncensored=[10, 30], right=[40])).sf
    assert curve.time.tolist() == theirs.quantiles.tolist()
    assert curve.share == pytest.approx(theirs.probabilities)
    assert passage_row(arm, "probe_validation", loss_below, PLATEAU_LEVEL, 2) == (
        *("scratch", "2 of 3", "30 (10 to never)"),
        *("960 (320 to never)", "15.0 (5.0 to never)"),
    )
