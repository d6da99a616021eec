"""Loss and accuracy of a whole set: sums in, means once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.classifier import SequenceClassifier
from train.data.batches import fill_by_tokens
from train.distributed import all_gather_rows, shard
from train.precision import Precision
from train.workers import ask_each

CPU_TOKENS, GPU_TOKENS = 1_024, 16_384
"""Tokens of one forward pass. On a CPU a thread works on each: with MiniLM on 2 cores 512 were 5 to 10% slower, 2,048
as fast or up to 10% slower, before attention had groups. The GPU's was not measured: enough to fill it, little of its
memory."""


class Examples(Protocol):
    """What batches are made of."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""

    def __len__(self) -> int: ...

    def targets(self, indices: list[int]) -> int:
        """Over how many predictions the mean loss of the examples with these indices is taken."""


class Pairs(Examples, Protocol):
    """A set of pairs that a model can be asked about: encoded ones, or cached features."""

    @property
    def labels_N(self) -> Tensor:
        """Index into LABELS of each pair, on the host."""

    def logits(self, model: SequenceClassifier, indices: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Logits (B, C) and labels (B,) of the pairs with these indices, on the device."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """Means over the predictions of a set."""

    loss: float
    """Mean cross entropy in nats."""
    accuracy: float
    examples: int
    """Predictions made: as many as pairs, or as masked tokens."""

    def to_record(self) -> dict[str, float]:
        """The figures alone, whatever else was measured."""
        return {"loss": self.loss, "accuracy": self.accuracy, "examples": self.examples}


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation(Figures):
    """Figures over a set of pairs, and the logits behind them."""

    logits_NC: Tensor
    """In the set's own order, float32 on the host."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module has the mode it had, frozen parts too."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def evaluate(
    model: SequenceClassifier, pairs: Pairs, precision: Precision, indices: Sequence[int] | None = None
) -> Evaluation:
    """Evaluate on all pairs, or on those with the given indices."""
    chosen = list(range(len(pairs)) if indices is None else indices)
    with evaluating(model):
        logits_NC = run_batches(pairs, chosen, precision, lambda part: pairs.logits(model, part, precision.device)[0])
    labels_N = pairs.labels_N[torch.tensor(chosen)]
    return Evaluation(
        loss=F.cross_entropy(logits_NC.double(), labels_N).item(),
        accuracy=(logits_NC.argmax(1) == labels_N).double().mean().item(),
        examples=len(chosen),
        logits_NC=logits_NC,
    )


def run_batches(
    examples: Examples, indices: Sequence[int], precision: Precision, ask: Callable[[list[int]], Tensor]
) -> Tensor:
    """Ask about examples, longest first in batches of bounded tokens; one float32 row each, in the order given.

    Of several processes each asks about its share, and all have the rows.

    Args:
        ask: called in inference mode and under autocast, by several threads at once.
    """

    def answer(part: list[int]) -> Tensor:
        with torch.inference_mode(), precision.autocast():
            return ask([indices[i] for i in part]).float()

    lengths = [examples.lengths[index] for index in indices]
    order = sorted(range(len(indices)), key=lambda i: -lengths[i])
    own = shard(order)
    parts = fill_by_tokens(own, lengths, CPU_TOKENS if precision.device.type == "cpu" else GPU_TOKENS)
    rows = [row.cpu() for row in ask_each(answer, parts, precision.device)]  # a GPU is waited for once all are asked
    return all_gather_rows(rows, own, len(order))
