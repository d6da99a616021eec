"""Flags to RunConfig, from one table. Imports no torch, so --help is quick."""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from models.errors import UserError
from train.config import RunConfig, from_record, with_setting
from train.flags import FLAGS, SWITCHES, Flag
from train.kinds import completed
from train.launch import launcher
from train.recipes import RECIPES

_USUAL = {"recipe": "minilm", "results": "results", "study": "my-runs"}
"""What a new run is and where it goes, unless it is said."""

_EPILOG = """\
Any other setting: --set optim.weight_decay=0.1 (see train/config.py), or a TOML file: --config run.toml.
Records, best weights and predictions go to results/STUDY/runs/NAME. Then: python -m analysis.compare results/STUDY

examples:
  python -m train.run --init pretrained
  python -m train.run --init scratch
  python -m train.run --init scratch --dataset mnli --data DIR --train-examples 5000 --study mine
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asked for."""

    program: ClassVar[str] = "train.run"
    elsewhere: ClassVar[str] = "--name or --study"
    """The flags that choose another directory."""
    config: RunConfig
    directory: Path
    """The run directory to make, or to go on with."""
    resume: bool = False
    allow_inexact: bool = False
    """Resume although something differs that changes numbers; the record says so."""

    @property
    def resume_command(self) -> str:
        """What goes on with this run. Paths are given again: the record holds their last component alone."""
        places = {"--data": self.config.data.folder, "--checkpoint": self.config.checkpoint, "--mlm": self.config.mlm}
        again = [part for flag, place in places.items() if place and os.sep in place for part in (flag, place)]
        return shlex.join([*launcher(), "-m", self.program, "--resume", str(self.directory), *again])


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m train.run`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.run",
        description="Train one arm: the same encoder, data, batches and head, filled at random or from a checkpoint.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    recipes = f"defaults by name: {', '.join(RECIPES)} (default: {_USUAL['recipe']})"
    parser.add_argument("--recipe", metavar="NAME", help=recipes)
    add_settings(parser, RECIPES["minilm"], FLAGS)
    for switch, _, _, text in SWITCHES:
        parser.add_argument(switch, action="store_true", help=text)
    parser.add_argument("--results", metavar="DIR", help=f"folder of the studies (default: {_USUAL['results']})")
    parser.add_argument("--study", metavar="NAME", help=f"folder of the study (default: {_USUAL['study']})")
    parser.add_argument("--name", metavar="NAME", help="folder of the run (default: INIT-seedSEED)")
    return parser


def add_settings(parser: argparse.ArgumentParser, defaults: RunConfig, flags: Sequence[Flag]) -> None:
    """Give a parser what `settings` reads: the flags with their defaults, --set and --config; and how to resume."""
    add_flags(parser, defaults, flags)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="any setting by its field")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings; flags win over it")
    parser.add_argument("--resume", metavar="RUN", help="go on with this unfinished run directory, exactly")
    inexact = "resume although settings, data or machine differ; the record says so"
    parser.add_argument("--allow-inexact", action="store_true", help=inexact)


def add_flags(parser: argparse.ArgumentParser, defaults: RunConfig, flags: Sequence[Flag]) -> None:
    """Give a parser the flags, with their defaults in the help."""
    for flag, path, kind, text in flags:
        default = value_of(defaults, path)
        shown = text if default is None else f"{text} (default: {default})"
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=shown)


def value_of(config: RunConfig, path: str) -> Any:
    """The value of a dotted field."""
    return functools.reduce(getattr, path.split("."), config)


def parse_run(argv: list[str] | None = None) -> Request:
    """The request that the arguments make.

    Raises:
        UserError: a value that the configuration refuses.
    """
    arguments = vars(build_parser().parse_args(argv))
    resumed = resumed_run(arguments, (*_USUAL, "name"))
    arguments |= {name: usual for name, usual in _USUAL.items() if arguments[name] is None}
    config = recorded_config(resumed) if resumed else find_recipe(arguments["recipe"])
    for path, value in settings(arguments, FLAGS):
        config = with_setting(config, path, value)
    name = arguments["name"] or f"{config.init}-seed{config.seed}"
    for part in (arguments["study"], name):
        check_name(part)
    directory = resumed or Path(arguments["results"]) / arguments["study"] / "runs" / name
    inexact = arguments["allow_inexact"]
    return Request(config=config, directory=directory, resume=resumed is not None, allow_inexact=inexact)


def resumed_run(arguments: Mapping[str, Any], settled: Iterable[str]) -> Path | None:
    """The run directory to go on with, None for a new run.

    Args:
        settled: arguments that say what or where a new run is, which one that is there settled long ago.

    Raises:
        UserError: what belongs to the one is asked of the other.
    """
    if arguments["resume"] is None:
        if arguments["allow_inexact"]:
            raise UserError("--allow-inexact goes with --resume")
        return None
    for name in settled:
        if arguments[name] is not None:
            raise UserError(f"--{name} does not go with --resume: the run has its own")
    return Path(arguments["resume"])


def check_name(name: str) -> None:
    """A study's or run's name can be a folder's.

    Raises:
        UserError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(f"name {name!r}: use letters, digits, '.', '_' and '-', at most 100 of them")


def find_recipe(name: str) -> RunConfig:
    """The defaults of that name.

    Raises:
        UserError: there are none.
    """
    if name not in RECIPES:
        raise UserError(f"recipe {name!r} is not one of {', '.join(RECIPES)}")
    return RECIPES[name]


def recorded_config(directory: Path) -> RunConfig:
    """What a run directory says was asked of it.

    Raises:
        UserError: there is no run, or its record is not one.
    """
    try:
        record = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{directory}: no run to resume (config.json: {error})") from None
    if not isinstance(record, dict) or "init" not in record:
        raise UserError(f"{directory}: no run to resume (config.json is not that of a run)")
    asked = {key: record[key] for key in (field.name for field in fields(RunConfig)) if key in record}
    try:
        return from_record(RunConfig, completed(asked))
    except UserError as error:
        raise UserError(f"{directory / 'config.json'}: {error}") from None


def settings(arguments: Mapping[str, Any], flags: Sequence[Flag]) -> Iterator[tuple[str, Any]]:
    """Dotted fields and values, later ones winning: file, --set, flags."""
    if arguments["config"]:
        yield from flatten(read_toml(Path(arguments["config"])))
    for item in arguments["set"]:
        path, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"--set {item!r}: write FIELD=VALUE")
        yield path.strip(), parse_value(value.strip())
    yield from given(arguments, flags)
    for switch, path, value, _ in SWITCHES:
        if arguments.get(name_of(switch)):
            yield path, value


def given(arguments: Mapping[str, Any], flags: Sequence[Flag]) -> Iterator[tuple[str, Any]]:
    """The fields and values of the flags that were given."""
    found = ((path, arguments[name_of(flag)]) for flag, path, _, _ in flags)
    return ((path, value) for path, value in found if value is not None)


def name_of(flag: str) -> str:
    """What argparse, and a study file, call a flag."""
    return flag[2:].replace("-", "_")


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted paths."""
    for key, value in table.items():
        if isinstance(value, Mapping) and key != "learning_rates":
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def parse_value(text: str) -> Any:
    """A TOML value where it is one, `none` for None, else the text itself."""
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's tables.

    Raises:
        UserError: it is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
