"""The weights of the arm `mlm`: found, and checked to be of the run's own encoder, vocabulary and sentences."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from models.config import EncoderConfig
from models.errors import CheckpointError
from models.sources import Checkpoint, find_checkpoint
from models.tokenizer_file import open_tokenizer
from train.config import RunConfig
from train.data.pairs import Example, content_hash
from train.pretrain.cli import ELSEWHERE, command_again, command_for

EXPORT = "export"
"""Folder of the weights in the run directory of `python -m train.pretrain`."""


def find_mlm_weights(config: RunConfig, checkpoint: Checkpoint, train: list[Example]) -> Checkpoint:
    """What `python -m train.pretrain` left in the folder that the configuration names.

    A folder that was not named has to come from the run's own training pairs; one that was named may come from others.

    Raises:
        CheckpointError: nothing is there, or it is of another encoder, vocabulary or, where that matters, text.
    """
    require_mlm_weights(config)
    folder = config.mlm_folder
    make = f"make them with: {command_for(config)}"
    found = find_checkpoint(str(folder / EXPORT))
    _check_encoder(found.config, checkpoint.config, folder)
    ours, theirs = (_vocabulary(source) for source in (found, checkpoint))
    if ours != theirs:
        raise CheckpointError(f"{folder}: has another tokenizer than {checkpoint.name}; {make}")
    if config.mlm is None and _pairs_hash(folder) != content_hash(train):
        raise CheckpointError(f"{folder}: was trained on other pairs than this run's; {make}, or name it with --mlm")
    return found


def require_mlm_weights(config: RunConfig) -> None:
    """The weights that a run of the arm `mlm` begins with are there.

    Raises:
        CheckpointError: they are not; the message has the command that makes them.
    """
    folder = config.mlm_folder
    if (folder / EXPORT).is_dir():
        return
    if (folder / "summary.json").is_file():
        raise CheckpointError(
            f"{folder}: has the records of its weights, and not the weights; make them again with: "
            f"{command_again(folder, config)}; then name them: --mlm {ELSEWHERE}, or mlm in a study's file"
        )
    raise CheckpointError(
        f"{folder}: no masked-language-model weights for --init mlm; make them with: {command_for(config)}"
    )


def _check_encoder(found: EncoderConfig, wanted: EncoderConfig, folder: Path) -> None:
    """Raise a CheckpointError unless the two are of one shape; their dropout may differ."""
    theirs, ours = asdict(found), asdict(wanted)
    differences = [
        f"{name} is {theirs[name]}, must be {ours[name]}"
        for name in ours
        if not name.endswith(("dropout_prob", "dropout")) and theirs[name] != ours[name]
    ]
    if differences:
        raise CheckpointError(f"{folder}: weights of another encoder: {', '.join(differences)}")


def _vocabulary(checkpoint: Checkpoint) -> str:
    """The tokenizer as text, without truncation and padding."""
    return "" if checkpoint.tokenizer is None else open_tokenizer(checkpoint.tokenizer, checkpoint.config).to_str()


def _pairs_hash(folder: Path) -> str:
    try:
        record = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
        return str(record["data_sha256"].get("train"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{folder}: its certificate.json cannot be read ({type(error).__name__})") from None
