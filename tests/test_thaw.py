"""Gradual unfreezing: what learns in which epoch, what draws dropout, what is forgotten, and that a resume is exact."""

from __future__ import annotations

import signal

import pytest
import torch
from safetensors.torch import load_file

from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import UserError
from tests.running import metrics, record, train
from tests.torture.compare import different_records
from tests.torture.sabotage import before_call, send
from train import loop, session
from train.cli import parse_run
from train.freeze import set_learning
from train.interrupt import Interrupted
from train.plan import plan_run
from train.rules import FreezeConfig
from train.session import run

SMALL = EncoderConfig(vocab_size=20, hidden_size=8, num_hidden_layers=12, num_attention_heads=2, intermediate_size=8)
GRADUAL = ("--freeze", "all", "--set", "freeze.thaw_every=1", "--set", "freeze.thaws=2")
"""The tiny checkpoint has two layers: one learns in the second epoch, both from the third on."""
RESTART = ("--set", "freeze.restart=true")


def learning(model: SequenceClassifier) -> list[str]:
    """The parts whose every parameter learns; no part learns by half."""
    parts = {"embeddings": model.encoder.embeddings, "pooler": model.pooler, "head": model.head}
    parts |= {str(i): layer for i, layer in enumerate(model.encoder.layers)}
    found = {name: {p.requires_grad for p in part.parameters()} for name, part in parts.items() if part is not None}
    assert all(len(each) == 1 for each in found.values())
    return [name for name, each in found.items() if each == {True}]


@pytest.mark.parametrize(
    ("settings", "expected"),  # epoch -> number of top layers that learn, and whether the embeddings do
    [
        ({"layers": "all", "thaw_every": 5}, {0: 0, 4: 0, 5: 3, 9: 3, 10: 6, 15: 9, 19: 9, 20: (12,), 49: (12,)}),
        ({"layers": "all", "thaw_every": 5, "thaw_embeddings": False}, {4: 0, 5: 3, 20: 12, 49: 12}),
        ({"layers": "all", "thaw_every": 1, "thaws": 5}, {1: 3, 2: 5, 3: 8, 4: 10, 5: (12,)}),
        ({"layers": "8", "thaw_every": 2}, {0: 4, 2: 6, 4: 8, 6: 10, 8: (12,)}),
        ({"layers": "all"}, {0: 0, 49: 0}),
        ({"layers": "5"}, {0: 7, 49: 7}),
        ({"layers": "0"}, {0: 12}),
        ({"layers": "none"}, {0: (12,)}),
    ],
)
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_which_layers_learn_in_which_epoch(settings, expected, family):
    """The first line is the seed report's plan: from epoch 5 on, every 5 epochs, 3 more of the 12 layers, top first."""
    model = SequenceClassifier(EncoderConfig(**{**vars(SMALL), "family": family}))
    config = FreezeConfig(**settings)
    for epoch, layers in expected.items():
        set_learning(model, config, epoch)
        top, embeddings = (layers[0], ["embeddings"]) if isinstance(layers, tuple) else (layers, [])
        encoder_learns = layers != 0
        pooler = ["pooler"] if family == "bert" and encoder_learns else []
        assert learning(model) == [*embeddings, *pooler, "head", *map(str, range(12 - top, 12))], epoch


def test_more_frozen_layers_than_there_are_is_refused():
    with pytest.raises(UserError, match="cannot freeze 13 layers: the encoder has 12"):
        set_learning(SequenceClassifier(SMALL), FreezeConfig(layers="13"))


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("epoch", [0, 5])
def test_frozen_parts_are_in_evaluation_mode_unless_dropout_is_asked_for(epoch, dropout):
    model = SequenceClassifier(SMALL)
    set_learning(model, FreezeConfig(layers="all", thaw_every=5, dropout=dropout), epoch)
    awake = {
        name.split(".")[2] for name, m in model.named_modules() if name.startswith("encoder.layers.") and m.training
    }
    assert awake == ({str(i) for i in range(12)} if dropout else {"9", "10", "11"} if epoch == 5 else set())
    assert model.head.training


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--set", "freeze.thaw_every=1"), "thaw_every needs something frozen"),
        (("--freeze", "all", "--set", "freeze.thaw_every=0"), "thaw_every is 0"),
        (("--freeze", "all", "--set", "freeze.thaws=0"), "thaws is 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(flags, message):
    with pytest.raises(UserError, match=message):
        plan_run(parse_run(flags).config, 100)


def test_the_record_says_when_layers_thaw(tmp_path, tiny_checkpoint):
    directory = train(tmp_path, tiny_checkpoint, *GRADUAL, "--epochs", "4")
    notes = [
        (line["step"], line["message"]) for line in metrics(directory, "note") if "layers learn" in line["message"]
    ]
    assert notes == [(6, "the top 1 of 2 layers learn from here on"), (12, "the top 2 of 2 layers learn from here on")]


@pytest.mark.parametrize("restart", [(), RESTART])
@pytest.mark.parametrize("init", ["scratch", "pretrained"])
def test_a_resumed_run_thaws_as_an_undisturbed_one(tmp_path, tiny_checkpoint, init, restart):
    """Stopped while frozen, just before and just after a thaw, and once all learns."""
    flags = (*GRADUAL, *restart, "--init", init, "--epochs", "3")
    whole = train(tmp_path, tiny_checkpoint, *flags, name="whole")
    directory = tmp_path / "s" / "runs" / "cut"
    with before_call(loop, "train_step", 3, send(signal.SIGTERM)), pytest.raises(Interrupted):
        train(tmp_path, tiny_checkpoint, *flags, name="cut")
    again = ["--resume", str(directory), "--checkpoint", str(tiny_checkpoint)]
    for step in (3, 1, 3):  # after steps 6, 7 and 10
        with before_call(loop, "train_step", step, send(signal.SIGTERM)), pytest.raises(Interrupted):
            run(parse_run(again))
    run(parse_run(again))
    assert different_records(directory, whole) == []


def test_cached_features_serve_while_the_whole_encoder_is_frozen_and_no_longer(tmp_path, tiny_checkpoint, monkeypatch):
    asked: list[tuple[int, int]] = []
    original, state_of = SequenceClassifier.features, []
    monkeypatch.setattr(session, "fit", lambda job, state, saver: (state_of.append(state), loop.fit(job, state, saver)))

    def features(model, batch):
        if state_of and not state_of[0].stop_reason:
            asked.append((state_of[0].epoch, len(batch.first_B)))
        return original(model, batch)

    monkeypatch.setattr(SequenceClassifier, "features", features)
    train(tmp_path, tiny_checkpoint, *GRADUAL, "--epochs", "2", "--set", "evaluation.probes=0")
    pairs = [sum(n for epoch, n in asked if epoch == e) for e in (0, 1)]
    assert pairs == [96 + 48 + 48 + 48, 96 + 48]  # every set once; then training and validation


def test_figures_after_a_thaw_are_those_of_the_thawed_encoder(tmp_path, tiny_checkpoint):
    """Validation as recorded in the last epoch, against that of the last weights after training."""
    flags = (*GRADUAL, "--epochs", "3", "--set", "evaluation.last=true", "--set", "stop.monitor=train_loss")
    directory = train(tmp_path, tiny_checkpoint, *flags, "--learning-rate", "0.01")
    assert record(directory, "summary")["best"]["epoch"] == 3
    ends = [
        line for line in metrics(directory, "evaluation") if line["split"] == "validation" and "weights" not in line
    ]
    last = record(directory, "summary")["evaluations"]["last"]["validation"]
    assert ends[-1]["loss"] == pytest.approx(last["loss"], abs=1e-6)
    before, after = (load_file(f / "model.safetensors") for f in (tiny_checkpoint, directory / "export"))
    assert not torch.equal(*(w["bert.embeddings.word_embeddings.weight"] for w in (before, after)))


@pytest.mark.parametrize("restart", [(), RESTART])
def test_optimizer_and_schedule_go_on_or_begin_anew(tmp_path, tiny_checkpoint, monkeypatch, restart):
    kept: list[dict[int, float]] = []
    step = loop.train_step

    def note_step(job, state, batches):
        step(job, state, batches)
        groups = job.optimizer.state_dict()["state"]
        kept.append({number: float(state["step"]) for number, state in groups.items()})

    monkeypatch.setattr(loop, "train_step", note_step)
    directory = train(tmp_path, tiny_checkpoint, *GRADUAL, *restart, "--epochs", "4", "--warmup", "0.25")
    rates = [line["learning_rate"] for line in metrics(directory, "train")]
    climb = [1e-3 * i / 6 for i in range(6)]
    fall = [1e-3 * i / 18 for i in range(18, 0, -1)]
    assert rates == pytest.approx([*climb, *climb, *climb, *fall[:6]] if restart else [*climb, *fall], rel=1e-6)
    counts = [sorted(set(each.values())) for each in kept]
    assert counts[5] == [6]
    assert counts[6] == ([1] if restart else [1, 7])
    assert counts[17] == ([6] if restart else [6, 12, 18])
    assert counts[18] == ([7] if restart else [7, 13, 19])
    assert len(kept[5]) < len(kept[6]) < len(kept[12])
