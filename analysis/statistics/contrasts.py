"""Which arms are set against each other, and over which seeds and test items."""

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from analysis.records.arms import Arm
from analysis.records.fairness import differing_settings
from analysis.records.runs import Run
from analysis.statistics.paired import Comparison, compare_items, compare_values, correctness


def seed_pairs(one: Sequence[Run], other: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Returns the runs of both arms with the same seed, by seed."""
    theirs = {run.seed: run for run in other}
    return [(run, theirs[run.seed]) for run in sorted(one, key=lambda run: run.seed) if run.seed in theirs]


def headline_pair(arms: Sequence[Arm]) -> tuple[Arm, Arm] | None:
    """Returns the pretrained and the scratch arm to be compared: those whose settings differ least, with most seeds."""
    ours, theirs = ([arm for arm in arms if arm.init == init] for init in ("pretrained", "scratch"))
    if not ours or not theirs:
        return None

    def fit(pair: tuple[Arm, Arm]) -> tuple[int, int]:
        return -len(differing_settings(pair[0].runs[0], pair[1].runs[0])), len(seed_pairs(pair[0].runs, pair[1].runs))

    return max(product(ours, theirs), key=fit)


def accuracy_gap(one: Arm, other: Arm, split: str) -> Comparison | None:
    """Returns first arm minus second over the seeds that both have and all items; None without seeds or two items.

    Raises:
        RecordError: the runs answered different items.
    """
    pairs = seed_pairs(one.runs, other.runs)
    if not pairs or any(split not in run.answers for pair in pairs for run in pair):
        return None
    matrix = correctness([run for pair in pairs for run in pair], split)
    return None if matrix.shape[1] < 2 else compare_items(matrix[0::2], matrix[1::2])


def interaction(one: Arm, one_without: Arm, other: Arm, other_without: Arm, split: str) -> Comparison | None:
    """Returns how much more the first arm loses by going without something than the second, over seeds and items.

    Over the seeds that all four arms have; None without any, or without predictions.

    Raises:
        RecordError: the runs answered different items.
    """
    tables = [{run.seed: run for run in arm.runs} for arm in (one, one_without, other, other_without)]
    seeds = sorted(set.intersection(*(set(table) for table in tables)))
    runs = [table[seed] for table in tables for seed in seeds]
    if not seeds or any(split not in run.answers for run in runs):
        return None
    first, first_without, second, second_without = np.split(correctness(runs, split), 4)
    return compare_items(first - first_without, second - second_without) if first.shape[1] > 1 else None


def same_answers(one: Arm, other: Arm, split: str) -> bool:
    """Whether two arms name the same label for every item, in every seed that both have.

    Raises:
        RecordError: a prediction is malformed.
    """
    pairs = seed_pairs(one.runs, other.runs)
    return all(ours.labels(split) == theirs.labels(split) for ours, theirs in pairs)


def value_gap(one: Sequence[Run], other: Sequence[Run], measure: Callable[[Run], float]) -> Comparison | None:
    """Returns first arm minus second in one number a run, paired over seeds; None without pairs or finite numbers."""
    values = np.array([[measure(run) for run in pair] for pair in seed_pairs(one, other)])
    if not len(values) or not math.isfinite(values.sum()):
        return None
    return compare_values(values[:, 0], values[:, 1])
