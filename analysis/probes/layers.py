"""Asks where in a model the task was learned, and writes probes/layers.json into the study folder.

How far each layer moved in training; what accuracy it costs to put one layer back to where it began; how alike the
vectors of a pair's tokens, averaged, are before and after training, and in two arms.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.probes.command import Subjects, effect, level, look, open_subjects, parser, recorded_pairs, spread
from analysis.probes.parts import Tensors, movement, parts_of
from analysis.probes.similarity import alignment, alignment_gap, batch_parts
from analysis.records.runs import Run
from analysis.statistics.paired import Array, compare_items, compare_values
from models.errors import DataError
from train.data.pairs import Example, content_hash
from train.guard import guard

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.probes.weights import Reader

ROLLED_BACK_EXAMPLES, COMPARED_EXAMPLES, BATCH = 2_000, 1_000, 100
"""Test pairs, the first ones, for accuracy and for vectors; and vectors of one batch of CKA."""
ENCODER = "encoder"


def movement_rows(arm: str, seed: int, before: Tensors, after: Tensors) -> list[dict[str, Any]]:
    """Returns one row for each part, and one for the whole encoder."""
    parts = parts_of(before)
    parts[ENCODER] = [name for name in before if name.startswith("encoder.")]
    rows = []
    for part, names in parts.items():
        moved, cosine = movement(before, after, names)
        rows.append({"arm": arm, "seed": seed, "part": part, "moved": moved, "cosine": cosine})
    return rows


def correct(reader: Reader, pairs: Sequence[Example]) -> Array:
    """Returns whether the reader's model is right about each pair: `(I,)`."""
    said = reader.labels(pairs)
    return np.array([pair.label == label for pair, label in zip(pairs, said, strict=True)], dtype=np.float64)


def roll_back(reader: Reader, before: Tensors, after: Tensors, pairs: Sequence[Example]) -> dict[str, Array]:
    """Returns part -> correctness on each pair with that part as it was before; `nothing` is the model itself.

    Source: Zhang, Bengio and Singer 2019, Are all layers created equal?; Neyshabur, Sedghi and Zhang 2020.
    """
    found = {"nothing": correct(reader.fill(dict(after)), pairs)}
    for part, names in parts_of(before).items():
        found[part] = correct(reader.fill({**after, **{name: before[name] for name in names}}), pairs)
    reader.fill(dict(after))
    return found


def mean_vectors(reader: Reader, pairs: Sequence[Example]) -> Array:
    """Returns the mean over tokens of each pair's vectors behind the embeddings and behind every layer: `(L, N, D)`."""
    import torch

    from train.evaluate import evaluating, run_batches

    encoded, encoder = reader.encode(pairs), reader.model.encoder

    def ask(indices: list[int]) -> Tensor:
        batch = encoded.batch(indices, reader.precision.device)
        lengths = [encoded.lengths[index] for index in indices]
        stages = [encoder.embeddings(batch)]
        for layer in encoder.layers:
            stages.append(layer(stages[-1], batch))
        return torch.cat([torch.stack([x.mean(0) for x in x_TD.split(lengths)]) for x_TD in stages], dim=1)

    with evaluating(reader.model):
        rows = run_batches(encoded, range(len(pairs)), reader.precision, ask)
    return rows.unflatten(1, (1 + len(encoder.layers), -1)).transpose(0, 1).double().numpy()


class Ledger:
    """What is measured of every run, and the record that it makes."""

    def __init__(self, pairs: Sequence[Example]) -> None:
        self.pairs = pairs
        self.movements: dict[Run, list[dict[str, Any]]] = {}
        self.correct: dict[Run, dict[str, Array]] = {}
        self.vectors: dict[Run, tuple[Array, Array]] = {}

    def enter(self, run: Run, arm: str, reader: Reader, before: Tensors, after: Tensors) -> None:
        """Measures one run."""
        compared = self.pairs[:COMPARED_EXAMPLES]
        self.movements[run] = movement_rows(arm, run.seed, before, after)
        self.correct[run] = roll_back(reader, before, after, self.pairs[:ROLLED_BACK_EXAMPLES])
        start, end = (mean_vectors(reader.fill(dict(tensors)), compared) for tensors in (before, after))
        self.vectors[run] = start, end

    def lost(self, runs: Sequence[Run], part: str) -> Array:
        """Returns correctness lost by rolling one part back, `(S, I)`."""
        return np.array([self.correct[run]["nothing"] - self.correct[run][part] for run in runs])

    def roll_back_rows(self, arm: str, runs: Sequence[Run]) -> list[dict[str, Any]]:
        """Returns what rolling back each part costs an arm, over seeds and items, and what accuracy is left."""
        parts = [part for part in self.correct[runs[0]] if part != "nothing"]
        return [
            {"arm": arm, "part": part, **spread(level(self.lost(runs, part)), "lost"), "accuracy": float(np.mean(left))}
            for part in parts
            for left in [[self.correct[run][part] for run in runs]]
        ]

    def stage_parts(self, run: Run, other: Run | None = None, end: int = 1) -> list[Array]:
        """Returns for each stage the batches' criteria of before with after, or of a run with another at one end."""
        one, two = self.vectors[run] if other is None else (self.vectors[run][end], self.vectors[other][end])
        return [batch_parts(x, y, BATCH) for x, y in zip(one, two, strict=True)]


def stage_name(place: int) -> str:
    """Returns the name of a stage of vectors."""
    return f"layer {place}" if place else "embeddings"


def similarity_rows(what: str, seed: int, stages: Sequence[Array]) -> list[dict[str, Any]]:
    """Returns CKA at each stage."""
    return [
        {"what": what, "seed": seed, "part": stage_name(place), **spread(alignment_gap(parts), "cka")}
        for place, parts in enumerate(stages)
    ]


def whole_movements(ledger: Ledger, runs: Sequence[Run]) -> Array:
    """Returns how far each run's encoder moved."""
    return np.array([row["moved"] for run in runs for row in ledger.movements[run] if row["part"] == ENCODER])


def lowest_minus_highest(hypothesis: str, by_seed: Sequence[Sequence[Array]]) -> list[dict[str, Any]]:
    """Returns what was found of CKA behind the first layer minus behind the last, over seeds.

    Nothing where vectors that are all the same leave a seed without a CKA.
    """
    low, high = (np.array([alignment(stages[place]) for stages in by_seed]) for place in (1, -1))
    return [effect(hypothesis, compare_values(low, high))] if np.isfinite(low + high).all() else []


def effects(subjects: Subjects, ledger: Ledger) -> list[dict[str, Any]]:
    """Returns what was found of each hypothesis for which the runs suffice."""
    found = []
    if pair := subjects.pair():
        found.append(effect("L1", compare_values(*(whole_movements(ledger, runs) for runs in pair))))
        both = [ledger.stage_parts(one, other) for one, other in zip(*pair, strict=True)]
        found += lowest_minus_highest("L4", both)
    if ours := subjects.of("pretrained"):
        layers = [part for part in ledger.correct[ours[0]] if part.startswith("layer ")]
        top, bottom = (ledger.lost(ours, layers[place]) for place in (-1, 0))
        found.append(effect("L2", compare_items(top, bottom), "test pairs"))
        found += lowest_minus_highest("L3", [ledger.stage_parts(run) for run in ours])
    return found


def all_similarities(subjects: Subjects, ledger: Ledger) -> list[dict[str, Any]]:
    """Returns CKA before against after for every run, and between the arms for every seed they share."""
    rows = []
    for arm in subjects.arms:
        for run in arm.runs:
            rows += similarity_rows(f"{arm.name}, before and after", run.seed, ledger.stage_parts(run))
    for one, other in zip(*(subjects.pair() or ([], [])), strict=True):
        for when, end in (("before", 0), ("after", 1)):
            stages = ledger.stage_parts(one, other, end)
            rows += similarity_rows(f"pretrained and scratch, {when}", one.seed, stages)
    return rows


def measure(subjects: Subjects, ledger: Ledger) -> dict[str, Any]:
    """Returns the record of a ledger in which every run has been entered."""
    pairs = ledger.pairs
    return {
        "data_sha256": {"test": content_hash(pairs)},
        "examples": {
            "rolled back": min(len(pairs), ROLLED_BACK_EXAMPLES),
            "compared": min(len(pairs), COMPARED_EXAMPLES),
            "batch": BATCH,
        },
        "runs": [{"arm": arm.name, "seed": run.seed, "weights": "last"} for arm in subjects.arms for run in arm.runs],
        "movements": [row for rows in ledger.movements.values() for row in rows],
        "rolled_back": [row for arm in subjects.arms for row in ledger.roll_back_rows(arm.name, arm.runs)],
        "similarities": all_similarities(subjects, ledger),
        "effects": effects(subjects, ledger),
    }


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/layers.json."""
    asked = parser("layers", __doc__).parse_args(arguments)
    # late: torch takes seconds, --help should not
    from analysis.probes.weights import keeps_path, open_reader, read_snapshot, snapshots

    def make() -> dict[str, Any]:
        subjects = open_subjects(asked.runs, keeps_path, "a trajectory/")
        pairs = recorded_pairs(subjects.paths, "test", asked.data)
        if len(pairs) < BATCH:
            raise DataError(f"{len(pairs)} test pairs: the layers are compared in batches of {BATCH}")
        ledger = Ledger(pairs)
        for arm in subjects.arms:
            for run in arm.runs:
                first, *_, last = snapshots(subjects.paths[run]).values()
                reader = open_reader(run, asked.checkpoint)
                ledger.enter(run, arm.name, reader, read_snapshot(first), read_snapshot(last))
                print(f"{arm.name}, seed {run.seed}: done", flush=True)
        return measure(subjects, ledger)

    look(asked, "layers", make)


if __name__ == "__main__":
    sys.exit(main())
