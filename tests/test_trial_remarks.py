"""What stands beside a trial's verdict: unequal tuning, a rate at the edge, how large rises are, what a run lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis.claims.trial_verdicts import needs_no_learning, trial_verdict
from analysis.claims.trials import TRIALS
from analysis.records.runs import Run
from analysis.report.claims_section import verdict_text
from tests.trial_runs import FROZEN, TESTS, judged, study, write_arm

RATES = (1e-4, 2e-4, 4e-4)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Full runs at one rate; frozen ones at the highest of two of which a third diverged."""
    found = {name: tmp_path / name for name in ("mnli", "freezing")}
    write_arm(found["mnli"], "full", 5, rate=RATES[0])
    write_arm(found["freezing"], "frozen", 5, rate=RATES[1], settings=FROZEN)
    write_arm(found["freezing"], "tried", 1, rate=RATES[0], settings=FROZEN)
    return found


def choose(folder: Path, *rates: float, chosen: float, diverged: float | None = None) -> None:
    entries = [{"learning_rate": rate, "validation_accuracy": None if rate == diverged else 0.5} for rate in rates]
    arm = {"rates": entries, "chosen": chosen, "at_edge": chosen in (min(rates), max(rates))}
    (folder / "choices.json").write_text(json.dumps({"frozen, sweep": {"pretrained": arm}}))


def test_unequal_tuning_is_said(folders: dict[str, Path]) -> None:
    choose(folders["freezing"], *RATES, chosen=RATES[1])
    assert judged("C4a", folders).remark == "rates tried: 1 and 2", "a choice among other runs than these"
    choose(folders["freezing"], *RATES, chosen=RATES[1], diverged=RATES[2])
    assert judged("C4a", folders).remark == "rates tried: 1 and 3"
    write_arm(folders["mnli"], "tried", 1, rate=RATES[1])
    write_arm(folders["mnli"], "tried-too", 1, rate=RATES[2])
    assert judged("C4a", folders).remark == ""


def test_a_chosen_rate_at_the_edge_is_said_of_its_side_alone(folders: dict[str, Path]) -> None:
    choose(folders["freezing"], *RATES[:2], chosen=RATES[1])
    assert "the rate of frozen is at the edge of those tried" in judged("C4a", folders).remark
    choose(folders["freezing"], *RATES[1:], chosen=RATES[1])
    assert "edge" not in judged("C4a", folders).remark, "another block's choice: it did not try the lowest rate here"


def test_a_share_of_rises_stands_beside_their_size(folders: dict[str, Path]) -> None:
    def flat(run: Run) -> Run:
        losses = np.where(np.arange(5) % 2, 1.099, 1.098)
        return replace(
            run,
            evaluations={
                **run.evaluations,
                "probe_train": {"loss": losses, "step": np.arange(5.0)}
                | {name: np.arange(5.0) for name in ("examples_seen", "train_seconds")},
            },
        )

    full, frozen = study(folders["mnli"]), study(folders["freezing"])
    frozen = replace(frozen, cells={cell: tuple(map(flat, runs)) for cell, runs in frozen.cells.items()})
    found = trial_verdict(TESTS["C12a"], TRIALS["C12a"], {"mnli": full, "freezing": frozen})
    remark = found.remark
    assert found.hollow and verdict_text("REFUTED", [found]) == "not testable: runs did not learn (by the rule REFUTED)"
    assert not judged("C12a", folders).hollow, "frozen runs that learned, too"
    curves = [run.evaluations["probe_train"]["loss"] for run in full.runs]
    rises = np.mean([sum(max(0.0, b - a) for a, b in pairwise(c)) for c in curves])
    assert f"rises sum to 0.002 and {rises:.3f} nats in the mean" in remark
    assert "0 of 5 and 5 of 5 runs left the plateau" in remark
    assert "a flat curve has a share near one half" in remark


def test_runs_that_never_learned_are_counted_whatever_is_measured(folders: dict[str, Path]) -> None:
    """A head at chance cannot overfit, nor be helped by another batch size: both sides look alike."""
    assert "plateau" not in judged("C4a", folders).remark
    for run in (folders["freezing"] / "runs").glob("frozen*"):
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        flat = [line | {"loss": 1.0986} if line.get("split") == "probe_train" else line for line in lines]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in flat))
    assert "5 of 5 and 0 of 5 runs left the plateau on the training probe" in judged("C4a", folders).remark
    assert not judged("C4a", folders).hollow and judged("C12a", folders).hollow, "accuracy is what it is"


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("accuracy", "hollow"), [(0.333, True), (0.345, True), (0.36, False)])
def test_seeds_that_agree_are_judged_over_test_pairs(seeds: int, accuracy: float, hollow: bool) -> None:
    """Over seeds they have no interval; of 3,000 pairs a guess is within 1.8 points of a third."""
    labels = {"splits": {"test": {"labels": dict.fromkeys("abc", 1000)}}}
    run = SimpleNamespace(accuracy=lambda _: accuracy, examples=lambda _: 3_000, data=labels)
    assert needs_no_learning(cast(list[Run], [run] * seeds)) == hollow


@pytest.mark.parametrize(("accuracy", "hollow"), [(0.36, True), (0.9, False)])
def test_accuracies_that_need_no_learning_decide_nothing(tmp_path: Path, accuracy: float, hollow: bool) -> None:
    """Their training loss may fall all the same: by memorising."""
    for size, reached in ((16, accuracy), (32, 0.34)):
        write_arm(tmp_path, f"batch-{size}", 5, size=1000, settings={"optim.batch_size": size} | FROZEN)
        for seed in range(5):
            path = tmp_path / "runs" / f"batch-{size}-seed{seed}" / "summary.json"
            summary = json.loads(path.read_text())
            summary["evaluations"]["after"]["test"]["accuracy"] = reached + (seed - 2) / 50
            path.write_text(json.dumps(summary))
    assert judged("C11b", {"batch-size": tmp_path}).hollow == hollow


def without(run: Run) -> dict[str, Any]:
    return {split: columns for split, columns in run.evaluations.items() if split != "probe_train"}


def broken(run: Run) -> dict[str, Any]:
    losses = run.evaluations["probe_train"]["loss"].copy()
    losses[2] = np.nan
    return {**run.evaluations, "probe_train": {**run.evaluations["probe_train"], "loss": losses}}


@pytest.mark.parametrize("harm", [without, broken])
def test_a_run_without_the_measure_leaves_a_test_undecided(folders: dict[str, Path], harm: Any) -> None:
    full, frozen = study(folders["mnli"]), study(folders["freezing"])
    harmed = [replace(run, evaluations=harm(run)) if run.seed == 1 else run for run in frozen.runs]
    studies = {"mnli": full, "freezing": replace(frozen, cells={(None, 5000): tuple(harmed)})}
    found = trial_verdict(TESTS["C12a"], TRIALS["C12a"], studies)
    assert (found.verdict, found.remark) == ("UNDECIDED", "a run lacks the measure")
