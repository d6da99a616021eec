"""What a training works with (Job, whose fields are never replaced) and what it keeps count of (TrainState)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from models.classifier import SequenceClassifier
from models.masked_lm import MaskedLanguageModel
from models.pretrained import LoadReport
from train.config import RunConfig
from train.evaluate import Examples
from train.plan import RunPlan
from train.precision import Precision
from train.progress import Progress
from train.records import RunDirectory
from train.stopping import Stopping

Model = TypeVar("Model", bound=SequenceClassifier | MaskedLanguageModel)
Data = TypeVar("Data", bound=Examples)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job(Generic[Model, Data]):
    """One training, ready to start: of a classifier on pairs, or of a masked language model on sentences."""

    config: RunConfig
    plan: RunPlan
    model: Model
    load_report: LoadReport
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler | None
    precision: Precision
    dropout: torch.Generator
    """The stream that every dropout mask comes from."""
    sets: Mapping[str, Data]
    """The encoded splits by name: train, validation and the tests."""
    ids: list[str]
    """Names of the training examples, for messages."""
    records: RunDirectory
    progress: Progress

    @property
    def train(self) -> Data:
        """The training examples."""
        return self.sets["train"]

    @property
    def validation(self) -> Data:
        """The validation examples."""
        return self.sets["validation"]


@dataclass(kw_only=True)
class TrainState:
    """All that changes while training, beside model, optimizer, scaler and dropout stream.

    Every field but `pending` and `origin` goes into a checkpoint, `stopping` as its best figure and bad epochs.
    """

    stopping: Stopping
    step: int = 0
    """Updates tried."""
    updates: int = 0
    """Place in the schedule: updates tried, less those that the loss scaler skipped."""
    epoch: int = 0
    """Epochs ended, one that `max_steps` cut short included."""
    position: int = 0
    """Updates tried in the present epoch."""
    examples_seen: int = 0
    seconds: float = 0.0
    """Wall clock of training, evaluation included, up to the last `tick`."""
    train_seconds: float = 0.0
    """The part of it spent in updates."""
    epoch_loss: float = 0.0
    """Sum over what was predicted in the present epoch with a finite loss; so are the next two."""
    epoch_correct: int = 0
    epoch_examples: int = 0
    skipped: int = 0
    """Updates left out because the gradient was not finite."""
    skipped_in_a_row: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    """Step, epoch, training loss, validation figures and the file's sha256 of the best weights."""
    before: dict[str, Any] = field(default_factory=dict)
    """Figures of validation and test sets before the first update."""
    stop_reason: str = ""
    noticed: list[str] = field(default_factory=list)
    """What `journal.watch` has found wrong with the run; each is said once."""
    pending: list[dict[str, Any]] = field(default_factory=list)
    """Updates whose loss is still on the device."""
    origin: float | None = None
    """When the clock would have read 0."""

    def restart_clock(self) -> None:
        """Training begins now: what was evaluated before does not count."""
        self.origin, self.seconds = None, 0.0

    def tick(self) -> None:
        """Bring the wall clock up to date; it starts, or goes on, at the first call."""
        now = time.perf_counter()
        if self.origin is None:
            self.origin = now - self.seconds
        self.seconds = now - self.origin
