"""A study file to its runs: blocks, each a product over lists, and a name for each combination. Imports no torch."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.errors import UserError
from train.cli import check_name, find_recipe, flatten, name_of, read_toml, value_of
from train.config import RunConfig, with_setting
from train.flags import FLAGS
from train.plan import plan_run

SHORT = {name_of(flag): path for flag, path, _, _ in FLAGS}
"""A setting's short name, that of its flag, and its field."""
RECIPE, RATE = "recipe", "optim.learning_rate"
BEST = "best"

Rates = Mapping[str, Mapping[str, float]]
"""Block -> init -> the rate chosen on that block."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A product over lists of settings."""

    name: str
    grid: Mapping[str, tuple[Any, ...]]
    """Field -> its values; the recipe changes slowest, the last field faster, and the rate faster still."""
    listed: tuple[str, ...]
    """The fields written as lists: these are part of a run's name."""
    rates: Mapping[str, tuple[Any, ...]]
    """Peak rates by init, where they differ; `best` is the one chosen on the block `tune_on`."""
    tune_on: str | None


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study file says."""

    name: str
    stem: str
    """The file's own name, without `.toml`."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One run of a study."""

    name: str
    config: RunConfig
    rate: float
    """Peak learning rate; NaN while it is not chosen."""
    block: str
    """The first block that asks for it."""
    waits_for: str | None = None
    """The block whose runs must first choose its rate."""


def read_study(path: Path, instead: Mapping[str, Any] = MappingProxyType({})) -> Study:
    """The study in a TOML file: tables of settings, one for each [[block]], over the settings they share.

    Args:
        instead: settings that stand in for the file's own.

    Raises:
        UserError: it cannot be read, or says something that no run understands.
    """
    shared = read_toml(path)
    name = str(shared.pop("name", ""))
    tables = shared.pop("block", [])
    try:
        check_name(name)
        if not (tables and isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            raise UserError("there is no [[block]], so there is nothing to run")
        blocks = tuple(_block(shared, {**table, **instead}, f"block {i}") for i, table in enumerate(tables, start=1))
        study = Study(name=name, stem=path.stem, blocks=blocks)
        expand(study, {})
        _check_tuning(study)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return study


def _block(shared: Mapping[str, Any], own: Mapping[str, Any], name: str) -> Block:
    if not all(isinstance(table.get("rate", {}), dict) for table in (shared, own)):
        raise UserError("rate is a table of rates by init, for example rate.scratch = 3e-4")
    rates = {**shared.get("rate", {}), **own.get("rate", {})}
    tables = ({k: v for k, v in table.items() if k not in ("name", "rate")} for table in (shared, own))
    settings = {SHORT.get(field, field): value for table in tables for field, value in flatten(table)}
    tune_on = settings.pop("tune_on", None)
    if not isinstance(tune_on, str | None):
        raise UserError(f"tune_on is {tune_on!r}, must be the name of a block")
    name = str(own.get("name", name))
    return Block(
        name=name,
        grid={field: _values(f"{name}: {field}", value) for field, value in settings.items()},
        listed=tuple(field for field, value in settings.items() if isinstance(value, list)),
        rates={init: _values(f"{name}: rate.{init}", value) for init, value in rates.items()},
        tune_on=tune_on,
    )


def _values(where: str, value: Any) -> tuple[Any, ...]:
    if value == []:
        raise UserError(f"{where} is an empty list")
    return tuple(value) if isinstance(value, list) else (value,)


def _check_tuning(study: Study) -> None:
    """Every rate to be chosen has a block, of that name alone, that tries rates for its arm.

    Raises:
        UserError: one has not.
    """
    runs = {block.name: list(block_runs(block, {})) for block in study.blocks}
    if len(runs) < len(study.blocks):
        raise UserError(f"two blocks have one name ({', '.join(block.name for block in study.blocks)})")
    tuning = {name: found for name, found in runs.items() if not any(run.waits_for for run in found)}
    tried = {(name, run.config.init) for name, found in tuning.items() for run in found}
    for name, found in runs.items():
        for run in found:
            if run.waits_for and (run.waits_for, run.config.init) not in tried:
                arm = run.config.init
                raise UserError(f"{name}: tune_on is {run.waits_for!r}, must name a block that tries rates for {arm}")


def expand(study: Study, chosen: Rates) -> list[Planned]:
    """Every run of the study once, in the file's order; those whose rate is not yet chosen say what they wait for.

    Raises:
        UserError: two different runs would have one name, or a setting is not understood.
    """
    plan: dict[str, Planned] = {}
    for block in study.blocks:
        for run in block_runs(block, chosen):
            other = plan.setdefault(run.name, run)
            if other.config != run.config:
                raise UserError(
                    f"{run.name}: {other.block} and {block.name} mean different runs by this name; "
                    "a setting written as a list becomes part of the name"
                )
    return list(plan.values())


def block_runs(block: Block, chosen: Rates) -> Iterator[Planned]:
    """The runs of one block."""
    fields = [field for field in block.grid if field not in (RECIPE, RATE)]
    recipes = [find_recipe(str(name)) for name in block.grid.get(RECIPE, ("minilm",))]
    for config, *values in itertools.product(recipes, *(block.grid[field] for field in fields)):
        for field, value in zip(fields, values, strict=True):
            config = with_setting(config, field, value)
        for rate in block.rates.get(config.init, block.grid.get(RATE, (None,))):
            if rate == BEST:
                if block.tune_on is None:
                    raise UserError(f"{block.name}: learning_rate = 'best' needs tune_on, a block that tries rates")
                rate = chosen.get(block.tune_on, {}).get(config.init, BEST)
            yield _planned(config, rate, block)


def _planned(config: RunConfig, rate: Any, block: Block) -> Planned:
    if rate == BEST:
        name = run_name(config, block.listed, BEST)
        return Planned(name=name, config=config, rate=math.nan, block=block.name, waits_for=block.tune_on)
    rate = plan_run(config, 1).learning_rate if rate is None else rate
    config = with_setting(config, RATE, rate)
    name = run_name(config, block.listed, re.sub(r"\.?0+e", "e", f"{rate:.6e}"))
    return Planned(name=name, config=config, rate=float(rate), block=block.name)


def run_name(config: RunConfig, listed: tuple[str, ...], rate: str) -> str:
    """What the run is: size, arm, rate, hidden side, whatever else its block lists, seed.

    It follows from the run's own block alone, so that a block added later renames nothing.

    Raises:
        UserError: a folder cannot be called so.
    """
    data = config.data
    size = [] if data.train_examples is None else [f"n{data.train_examples}"]
    hidden = [] if data.hide is None else [f"hide-{data.hide}"]
    shown = ("init", "seed", RATE, "data.train_examples", "data.hide")
    others = [_part(config, field) for field in listed if field not in shown]
    name = "-".join([*size, config.init, f"lr{rate}", *hidden, *others, f"seed{config.seed}"])
    check_name(name)
    return name


def _part(config: RunConfig, field: str) -> str:
    value = value_of(config, field)
    return f"{field.split('.')[-1]}-{str(value).lower() if isinstance(value, bool) else value}"
