"""Loss and accuracy of a whole set: sums in, means once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.classifier import SequenceClassifier
from train.data.batches import split_by_tokens
from train.data.encode import EncodedPairs
from train.precision import Precision

MAX_TOKENS = 4_096
"""Tokens of one forward pass: large enough to keep the cores busy, small enough for their caches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Figures over a set, and the logits behind them."""

    loss: float
    """Mean cross entropy in nats."""
    accuracy: float
    examples: int
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
    model: SequenceClassifier, pairs: EncodedPairs, precision: Precision, indices: Sequence[int] | None = None
) -> Evaluation:
    """Evaluate on all pairs, or on those with the given indices, longest first in batches of bounded tokens."""
    chosen = list(range(len(pairs)) if indices is None else indices)
    order = sorted(range(len(chosen)), key=lambda i: -pairs.length(chosen[i]))
    lengths = [pairs.length(index) for index in chosen]
    logits_NC = torch.empty(len(chosen), model.head.output.out_features)  # type: ignore[union-attr, arg-type]
    with evaluating(model), torch.inference_mode():
        for part in split_by_tokens(order, lengths, MAX_TOKENS):
            batch, _ = pairs.batch([chosen[i] for i in part])
            with precision.autocast():
                logits = model.classify(batch.to(precision.device))
            logits_NC[torch.tensor(part)] = logits.float().cpu()
    labels_N = pairs.labels_N[torch.tensor(chosen)]
    return Evaluation(
        loss=F.cross_entropy(logits_NC.double(), labels_N).item(),
        accuracy=(logits_NC.argmax(1) == labels_N).double().mean().item(),
        examples=len(chosen),
        logits_NC=logits_NC,
    )
