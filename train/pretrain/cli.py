"""The command line of `python -m train.pretrain`. Imports no torch, so --help is quick."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from models.errors import UserError, command
from train.cli import Request, add_settings, recorded_config, resumed_run, settings, value_of
from train.commands import changes, flags_for
from train.config import RunConfig, to_record, with_setting
from train.flags import FLAGS
from train.recipes import MASKED_LM

_ACCEPTED = {
    *("--checkpoint", "--dataset", "--data", "--columns", "--label-names", "--overlap"),
    *("--train-examples", "--validation-examples", "--max-tokens"),
    *("--epochs", "--max-steps", "--batch-size", "--accumulation", "--learning-rate", "--warmup", "--patience"),
    *("--seed", "--device", "--precision", "--threads"),
}
ELSEWHERE = "FOLDER"
"""Stands for a place of the user's choice."""
PRETRAIN_FLAGS = tuple(entry for entry in FLAGS if entry[0] in _ACCEPTED)
_FIXED = ("init", "head_init", "freeze", "evaluation", "export", "mlm", "depth", "data.hide")
_DECIDE_WEIGHTS = (
    "checkpoint",
    *(f"data.{name}" for name in ("dataset", "folder", "columns", "label_names", "overlap")),
    *(f"data.{name}" for name in ("train_examples", "validation_examples", "max_tokens")),
)

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
    elsewhere: ClassVar[str] = "--out"
    text: Path | None = None
    """A file with a sentence a line, in place of the pairs' sentences."""

    @property
    def resume_command(self) -> str:
        """What goes on with this training; its text has to be given again, too."""
        return shlex.join([*shlex.split(super().resume_command), *_given("--text", self.text)])


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
    resumed = resumed_run(arguments, ["out"])
    config = recorded_config(resumed) if resumed else MASKED_LM
    for path, value in settings(arguments, PRETRAIN_FLAGS):
        config = with_setting(config, path, value)
    for path in _FIXED:
        if value_of(config, path) != value_of(MASKED_LM, path):
            raise UserError(f"{path} cannot be set: a masked language model is trained from scratch, whole, and kept")
    text = None if arguments["text"] is None else Path(arguments["text"])
    usual = config.mlm_folder if text is None else config.mlm_folder.with_name(text.stem)
    directory = resumed or Path(arguments["out"] or usual)
    inexact = arguments["allow_inexact"]
    return PretrainRequest(
        config=config, directory=directory, resume=resumed is not None, allow_inexact=inexact, text=text
    )


def command_for(config: RunConfig) -> str:
    """The command that makes the weights which a run with this configuration looks for."""
    return command("train.pretrain", *_flags(config), *_given("--out", config.mlm))


def command_again(folder: Path, config: RunConfig) -> str:
    """The command that makes the weights of a finished training elsewhere, for a run with this configuration.

    Raises:
        UserError: the training's configuration cannot be read.
    """
    places = {"checkpoint": config.checkpoint, "data.folder": config.data.folder}  # of paths a record has the last part
    settings = changes(to_record(recorded_config(folder)), MASKED_LM)
    settings |= {field: places[field] for field in settings.keys() & places.keys() if places[field]}
    return command("train.pretrain", *flags_for(settings, PRETRAIN_FLAGS), "--out", ELSEWHERE)


def command_after(request: PretrainRequest) -> str:
    """The command that uses the weights which this request makes."""
    usual = request.text is None and request.directory == request.config.mlm_folder
    folder = _given("--mlm", None if usual else request.directory)
    return command("train.run", "--init", "mlm", *_flags(request.config), *folder)


def _flags(config: RunConfig) -> list[str]:
    """Flags for what architecture and sentences depend on, where it is not as usual."""
    asked = changes(to_record(config), MASKED_LM)
    return flags_for({field: value for field, value in asked.items() if field in _DECIDE_WEIGHTS}, PRETRAIN_FLAGS)


def _given(flag: str, place: Path | str | None) -> list[str]:
    return [] if place is None else [flag, str(place)]
