"""The command line of `python -m train.pretrain`. Imports no torch, so --help is quick."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from models.errors import UserError
from train.cli import FLAGS, Request, add_settings, default_of, recorded_config, settings
from train.config import RunConfig, with_setting
from train.recipes import MASKED_LM

_ACCEPTED = {
    *("--checkpoint", "--dataset", "--data", "--train-examples", "--validation-examples", "--max-tokens"),
    *("--epochs", "--max-steps", "--batch-size", "--accumulation", "--learning-rate", "--warmup", "--patience"),
    *("--seed", "--device", "--precision", "--threads"),
}
PRETRAIN_FLAGS = tuple(entry for entry in FLAGS if entry[0] in _ACCEPTED)
_DECIDE_WEIGHTS = ("checkpoint", "data.dataset", "data.folder", "data.train_examples", "data.validation_examples")

_EPILOG = """\
The weights go to FOLDER/export, which every --checkpoint and --init mlm reads. Then: python -m train.run --init mlm

examples:
  python -m train.pretrain
  python -m train.pretrain --dataset mnli --data DIR --train-examples 5000
  python -m train.pretrain --text sentences.txt --out results/mlm/mine
"""


@dataclass(frozen=True, kw_only=True)
class PretrainRequest(Request):
    """What the command line asked for; `config.init` is the state before this training."""

    program: ClassVar[str] = "train.pretrain"
    text: Path | None = None
    """A file with a sentence a line, in place of the pairs' sentences."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m train.pretrain`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.pretrain",
        description="Train a masked language model from scratch on the unlabelled sentences of the training pairs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_settings(parser, MASKED_LM, PRETRAIN_FLAGS)
    parser.add_argument("--text", metavar="FILE", help="a UTF-8 file, a sentence a line, in place of the pairs'")
    place = "run directory (default: results/mlm/DATASET-EXAMPLES, or the name of the text file)"
    parser.add_argument("--out", metavar="FOLDER", help=place)
    return parser


def parse_pretrain(argv: list[str] | None = None) -> PretrainRequest:
    """The request that the arguments make.

    Raises:
        UserError: a value that the configuration refuses.
    """
    arguments = vars(build_parser().parse_args(argv))
    resumed = None if arguments["resume"] is None else Path(arguments["resume"])
    config = recorded_config(resumed) if resumed else MASKED_LM
    for path, value in settings(arguments, PRETRAIN_FLAGS):
        config = with_setting(config, path, value)
    if (config.init, config.freeze.layers) != (MASKED_LM.init, MASKED_LM.freeze.layers):
        raise UserError("a masked language model is trained from scratch and whole: leave init and freeze alone")
    text = None if arguments["text"] is None else Path(arguments["text"])
    usual = config.mlm_folder if text is None else config.mlm_folder.with_name(text.stem)
    directory = resumed or Path(arguments["out"] or usual)
    inexact = arguments["allow_inexact"]
    return PretrainRequest(
        config=config, directory=directory, resume=resumed is not None, allow_inexact=inexact, text=text
    )


def command_for(config: RunConfig) -> str:
    """The command that makes the weights which a run with this configuration looks for."""
    values = [(flag, path, default_of(config, path)) for flag, path, _, _ in PRETRAIN_FLAGS if path in _DECIDE_WEIGHTS]
    given = [(flag, value) for flag, path, value in values if value != default_of(MASKED_LM, path)]
    given += [] if config.mlm is None else [("--out", config.mlm)]
    return " ".join(["python -m train.pretrain", *(f"{flag} {shlex.quote(str(value))}" for flag, value in given)])
