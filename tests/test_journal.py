"""A run that looks dead is told so, once, while it runs; one that does not is left in peace."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from tests.running import metrics, train
from train.evaluate import Evaluation
from train.journal import flush, watch
from train.rules import StopConfig
from train.state import TrainState
from train.stopping import Stopping

LN3 = math.log(3)


class Listener:
    """Stands for a job: hears what is said and what is logged."""

    def __init__(self, warmup_steps: int = 10, steps: int = 100) -> None:
        self.plan = SimpleNamespace(warmup_steps=warmup_steps, steps=steps)
        self.logged: list[str] = []
        self.said: list[str] = []
        self.records = SimpleNamespace(log=lambda _event, message, **_: self.logged.append(message))
        self.progress = SimpleNamespace(say=self.said.append)


def look(listener: Listener, state: TrainState, step: int, loss: float, accuracy: float = 0.33, examples: int = 1000):
    state.step = step
    watch(listener, state, loss, Evaluation(loss=0, accuracy=accuracy, examples=examples, logits_NC=torch.zeros(0)))


@pytest.fixture
def state():
    return TrainState(stopping=Stopping(StopConfig()))


@pytest.mark.parametrize(
    ("step", "warmup", "loss", "words"),
    [
        (30, 10, LN3, 1),
        (30, 10, LN3 - 0.019, 1),
        (29, 10, LN3, 0),  # three warm-ups are not over
        (25, 0, LN3, 1),
        (24, 0, LN3, 0),  # a quarter of the run is not over
        (99, 10, LN3 - 0.05, 0),  # learning
        (99, 10, LN3 + 0.3, 0),  # not at chance: something else
    ],
)
def test_at_chance_long_after_warm_up(state, step, warmup, loss, words):
    listener = Listener(warmup)
    look(listener, state, step, loss)
    assert len(listener.said) == len(listener.logged) == words
    assert all("--learning-rate" in line and "--warmup" in line and "layers" in line for line in listener.said)


@pytest.mark.parametrize(
    ("accuracy", "examples", "words"),
    [(0.2, 1000, 1), (0.25, 1000, 0), (0.2, 128, 0), (0.05, 128, 1), (0.0, 48, 0)],  # 6 deviations: .24, .08, none
)
def test_far_below_chance(state, accuracy, examples, words):
    listener = Listener()
    look(listener, state, 5, 1.5, accuracy, examples)
    assert len(listener.said) == words
    assert all("permuted" in line for line in listener.said)


def test_each_is_said_once(state):
    listener = Listener()
    for step in range(0, 100, 5):
        look(listener, state, step, LN3, accuracy=0.1)
    assert len(listener.said) == 2
    assert state.noticed == ["below chance", "at chance"]


def test_a_run_that_cannot_learn_hears_it_before_its_end(tmp_path, tiny_checkpoint):
    flags = ("--head-init", "zero", "--learning-rate", "1e-9", "--epochs", "1", "--set", "evaluation.probes=6")
    notes = metrics(train(tmp_path, tiny_checkpoint, *flags), "note")
    assert [note["step"] for note in notes] == [3]  # of 6; warm-up is one
    assert "the training loss is still 1.099" in notes[0]["message"]


def test_the_pace_is_told_at_the_last_of_the_updates_that_are_read_together(state):
    told: list[int] = []
    job = SimpleNamespace(
        precision=SimpleNamespace(device=torch.device("cpu"), scaler=None),
        records=SimpleNamespace(log=lambda *_, **__: None),
        progress=SimpleNamespace(update=lambda step, *_: told.append(step)),
    )
    tensors = (torch.tensor(1.0), torch.tensor(2.0), torch.tensor(0.5))
    for step in (1, 2, 3):
        entry = {"step": step, "examples": 4, "batches": [], "tensors": tensors, "norms": {}}
        state.pending.append(entry)
    flush(job, state)
    assert told == [3]
    flush(job, state)  # nothing is pending: nothing to tell
    assert told == [3]
    assert (state.epoch_loss, state.epoch_correct, state.epoch_examples) == (12.0, 6, 12)
