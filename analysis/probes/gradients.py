"""Follows the gradient of every layer along training, and writes probes/gradients.json into the study folder.

From the runs' metrics.jsonl alone, where the norms stand every 20 steps; no weights are needed.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from analysis.probes.command import Subjects, effect, look, open_subjects, parser, plateau_left, test_hash
from analysis.records.arms import Arm
from analysis.records.inside import EARLY_STEPS
from analysis.records.reading import RecordError, is_kind, parse_object, read_text
from analysis.records.runs import Run
from analysis.statistics.paired import Array, compare_values
from models.errors import UserError
from train.guard import guard

DEAD = "on the plateau"

Norms = dict[int, dict[str, float]]
"""Step -> part of the model -> 2-norm of its gradient."""


def read_norms(run: Path) -> Norms:
    """Returns the gradient norms of a run, and nothing where they were not finite.

    Raises:
        RecordError: metrics.jsonl is unreadable, or an event of it is malformed.
    """
    path, found = run / "metrics.jsonl", {}
    for place, line in enumerate(read_text(path).split("\n"), start=1):
        event = parse_object(line, f"{path}:{place}") if line.strip() else {}
        if event.get("event") == "gradients":
            found[event["step"]] = check_norms(event, f"{path}:{place}")
    return found


def check_norms(event: dict[str, Any], where: str) -> dict[str, float]:
    """Returns the finite norms of one event, layers named from 1."""
    norms = event.get("norms")
    if not isinstance(norms, dict) or not is_kind(event.get("step"), int):
        raise RecordError(f"{where}: expected a step and a table of norms")
    for part, norm in norms.items():
        if norm is not None and not is_kind(norm, float):
            raise RecordError(f"{where}: norms.{part} should be a number, found {json.dumps(norm)[:60]}")
    return {named(part): norm for part, norm in norms.items() if norm is not None}


def named(part: str) -> str:
    """Returns a part's name as the other probes have it: `layers.0` is layer 1."""
    return f"layer {int(part.removeprefix('layers.')) + 1}" if part.startswith("layers.") else part


def mean_rows(arm: str, runs: Sequence[Norms]) -> list[dict[str, Any]]:
    """Returns the geometric mean over runs of each part's norm at each step that all of them have."""
    steps = sorted(set.intersection(*(set(norms) for norms in runs)))
    return [
        {"arm": arm, "step": step, "part": part, "norm": math.exp(fmean(math.log(norms[step][part]) for norms in runs))}
        for step in steps
        for part in runs[0][step]
        if all(norms[step].get(part, 0) > 0 for norms in runs)
    ]


def fading(norms: Norms) -> float:
    """Returns the mean over the early steps of ln(lowest layer's norm / highest layer's); NaN without any.

    Source: Mosbach, Andriushchenko and Klakow 2021, fig. 4 (vanishing gradients of failed runs).
    """
    parts = {part for by_part in norms.values() for part in by_part if part.startswith("layer ")}
    layers = sorted(parts, key=lambda part: int(part.split()[1]))
    early = [by_part for step, by_part in norms.items() if step <= EARLY_STEPS and layers]
    ends = [(by_part.get(layers[0], 0), by_part.get(layers[-1], 0)) for by_part in early]
    found = [math.log(low / high) for low, high in ends if min(low, high) > 0]
    return fmean(found) if found else math.nan


def lives(arm: Arm, norms: dict[Run, Norms]) -> dict[str, list[Norms]]:
    """Returns the norms of an arm's runs under its name, and apart from them of those that never left the plateau."""
    found: dict[str, list[Norms]] = {}
    for run in arm.runs:
        name = arm.name if math.isfinite(plateau_left(run)) else f"{arm.name} ({DEAD})"
        found.setdefault(name, []).append(norms[run])
    return dict(sorted(found.items()))


def run_rows(arm: Arm, norms: dict[Run, Norms]) -> list[dict[str, Any]]:
    """Returns how far each run's early gradient fades, and when it left the plateau; None: never."""
    return [
        {"arm": arm.name, "seed": run.seed, "fading": fading(norms[run]), "left": plateau_left(run)} for run in arm.runs
    ]


def effects(subjects: Subjects, norms: dict[Run, Norms]) -> list[dict[str, Any]]:
    """Returns what was found of each hypothesis for which the runs suffice."""

    def values(runs: Sequence[Run]) -> Array:
        return np.array([fading(norms[run]) for run in runs])

    found = []
    if (scratch := subjects.of("scratch")) and np.isfinite(values(scratch)).all():
        found.append(effect("G1", compare_values(values(scratch), 0 * values(scratch))))
    if (pair := subjects.pair()) and all(np.isfinite(values(runs)).all() for runs in pair):
        found.append(effect("G2", compare_values(values(pair[0]), values(pair[1]))))
    return found


def measure(subjects: Subjects) -> dict[str, Any]:
    """Returns the record.

    Raises:
        UserError: no run has a norm.
    """
    norms = {run: read_norms(path) for run, path in subjects.paths.items()}
    if not any(norms.values()):
        raise UserError("none of these runs recorded a gradient: norms stand every 20 steps")
    return {
        "data_sha256": {"test": test_hash(subjects)},
        "examples": {},
        "norms": [
            row for arm in subjects.arms for name, found in lives(arm, norms).items() for row in mean_rows(name, found)
        ],
        "runs": [row for arm in subjects.arms for row in run_rows(arm, norms)],
        "effects": effects(subjects, norms),
    }


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/gradients.json."""
    asked = parser("gradients", __doc__).parse_args(arguments)
    look(asked, "gradients", lambda: measure(open_subjects(asked.runs, lambda _: True, "records")))


if __name__ == "__main__":
    sys.exit(main())
