"""The seed report's claims C1, C2 and C3 in numbers for each arm; `verdicts` judges them."""

import math
from collections.abc import Sequence

from analysis.records.arms import Arm
from analysis.records.reading import CLOCKS
from analysis.records.text import MISSING, number, span
from analysis.statistics.intervals import LN3, mean_interval
from analysis.statistics.measures import (
    PROBES,
    START_MEASURES,
    Passed,
    arrivals,
    clock_split,
    last_look,
    seconds_per_step,
)
from analysis.statistics.plateau import CONSECUTIVE, PLATEAU_LEVEL, accuracy_reaching, loss_below
from analysis.statistics.survival import Survival, median_time, restricted_mean
from analysis.tables.document import Table

LOSS_LEVELS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
ACCURACY_LEVELS = tuple(level / 100 for level in range(40, 100, 5))

PASSAGE_COLUMNS = ("arm", "reached", "steps: median (range)", "examples", "seconds of training")

MEAN_COLUMNS = ("seeds", "mean", "95% interval", "range")


def mean_cells(values: Sequence[float], digits: int = 3) -> tuple[str, str, str, str]:
    """Returns `MEAN_COLUMNS` of values, one for each seed."""
    found = mean_interval(values)
    return (
        str(found.n),
        number(found.mean, digits),
        span(found.low, found.high, digits),
        span(found.least, found.most, digits),
    )


def start_table(arms: Sequence[Arm]) -> Table:
    """C1: returns each arm's loss at the start."""
    rows = tuple(
        (name, arm.name, *mean_cells(list(map(measure, arm.runs)), 4))
        for name, measure in START_MEASURES.items()
        for arm in arms
    )
    columns = ("measure", "arm", *MEAN_COLUMNS)
    source = "runs/*/summary.json, runs/*/metrics.jsonl"
    return Table(f"Loss at the start (nats; ln 3 = {LN3:.4f})", columns, rows, source)


def median_text(curve: Survival, digits: int, last: float) -> str:
    """Returns the Kaplan-Meier median with the range; `not in N` if fewer than half of the runs arrived."""
    median = median_time(curve)[0]
    if not math.isfinite(median):
        return f"not in {number(last, digits)}"
    arrived = curve.time[curve.events > 0]
    most = "never" if curve.share[-1] > 0 else number(arrived[-1], digits)
    least = number(arrived[0], digits)
    return number(median, digits) + (f" ({least} to {most})" if least != most else "")


def passage_row(arm: Arm, split: str, passed: Passed, level: float, consecutive: int) -> tuple[str, ...]:
    """Returns `PASSAGE_COLUMNS` of an arm."""
    curves = {clock: arrivals(arm, split, clock, passed, level, consecutive) for clock in CLOCKS}
    cells = (
        median_text(curve, 1 if clock == "train_seconds" else 0, max(last_look(run, split, clock) for run in arm.runs))
        for clock, curve in curves.items()
    )
    return arm.name, f"{curves['step'].events.sum():.0f} of {len(arm.runs)}", *cells


def level_table(arms: Sequence[Arm], caption: str, levels: Sequence[float], passed: Passed) -> Table:
    """Returns when each arm first reached each level, down to the first level that no run reached."""
    split, consecutive = clock_split(arms)
    rows: list[tuple[str, ...]] = []
    for level in levels:
        found = [passage_row(arm, split, passed, level, consecutive) for arm in arms]
        rows += [(f"{level:.2f}", *row) for row in found]
        if all(row[1].startswith("0 ") for row in found):
            break
    name = PROBES.get(split, split)
    columns = ("level", *PASSAGE_COLUMNS)
    return Table(f"{caption} ({name}, {consecutive} in a row)", columns, tuple(rows), "runs/*/metrics.jsonl")


def on_plateau(arm: Arm, split: str) -> Survival:
    """Returns the share of an arm's runs still on the ln 3 plateau after each step."""
    return arrivals(arm, split, "step", loss_below, PLATEAU_LEVEL)


def plateau_table(arms: Sequence[Arm]) -> Table:
    """C2: returns when each arm left the ln 3 plateau."""
    rows = []
    for split, name in PROBES.items():
        horizon = min(last_look(run, split, "step") for arm in arms for run in arm.runs)
        for arm in arms:
            curve = on_plateau(arm, split)
            _, low, high = median_time(curve)
            bounds = f"{number(low, 0)} to {number(high, 0)}" if math.isfinite(high) else f"{number(low, 0)} or more"
            mean, error = restricted_mean(curve, horizon)
            spread = f" ± {number(error, 0)}" if error or len(arm.runs) == 1 else ", the same in all"
            extra = (bounds if math.isfinite(low) else MISSING, f"{number(mean, 0)}{spread}")
            rows.append((name, *passage_row(arm, split, loss_below, PLATEAU_LEVEL, CONSECUTIVE), *extra))
    first = f"first of two consecutive evaluations below ln 3 \N{MINUS SIGN} 0.05 = {PLATEAU_LEVEL:.4f}"
    columns = (
        "probe",
        *PASSAGE_COLUMNS,
        "95% interval of the median step",
        "mean step, cut at the end, ± 1 standard error",
    )
    return Table(f"Plateau clock: {first} (Kaplan-Meier)", columns, tuple(rows), "runs/*/metrics.jsonl")


def loss_table(arms: Sequence[Arm]) -> Table:
    """C2: returns when each arm came to which validation loss."""
    return level_table(arms, "Until a validation loss", LOSS_LEVELS, loss_below)


def accuracy_level_table(arms: Sequence[Arm]) -> Table:
    """C3: returns when each arm came to which validation accuracy."""
    return level_table(arms, "Until a validation accuracy", ACCURACY_LEVELS, accuracy_reaching)


def step_time_table(arms: Sequence[Arm]) -> Table:
    """C3: returns each arm's seconds per training step."""
    rows = tuple((arm.name, *mean_cells(list(map(seconds_per_step, arm.runs)), 4)) for arm in arms)
    return Table("Seconds per training step", ("arm", *MEAN_COLUMNS), rows, "runs/*/summary.json")
