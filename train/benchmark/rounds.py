"""Rounds, in each of which every contender is measured once, and the record that they make together."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from train.benchmark.process import Clock, run_child
from train.benchmark.record import summarise
from train.benchmark.settings import INSTRUCTIONS, Settings, child_arguments
from train.benchmark.writing import describe_machine, write_json

CONTENDERS = (
    *("ours.scratch", "ours.train", "trainer.train", "ours.bf16", "trainer.grouped", "ours.buckets"),
    *("ours.evaluate", "trainer.evaluate", "ours.frozen", "trainer.frozen"),
)
"""In the order of an odd round; an even one runs backwards, so that neither side always comes first."""
MODULES = {"ours": "train.benchmark.tasks", "trainer": "train.benchmark.peers"}
PEERS = ("transformers", "accelerate")
NO_SIZES = ("checkpoint", "folder", "data", "seed")
"""Settings that a record tells elsewhere, or by name, or each round by itself."""
MAY_DIFFER = ("commit", "dirty")
"""What may be another where rounds are added to a record; each round has its own."""


def run_benchmark(settings: Settings, rounds: int, out: Path, more: bool) -> None:
    """Measure so many rounds. record.json is written after each, so that an interrupted benchmark keeps what it has.

    Args:
        more: whether to add them to the rounds that are there, instead of beginning anew.

    Raises:
        UserError: there is no record to add to, or it is of other sizes, pairs, weights, libraries or processors.
    """
    peers = present_peers()
    if not peers:
        print(f"ours alone: {' and '.join(PEERS)} are not both installed", file=sys.stderr)
    contenders = [name for name in CONTENDERS if peers or name.startswith("ours.")]
    sizes = {k: v for k, v in asdict(settings).items() if k not in NO_SIZES}
    machine = {k: v for k, v in describe_machine().items() if k != "cpu"}  # a child may be kept from some of it
    now = {"sizes": sizes, "environment": machine | {"peers": peers}}
    path = out / "record.json"
    earlier = take_up(path, now, contenders) if more else {}
    found = earlier.get("rounds", [])
    settings = replace(settings, folder=_checkpoint_folder(settings.checkpoint))
    clock = Clock(rounds * len(contenders) + (not more))
    growth = earlier["growth"] if more else measure_growth(settings, clock)
    for each in run_rounds(contenders, settings, range(len(found) + 1, len(found) + rounds + 1), clock):
        one = each["measured"]["ours.train"]
        named = {"data": one["data"], "checkpoint": one["checkpoint"]}
        now |= {**named, "environment": machine | {"cpu": one["cpu"], "peers": peers}}
        if more:
            require_alike(path, earlier, now)
        found.append({**{name: machine[name] for name in MAY_DIFFER}, **each})
        write_json(path, build_record(found, growth, now))


def build_record(rounds: list[dict[str, Any]], growth: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """The record of all these rounds, with every figure over all of them.

    Args:
        made: data, checkpoint, sizes and environment; where rounds were added, the commit is that of the newest.
    """
    figures = summarise([each["measured"] for each in rounds])
    sizes = {"rounds": len(rounds), **made["sizes"]}
    return {"schema_version": 1, **figures, **made, "sizes": sizes, "growth": growth, "rounds": rounds}


def take_up(path: Path, now: Mapping[str, Any], contenders: Collection[str]) -> dict[str, Any]:
    """The record that rounds are to be added to.

    Raises:
        UserError: it is not there, cannot be read, or was made with other sizes or contenders, or on another machine.
    """
    try:
        earlier: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        require_alike(path, earlier, now)
        require_alike(path, {"contenders": sorted(earlier["rounds"][0]["order"])}, {"contenders": sorted(contenders)})
    except FileNotFoundError:
        raise UserError(f"{path}: no record to add rounds to; leave --more out to begin one") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: is no record that rounds can be added to ({type(error).__name__}: {error})") from None
    return earlier


def require_alike(path: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse rounds that would differ from those of the record in more than the moment and the commit.

    Raises:
        UserError: with the first thing that differs.
    """
    for name, value in now.items():
        parts = value if isinstance(value, Mapping) else {name: value}
        before = earlier[name] if isinstance(value, Mapping) else earlier
        for part in parts.keys() - set(MAY_DIFFER):
            if before[part] != parts[part]:
                raise UserError(
                    f"{path}: {part} was {before[part]} there, and is {parts[part]}: not to be added; --out begins "
                    "another record"
                )


def run_rounds(contenders: list[str], settings: Settings, numbers: range, clock: Clock) -> Iterator[dict[str, Any]]:
    """Every contender once a round, all with the round's number as their seed."""
    for number in numbers:
        order = contenders if number % 2 else contenders[::-1]
        found = {}
        for contender in order:
            result = measure(contender, replace(settings, seed=number))
            if "unavailable" not in result:
                found[contender] = result
            clock.say(f"round {number}/{numbers[-1]}, {contender}: {_headline(result)}")
        yield {"seed": number, "order": order, "measured": found}


def measure(contender: str, settings: Settings) -> dict[str, Any]:
    """One contender's measurements."""
    side, _, task = contender.partition(".")
    limits = INSTRUCTIONS[settings.instructions] if settings.instructions else {}
    return run_child(MODULES[side], child_arguments(task, settings), contender, limits)


def measure_growth(settings: Settings, clock: Clock) -> dict[str, Any]:
    """How our cost grows, a list of points each."""
    growth = measure("ours.growth", settings)
    clock.say("how the cost grows: measured")
    return {name: growth[name] for name in ("examples", "sequence_length", "hidden_size")}


def present_peers() -> dict[str, str]:
    """Versions of the libraries that the peers need; none, if one of them is missing."""
    if any(importlib.util.find_spec(name) is None for name in PEERS):
        return {}
    return {name: importlib.metadata.version(name) for name in PEERS}


def _headline(found: dict[str, Any]) -> str:
    if "unavailable" in found:
        return found["unavailable"]
    rate = found.get("examples_per_second")
    return f"{found['seconds']:.2f} s" if rate is None else f"{rate:.1f} examples/s"


def _checkpoint_folder(name: str) -> str:
    from models.sources import find_checkpoint

    return str(find_checkpoint(name).weights.parent.resolve())
