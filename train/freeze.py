"""Which part of the model learns in an epoch: gradients and modes. A frozen part draws no dropout, unless asked to."""

from __future__ import annotations

from torch import nn

from models.classifier import SequenceClassifier
from models.errors import UserError
from train.rules import FreezeConfig


def frozen_layers(config: FreezeConfig, layers: int, epoch: int) -> int:
    """How many of the encoder's layers do not learn in an epoch: the lowest ones.

    Each thaw frees the same share of those that were frozen at first, rounded up: a quarter of RoBERTa's twelve are
    three. Source: Howard and Ruder 2018, sec. 3.3 (gradual unfreezing, from the top).

    Raises:
        UserError: more are to be frozen than there are.
    """
    at_first = layers if config.layers == "all" else int(config.layers)
    if at_first > layers:
        raise UserError(f"cannot freeze {at_first} layers: the encoder has {layers}")
    thawed = -(-at_first * config.thaws_before(epoch) // config.thaws)
    return at_first - thawed


def frozen_parts(model: SequenceClassifier, config: FreezeConfig, epoch: int = 0) -> list[nn.Module]:
    """The modules that do not learn in an epoch: the embeddings and lowest layers; with `all`, the pooler too.

    Raises:
        UserError: more layers are to be frozen than the encoder has.
    """
    encoder = model.encoder
    if config.layers == "none":
        return []
    if config.holds_encoder(epoch):
        return [encoder] if model.pooler is None else [encoder, model.pooler]
    all_thawed = config.thaws_before(epoch) == config.thaws
    embeddings = [] if all_thawed and config.thaw_embeddings else [encoder.embeddings]
    return [*embeddings, *encoder.layers[: frozen_layers(config, len(encoder.layers), epoch)]]


def set_learning(model: SequenceClassifier, config: FreezeConfig, epoch: int = 0) -> None:
    """Everything learns and is in training mode, but for what is frozen in this epoch.

    Raises:
        UserError: more layers are to be frozen than the encoder has.
    """
    model.train().requires_grad_(True)
    for part in frozen_parts(model, config, epoch):
        part.train(config.dropout).requires_grad_(False)
