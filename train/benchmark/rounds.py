"""Rounds, in each of which every contender is measured once, and the record that they make together.

Imports no torch, as `process` must not: the machine, too, is asked by a child.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from train.benchmark.process import Clock, run_child
from train.benchmark.record import summarise
from train.benchmark.report import write_report
from train.benchmark.settings import INSTRUCTIONS, Settings, child_arguments
from train.benchmark.writing import write_json

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
BEFORE = "record-before.json"
"""What becomes of a record when another is begun in its place."""


def run_benchmark(settings: Settings, rounds: int, out: Path, more: bool) -> None:
    """Measure. record.json and report.md are written after every round, so that an interrupted benchmark keeps its own.

    Args:
        rounds: how many to measure now.
        more: whether they are added to the rounds that are there; commits are told then, not compared.

    Raises:
        UserError: no record is there to add to, or it is of other sizes, contenders, pairs, weights, libraries or
            instructions.
    """
    peers = present_peers()
    if not peers:
        print(f"ours alone: {' and '.join(PEERS)} are not both installed", file=sys.stderr)
    contenders = [name for name in CONTENDERS if peers or name.startswith("ours.")]
    now = describe_now(settings, peers, contenders)
    path = out / "record.json"
    earlier = take_up(path, now) if more else {"rounds": []}
    settings = replace(settings, folder=_checkpoint_folder(settings.checkpoint))
    clock = Clock(rounds * len(contenders) + (not more))
    growth = earlier["growth"] if more else measure_growth(settings, clock)
    if path.exists() and not more:
        print(f"the record that was there is kept as {path.replace(path.with_name(BEFORE))}", file=sys.stderr)
    first = len(earlier["rounds"]) + 1
    add_rounds(path, earlier, growth, now, run_rounds(contenders, settings, range(first, first + rounds), clock))


def add_rounds(
    path: Path, earlier: dict[str, Any], growth: dict[str, Any], now: dict[str, Any], fresh: Iterator[dict[str, Any]]
) -> None:
    """Write the record, and the report beside it, anew with every round.

    Raises:
        UserError: a round is not like those before it.
    """
    found = list(earlier["rounds"])
    for each in fresh:
        made = made_as(each, now)
        if found:
            require_alike(path, earlier | {"measured": sorted(found[0]["measured"])}, made)
        earlier = made
        found.append({**{name: now["environment"][name] for name in MAY_DIFFER}, **each})
        write_json(path, build_record(found, growth, made))
        write_report(path.parent)
        print(f"rounds so far: {len(found)}, in {path}", file=sys.stderr, flush=True)


def describe_now(settings: Settings, peers: dict[str, str], contenders: Sequence[str]) -> dict[str, Any]:
    """What is known before anything is measured."""
    machine = measure("ours.machine", settings) | {"peers": peers}
    sizes = {name: value for name, value in asdict(settings).items() if name not in NO_SIZES}
    return {"sizes": sizes, "environment": machine, "contenders": sorted(contenders)}


def made_as(each: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The same with what a round tells."""
    one = each["measured"]["ours.train"]
    return {**now, "data": one["data"], "checkpoint": one["checkpoint"], "measured": sorted(each["measured"])}


def build_record(rounds: list[dict[str, Any]], growth: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """The record of all these rounds, with every figure over all of them.

    Args:
        made: data, checkpoint, sizes and environment; where rounds were added, the commit is that of the newest.
    """
    figures = summarise([each["measured"] for each in rounds])
    named = {name: made[name] for name in ("data", "checkpoint", "environment")}
    sizes = {**made["sizes"], "rounds": len(rounds)}
    return {"schema_version": 1, **figures, **named, "sizes": sizes, "growth": growth, "rounds": rounds}


def take_up(path: Path, now: Mapping[str, Any]) -> dict[str, Any]:
    """The record that rounds are to be added to, its rounds with the commit that each is of.

    Raises:
        UserError: it is not there, cannot be read, or differs.
    """
    try:
        earlier: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        build_record(earlier["rounds"], earlier["growth"], earlier)  # what is missing shows before anything is measured
        require_alike(path, earlier | {"contenders": sorted(earlier["rounds"][0]["order"])}, now)
        of_all = {name: earlier["environment"][name] for name in MAY_DIFFER}
    except FileNotFoundError:
        raise UserError(f"{path}: no record to add rounds to; leave --more out to begin one") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: is no record that rounds can be added to ({type(error).__name__}: {error})") from None
    return earlier | {"rounds": [of_all | each for each in earlier["rounds"]], "contenders": now["contenders"]}


def require_alike(path: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse rounds that would differ from those of the record in more than the moment and the commit.

    Raises:
        UserError: with the first thing that differs.
    """
    for name, value in now.items():
        before, parts = (earlier[name], value) if isinstance(value, Mapping) else (earlier, {name: value})
        for part, is_now in parts.items():
            if part not in MAY_DIFFER and before[part] != is_now:
                raise UserError(
                    f"{path}: {part.replace('_', ' ')} was {before[part]} there, and is {is_now}: not to be added; "
                    "--out begins another record"
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
