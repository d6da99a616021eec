"""Two mistakes of the seed report that are not repeated, and what each check says when the mistake is put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.classifier import SequenceClassifier
from models.dropout import Dropout
from tests.running import metrics, record, train
from train import loop, session, thaw
from train.freeze import set_learning
from train.rules import FreezeConfig

ERRATIC = (
    *("--init", "scratch", "--learning-rate", "0.03", "--epochs", "5"),
    *("--set", "evaluation.last=true", "--set", "optim.length_pool=50"),
)
"""So high a rate that the last epoch is not the best, in batches in which that is so."""
GRADUAL = ("--freeze", "all", "--set", "freeze.thaw_every=1", "--set", "freeze.thaws=2", "--epochs", "3")
"""The tiny checkpoint has two layers: one learns in the second epoch, both in the third."""


def check_best_weights(directory: Path) -> None:
    """What is tested after training are the weights of the best epoch."""
    summary = record(directory, "summary")
    at_end = [e for e in metrics(directory, "evaluation") if e["split"] == "validation" and "weights" not in e]
    losses = [e["loss"] for e in at_end]
    assert summary["best"]["epoch"] == 1 + losses.index(min(losses)) < len(losses)
    assert summary["evaluations"]["last"]["validation"]["loss"] == pytest.approx(losses[-1], abs=1e-6)
    assert summary["evaluations"]["after"]["validation"]["loss"] == pytest.approx(min(losses), abs=1e-6)
    assert losses[-1] > min(losses) + 1e-3


def test_the_best_weights_are_no_reference_to_the_last(tmp_path, tiny_checkpoint, monkeypatch):
    """The report kept `model.state_dict()`, whose tensors go on training: restoring it changes nothing."""
    check_best_weights(train(tmp_path, tiny_checkpoint, *ERRATIC, name="ours"))
    kept = {}
    monkeypatch.setattr(loop, "save_best", lambda job, _: kept.update(job.model.state_dict()))
    monkeypatch.setattr(session, "restore_best", lambda job, _: job.model.load_state_dict(kept))
    theirs = train(tmp_path, tiny_checkpoint, *ERRATIC, name="theirs")
    with pytest.raises(AssertionError):
        check_best_weights(theirs)
    evaluations = record(theirs, "summary")["evaluations"]
    assert evaluations["after"]["test"] == evaluations["last"]["test"]


@pytest.fixture
def drawn(monkeypatch) -> list[set[str]]:
    """Per update, the parts of the model that drew dropout."""
    steps: list[set[str]] = []
    names: dict[Dropout, str] = {}
    draw, step = Dropout.draw_mask, loop.train_step

    def note_draw(module, like):
        steps[-1].add(names[module])
        return draw(module, like)

    def note_step(job, state, batches):
        for name, module in job.model.named_modules():
            names[module] = ".".join(name.split(".")[: 3 if ".layers." in name else 2]).removeprefix("encoder.")
        steps.append(set())
        step(job, state, batches)

    monkeypatch.setattr(Dropout, "draw_mask", note_draw)
    monkeypatch.setattr(loop, "train_step", note_step)
    return steps


ALL = {"embeddings", "layers.0", "layers.1", "head.dropout"}
FROZEN = [{"head.dropout"}] * 6 + [{"layers.1", "head.dropout"}] * 6 + [ALL] * 6
"""What may draw in the updates of a gradual run's three epochs."""


@pytest.mark.parametrize("init", ["scratch", "pretrained"])
def test_a_frozen_block_draws_no_dropout_until_it_thaws(tmp_path, tiny_checkpoint, drawn, init):
    train(tmp_path, tiny_checkpoint, *GRADUAL, "--init", init)
    assert drawn == FROZEN


def test_the_check_sees_dropout_awake_in_frozen_blocks(tmp_path, tiny_checkpoint, drawn, monkeypatch):
    """The report called `model.train()` each epoch, which wakes every dropout, those of frozen layers too."""

    def theirs(model: SequenceClassifier, config: FreezeConfig, epoch: int = 0) -> None:
        set_learning(model, config, epoch)
        model.train()

    monkeypatch.setattr(thaw, "set_learning", theirs)
    train(tmp_path, tiny_checkpoint, *GRADUAL)
    assert drawn != FROZEN and drawn[6:] == [ALL] * 12  # before that the features are cached, and asked once


def test_a_frozen_lower_half_draws_no_dropout(tmp_path, tiny_checkpoint, drawn):
    train(tmp_path, tiny_checkpoint, "--freeze", "1", "--max-steps", "2")
    assert drawn == [{"layers.1", "head.dropout"}] * 2


def test_frozen_dropout_restores_what_the_seed_report_did(tmp_path, tiny_checkpoint, drawn):
    train(tmp_path, tiny_checkpoint, "--freeze", "all", "--frozen-dropout", "--max-steps", "2")
    assert drawn == [ALL] * 2
