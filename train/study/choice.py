"""The rate that validation chose for each arm: computed from finished runs, written down once, then only checked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from models.errors import UserError
from models.files import replaced_file
from train.progress import say
from train.study.plan import Block, Study, block_runs
from train.study.runs import RunState, read_record, state_of

Choices = dict[str, dict[str, dict[str, Any]]]
"""Block -> init -> what choices.json says: rates and what validation gave, the chosen one, whether at an edge."""


def choose_rates(study: Study, folder: Path) -> Choices:
    """The choices of every block that others tune on, for the arms whose runs in it are done.

    Raises:
        UserError: choices.json says something else than the study or its runs do.
    """
    choices = read_choices(folder)
    for block in study.blocks:
        if block.name in {other.tune_on for other in study.blocks}:
            written, found, grid = choices.get(block.name, {}), _choose(block, folder), _grid(block)
            if not all(_agrees(arm, found.get(init), grid.get(init)) for init, arm in written.items()):
                raise UserError(
                    f"{folder / 'choices.json'}: what it says of {block.name!r} does not follow from the study and its "
                    "runs; take it out to choose again"
                )
            choices |= {block.name: {**written, **found}} if found else {}
    return choices


def chosen_rates(choices: Choices) -> dict[str, dict[str, float]]:
    """Block -> init -> the chosen rate; without the arms of which every rate diverged."""
    return {
        name: {init: arm["chosen"] for init, arm in arms.items() if arm["chosen"] is not None}
        for name, arms in choices.items()
    }


def settle(choices: Choices, folder: Path) -> None:
    """Say and write down what was not written before."""
    written = read_choices(folder)
    for name, arms in choices.items():
        for init, arm in arms.items():
            if init not in written.get(name, {}):
                _announce(name, init, arm)
    # another shard may have written an arm since these choices were made
    merged = written | {name: {**written.get(name, {}), **arms} for name, arms in choices.items()}
    if merged != written:
        with replaced_file(folder / "choices.json") as fresh:
            fresh.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")


def read_choices(folder: Path) -> Choices:
    """What was chosen before; nothing where there is no choices.json."""
    return read_record(folder / "choices.json") if (folder / "choices.json").exists() else {}


def _grid(block: Block) -> dict[str, list[float]]:
    """The rates that a block tries, by init, ascending."""
    rates: dict[str, set[float]] = defaultdict(set)
    for run in block_runs(block, {}):
        rates[run.config.init].add(run.rate)
    return {init: sorted(found) for init, found in rates.items()}


def _choose(block: Block, folder: Path) -> dict[str, Any]:
    """Of each arm the rate with the best mean of what early stopping watches.

    Ties go to the lower rate; an arm with unfinished runs is left out.
    """
    figures: dict[str, dict[float, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    monitors, lacking = set(), set()
    for run in block_runs(block, {}):
        directory = folder / "runs" / run.name
        state, monitor = state_of(directory), run.config.stop.monitor
        if state not in (RunState.FINISHED, RunState.DIVERGED):
            lacking.add(run.config.init)
            continue
        finished = state == RunState.FINISHED
        figure = read_record(directory / "summary.json")["best"][monitor] if finished else None
        figures[run.config.init][run.rate].append(figure)
        monitors.add(monitor)
    if len(monitors) > 1:
        raise UserError(f"block {block.name!r}: its runs watch different figures, so they choose no rate")
    (monitor,) = monitors or [""]
    return {init: _describe(found, monitor) for init, found in figures.items() if init not in lacking}


def _describe(figures: Mapping[float, list[float | None]], monitor: str) -> dict[str, Any]:
    """Rates with their mean figures, None where a seed diverged; the best, if one lived."""
    means = {rate: _mean(figures[rate]) for rate in sorted(figures)}
    sign = 1 if monitor == "validation_loss" else -1
    alive = {rate: (sign * mean, rate) for rate, mean in means.items() if mean is not None}
    best = min(alive, key=alive.__getitem__, default=None)
    return {
        "rates": [{"learning_rate": rate, monitor: mean} for rate, mean in means.items()],
        "chosen": best,
        "at_edge": best in (min(means), max(means)),
    }


def _mean(figures: list[float | None]) -> float | None:
    found = [figure for figure in figures if figure is not None]
    return fmean(found) if len(found) == len(figures) else None


def _agrees(written: Any, choice: Any, rates: list[float] | None) -> bool:
    """What was chosen once stays: it is the present answer, or, where runs are missing, one about the same rates."""
    return [entry["learning_rate"] for entry in written["rates"]] == rates if choice is None else written == choice


def _announce(name: str, init: str, arm: dict[str, Any]) -> None:
    if arm["chosen"] is None:
        say(f"{name}: every rate of {init} diverged; give it lower ones")
        return
    monitor = next(key for key in arm["rates"][0] if key != "learning_rate")
    figures = ((entry["learning_rate"], entry[monitor]) for entry in arm["rates"])
    tried = ", ".join(f"{rate:g}: {'diverged' if found is None else f'{found:.4f}'}" for rate, found in figures)
    say(f"{name} chose {arm['chosen']:g} for {init} ({monitor.replace('_', ' ')} by rate: {tried})")
    if arm["at_edge"]:
        say(f"{name}: {arm['chosen']:g} is at the edge of the rates tried for {init}; the list should grow there")
