"""Ten snapshots along a run, the same ones whether or not it was killed on the way."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.build import build_classifier
from models.errors import CheckpointError
from models.sources import find_checkpoint
from tests.running import record, train
from train import loop, session
from train.cli import parse_run
from train.interrupt import Interrupted
from train.session import run
from train.trajectory import snapshot_steps

KEEP = ("--init", "embeddings", "--keep-trajectory")


class KilledError(Exception):
    """Ends a run between two steps, as a lost machine would."""


def files_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "trajectory").iterdir()}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (90, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (12, [0, 1, 3, 4, 5, 7, 8, 9, 11, 12]),
        (2, [0, 1, 2]),
    ],
)
def test_snapshots_are_evenly_spaced(steps: int, expected: list[int]) -> None:
    assert snapshot_steps(steps, 10) == expected


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    return train(tmp_path_factory.mktemp("kept"), tiny_checkpoint, *KEEP)


def test_the_first_is_before_any_update_and_the_last_after_all(kept: Path, tiny_checkpoint: Path) -> None:
    index = json.loads((kept / "trajectory" / "index.json").read_text(encoding="utf-8"))["snapshots"]
    assert [entry["step"] for entry in index] == [0, 1, 3, 4, 5, 7, 8, 9, 11, 12]
    assert set(files_of(kept)) == {entry["file"] for entry in index} | {"index.json"}
    weights = [load_file(kept / "trajectory" / entry["file"]) for entry in index]
    checkpoint = find_checkpoint(str(tiny_checkpoint))
    model, _ = build_classifier(checkpoint, checkpoint.config, "embeddings", 0)
    assert all(torch.equal(tensor, weights[0][name]) for name, tensor in model.named_parameters())
    assert record(kept, "summary")["best"]["step"] == 12, (
        "the exported weights are the last ones only if these are best"
    )
    exported = load_file(kept / "export" / "model.safetensors")
    assert torch.equal(weights[-1]["head.output.weight"], exported["classifier.weight"])
    assert len({tensors["pooler.weight"].numpy().tobytes() for tensors in weights}) >= 9  # the first update's rate is 0


def test_it_changes_no_number_of_the_run(kept: Path, tmp_path: Path, tiny_checkpoint: Path) -> None:
    plain = train(tmp_path, tiny_checkpoint, "--init", "embeddings")
    assert not (plain / "trajectory").exists()
    assert record(plain, "summary")["weights_sha256"] == record(kept, "summary")["weights_sha256"]


def die() -> None:
    raise KilledError


def ask_to_stop() -> None:
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("end", "at"),
    [(die, 2), (die, 6), (die, 9), (ask_to_stop, 4)],
    ids=["before any checkpoint", "after one", "after snapshots that will be lost", "by a signal in a snapshot's step"],
)
def test_a_run_that_was_cut_short_ends_with_the_same_snapshots(
    kept: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, end: Callable, at: int
) -> None:
    usual = loop.train_step

    def step(job, state, batches):
        if state.step == at:
            end()
        usual(job, state, batches)

    monkeypatch.setattr(loop, "train_step", step)
    with pytest.raises((KilledError, Interrupted)):
        train(tmp_path, tiny_checkpoint, *KEEP, "--set", "save.every_steps=5")
    monkeypatch.undo()
    cut = tmp_path / "s" / "runs" / "run"
    (cut / "trajectory" / "step-10.safetensors").write_bytes(b"of another, longer life")
    run(parse_run(["--resume", str(cut), "--checkpoint", str(tiny_checkpoint)]))
    assert files_of(cut) == files_of(kept)


def test_an_early_end_is_kept_too(tmp_path: Path, tiny_checkpoint: Path) -> None:
    flags = ("--init", "scratch", "--set", "optim.learning_rate=1e-30", "--epochs", "9", "--patience", "1")
    ended = train(tmp_path, tiny_checkpoint, *flags, "--set", "trajectory=3")
    index = json.loads((ended / "trajectory" / "index.json").read_text(encoding="utf-8"))["snapshots"]
    last = record(ended, "summary")["steps"]
    assert [entry["step"] for entry in index] == [0, last]  # those planned are 0, 27 and 54
    assert last == 12


def test_a_planted_link_is_refused(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "target").mkdir()
    usual = session.begin

    def plant_and_begin(job):
        (job.records.path / "trajectory").symlink_to(tmp_path / "target", target_is_directory=True)
        return usual(job)

    monkeypatch.setattr(session, "begin", plant_and_begin)
    with pytest.raises(CheckpointError, match="trajectory: is a symbolic link"):
        train(tmp_path, tiny_checkpoint, *KEEP)
    assert list((tmp_path / "target").iterdir()) == []
