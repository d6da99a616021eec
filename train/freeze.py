"""Which part of the model learns: gradients and modes. A frozen part is in evaluation mode and draws no dropout."""

from __future__ import annotations

from torch import nn

from models.classifier import SequenceClassifier
from models.errors import UserError
from train.config import FreezeConfig


def frozen_parts(model: SequenceClassifier, config: FreezeConfig) -> list[nn.Module]:
    """The modules that do not learn: none; the encoder with its pooler; or the embeddings and the lowest K layers.

    Raises:
        UserError: K is more than the encoder has.
    """
    encoder = model.encoder
    if config.layers == "none":
        return []
    if config.layers == "all":
        return [encoder] if model.pooler is None else [encoder, model.pooler]
    lowest = int(config.layers)
    if lowest > len(encoder.layers):
        raise UserError(f"cannot freeze {lowest} layers: the encoder has {len(encoder.layers)}")
    return [encoder.embeddings, *encoder.layers[:lowest]]


def set_learning(model: SequenceClassifier, config: FreezeConfig) -> None:
    """Everything learns and is in training mode, but for the frozen parts."""
    model.train().requires_grad_(True)
    for part in frozen_parts(model, config):
        part.eval().requires_grad_(False)
