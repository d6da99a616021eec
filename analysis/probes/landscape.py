"""Asks what the loss looks like around the weights, and writes probes/landscape.json into the study folder.

On the first 512 training pairs, without dropout: along the line from the initial to the last weights, in the plane of
the path, how far around the last weights it stays low, and on the lines between seeds and between arms. Every loss is
kept until the record is written: interrupted, the same command goes on. One such command for a study at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.probes.command import (
    FOLDER,
    Subjects,
    effect,
    level,
    look,
    open_subjects,
    parser,
    recorded_pairs,
    spread,
    study_of,
)
from analysis.records.arms import Arm
from analysis.records.runs import Run
from analysis.statistics.paired import Array, compare_items, pseudo_values
from models.files import remove
from train.data.pairs import content_hash
from train.guard import guard

if TYPE_CHECKING:
    from analysis.probes.surface import Tensors
    from analysis.probes.terrain import Terrain

EXAMPLES, GRID, DIRECTIONS, RISE = 512, 15, 5, 0.1
"""Training pairs; points along an axis of the plane; random directions of flatness; nats that count as risen."""
LINE = tuple(np.linspace(-0.25, 1.5, 22).tolist())
"""Shares of the way from the initial weights (0) to the last (1)."""
Rows = list[dict[str, Any]]

BETWEEN = tuple(np.linspace(0, 1, 11).tolist())


def line_rows(arm: str, run: Run, terrain: Terrain, start: Tensors, end: Tensors) -> Rows:
    """Returns the loss along the line from the initial to the last weights."""
    from analysis.probes.surface import along

    losses = along(terrain.loss, start, end, LINE)
    return [{"arm": arm, "seed": run.seed, "at": at, "loss": loss} for at, loss in zip(LINE, losses, strict=True)]


def plane_rows(arm: str, run: Run, terrain: Terrain, path: Sequence[Tensors]) -> tuple[Rows, Rows]:
    """Returns the loss in the plane of a run's path, and the path in it with the share of it that the plane holds."""
    from analysis.probes.surface import over_plane, principal_plane

    plane, named = principal_plane(path), {"arm": arm, "seed": run.seed}
    x, y, losses = over_plane(terrain.loss, plane, GRID)
    grid = [
        {**named, "x": float(x[k]), "y": float(y[i]), "loss": float(losses[i, k])}
        for i in range(GRID)
        for k in range(GRID)
    ]
    return grid, [{**named, "x": float(a), "y": float(b), "share": plane.share} for a, b in plane.path]


def radii(terrain: Terrain, weights: Tensors) -> Array:
    """Returns the radius at which the loss has risen in each random direction, `(DIRECTIONS,)`."""
    from analysis.probes.surface import radius, random_direction

    return np.array(
        [radius(terrain.loss, weights, random_direction(weights, seed), RISE) for seed in range(DIRECTIONS)]
    )


def radius_row(arm: str, found: Array) -> dict[str, Any]:
    """Returns an arm's mean radius, of `(S, DIRECTIONS)`, and how many are no radius but where the search ended."""
    from analysis.probes.surface import LAST_RADIUS

    return {"arm": arm, **spread(level(found), "radius"), "beyond": int((found >= LAST_RADIUS).sum())}


def neighbours(subjects: Subjects) -> Iterator[tuple[str, Run, Run]]:
    """Yields what lies between two runs, and the runs: all pairs of seeds of an arm, and the arms seed by seed."""
    for arm in subjects.arms:
        for one, other in combinations(arm.runs, 2):
            yield f"{arm.name}, seeds", one, other
    for one, other in zip(*(subjects.pair() or ([], [])), strict=True):
        yield "pretrained and scratch", one, other


class Survey:
    """What is measured, and the record that it makes."""

    def __init__(self, terrain: Terrain) -> None:
        self.terrain = terrain
        self.lines: Rows = []
        self.planes: Rows = []
        self.paths: Rows = []
        self.radii: dict[Run, Array] = {}
        self.last: dict[Run, Tensors] = {}

    def enter(self, arm: Arm, run: Run, path: Sequence[Tensors]) -> None:
        """Measures one run; the plane of an arm's first alone, being the slowest."""
        self.last[run] = path[-1]
        self.lines += line_rows(arm.name, run, self.terrain, path[0], path[-1])
        self.radii[run] = radii(self.terrain, path[-1])
        if run is arm.runs[0] and len(path) > 2:
            grid, points = plane_rows(arm.name, run, self.terrain, path)
            self.planes, self.paths = self.planes + grid, self.paths + points

    def between(self, subjects: Subjects) -> tuple[Rows, Rows, dict[str, dict[tuple[int, int], Array]]]:
        """Returns the loss along all lines between runs, their barriers, and how far each pair's rises half-way.

        That is by what lies between them and by their seeds, `(I,)` each.
        """
        from analysis.probes.surface import barrier
        from analysis.probes.surface import between as part_way

        lines: Rows = []
        barriers: Rows = []
        rises: dict[str, dict[tuple[int, int], Array]] = {}
        for what, one, other in neighbours(subjects):
            found = [self.terrain.losses(part_way(self.last[one], self.last[other], share)) for share in BETWEEN]
            losses = [float(each.mean()) for each in found]
            named = {"what": what, "seeds": f"{one.seed} and {other.seed}"}
            lines += [{**named, "at": at, "loss": loss} for at, loss in zip(BETWEEN, losses, strict=True)]
            barriers.append({**named, "barrier": barrier(BETWEEN, losses)})
            half_way = found[len(BETWEEN) // 2] - (found[0] + found[-1]) / 2
            rises.setdefault(what, {})[one.seed, other.seed] = half_way
        return lines, barriers, rises

    def record(self, subjects: Subjects) -> dict[str, Any]:
        """Returns all tables and what was found of each hypothesis for which the runs suffice."""
        between, barriers, rises = self.between(subjects)
        effects = []
        if pair := subjects.pair():
            one, other = (np.array([self.radii[run] for run in runs]) for runs in pair)
            if not any(radius_row("", found)["beyond"] for found in (one, other)):  # else these are no radii
                effects.append(effect("F1", compare_items(one, other), "directions"))
        ours, theirs = (rises.get(f"{init}, seeds", {}) for init in ("pretrained", "scratch"))
        if min(len(ours), len(theirs)) >= 3:  # a run's share in a mean over pairs shows from three runs on
            found = compare_items(pseudo_values(ours), pseudo_values(theirs), paired=False)
            effects.append(effect("F2", found, "training pairs"))
        return {
            "lines": self.lines,
            "planes": self.planes,
            "paths": self.paths,
            "radii": [radius_row(arm.name, np.array([self.radii[run] for run in arm.runs])) for arm in subjects.arms],
            "between": between,
            "barriers": barriers,
            "effects": effects,
        }


def expected_losses(subjects: Subjects) -> int:
    """Returns about how many losses are asked: of every run, of one plane for each arm, and between runs."""
    from analysis.probes.surface import HALVINGS

    searched = DIRECTIONS * (HALVINGS + 5)  # from 1/32 to a radius of 1/2 takes five steps
    runs = sum(len(arm.runs) for arm in subjects.arms)
    return runs * (len(LINE) + searched) + len(subjects.arms) * GRID**2 + len(BETWEEN) * len([*neighbours(subjects)])


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/landscape.json."""
    asked = parser("landscape", __doc__).parse_args(arguments)
    # late: torch takes seconds, --help should not
    from analysis.probes.terrain import Terrain
    from analysis.probes.weights import keeps_path, open_reader, read_snapshot, snapshots

    unfinished = study_of(asked) / FOLDER / "landscape-unfinished"

    def make() -> dict[str, Any]:
        subjects = open_subjects(asked.runs, keeps_path, "a trajectory/")
        pairs = recorded_pairs(subjects.paths, "train", asked.data)[:EXAMPLES]
        test = content_hash(recorded_pairs(subjects.paths, "test", asked.data))
        reader = open_reader(next(iter(subjects.paths)), asked.checkpoint)
        survey = Survey(Terrain(reader, pairs, unfinished, expected_losses(subjects)))
        for arm in subjects.arms:
            for run in arm.runs:
                survey.enter(arm, run, [read_snapshot(path) for path in snapshots(subjects.paths[run]).values()])
                print(f"{arm.name}, seed {run.seed}: done", flush=True)
        examples = {"train": len(pairs), "directions": DIRECTIONS}
        return {"data_sha256": {"test": test}, "examples": examples, **survey.record(subjects)}

    look(asked, "landscape", make)
    remove(unfinished)


if __name__ == "__main__":
    sys.exit(main())
