"""What a run is made of, read and checked before it begins: pairs, architecture, vocabulary, weights."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.arms import find_arm
from models.config import EncoderConfig
from models.errors import CheckpointError, UserError
from models.sources import HUB_IDS, Checkpoint, find_checkpoint
from models.tokenizer_file import open_tokenizer
from train.cli import Request
from train.config import RunConfig
from train.data.encode import EncodedPairs, encode_pairs, token_statistics
from train.data.splits import Splits, load_splits
from train.pretrain.weights import find_mlm_weights

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Pairs and checkpoint, read and checked before a run directory or a model is made."""

    splits: Splits
    encoded: dict[str, EncodedPairs]
    checkpoint: Checkpoint
    """What gives the architecture, but for its depth, and the vocabulary."""
    weights: Checkpoint
    """What gives the weights, for the arms that load some."""
    encoder: EncoderConfig
    tokens: dict[str, Any]


def gather(config: RunConfig) -> Material:
    """Read the pairs, find the checkpoint, encode every split."""
    source = find_arm(config.init).source
    checkpoint, encoder, tokenizer = open_checkpoint(config, download=source == "checkpoint")
    splits = load_splits(config.data, config.seed)
    weights = find_mlm_weights(config, checkpoint, splits.train) if source == "mlm" else checkpoint
    limit, hide = config.data.max_tokens, config.data.hide
    return Material(
        splits=splits,
        encoded={name: encode_pairs(tokenizer, pairs, limit, hide) for name, pairs in splits.all().items()},
        checkpoint=checkpoint,
        weights=weights,
        encoder=encoder,
        tokens=token_statistics(tokenizer, splits.train, limit, hide),
    )


def require_places(request: Request) -> None:
    """What a resumed run reads from this machine is where its configuration says: a record has a path's last part.

    Raises:
        UserError: it is not; the message has the flag that says where it is.
    """
    config = request.config
    places = {"--data": (config.data.folder, "data were")}
    if config.init == "mlm":
        places["--mlm"] = (config.mlm, "weights were")
    if config.checkpoint not in ("minilm", *HUB_IDS):
        places["--checkpoint"] = (config.checkpoint, "checkpoint was")
    for flag, (name, what) in places.items():
        if request.resume and name and os.sep not in name and not Path(name).exists():
            said = f"its {what} read from a folder or file called {name}; say where it is with {flag}"
            raise UserError(f"{request.directory}: {said}")


def open_checkpoint(config: RunConfig, download: bool) -> tuple[Checkpoint, EncoderConfig, Tokenizer]:
    """The checkpoint, its architecture with the dropout that was asked for, and its tokenizer.

    Raises:
        CheckpointError: it is missing or unusable, or has no tokenizer.
        UserError: it cannot take sequences as long as asked for, or its layers are fewer than those asked for.
    """
    checkpoint = find_checkpoint(config.checkpoint, download=download)
    dropout = config.dropout
    encoder = checkpoint.config.with_dropout(dropout.hidden, dropout.attention, dropout.classifier)
    if config.depth is not None:
        encoder = with_depth(encoder, config.depth, config.init)
    if checkpoint.tokenizer is None:
        raise CheckpointError(f"{checkpoint.name}: has no tokenizer.json, without which no sentence can be encoded")
    if config.data.max_tokens > encoder.max_tokens:
        raise UserError(
            f"max_tokens {config.data.max_tokens} is more than the encoder's {encoder.max_tokens} positions"
        )
    return checkpoint, encoder, open_tokenizer(checkpoint.tokenizer, encoder)


def with_depth(encoder: EncoderConfig, depth: int, init: str) -> EncoderConfig:
    """The architecture with another number of layers; of loaded weights it takes the lowest.

    Raises:
        UserError: the weights have fewer, or no encoder has as many.
    """
    stored = encoder.num_hidden_layers
    if find_arm(init).source is not None and depth > stored:
        raise UserError(f"depth {depth}: --init {init} loads weights of {stored} layers")
    try:
        return replace(encoder, num_hidden_layers=depth)
    except ValueError as error:
        raise UserError(f"depth {depth}: {error}") from None
