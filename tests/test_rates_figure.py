"""The figure of learning rates compares them on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from analysis.figures.outcome_figures import runs_of_all
from analysis.records.arms import Arm


class Seeded:
    """A run, as far as its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed


@pytest.mark.parametrize(
    ("seeds", "shown"),
    [
        (((0,), (0, 1, 2), (0,)), ((0,), (0,), (0,))),
        (((0, 1), (1, 0)), ((0, 1), (1, 0))),
        (((0,), (1, 2)), ((0,), (1, 2))),
    ],
)
def test_of_seeds_that_one_rate_alone_has_none_is_shown(
    seeds: Sequence[Sequence[int]], shown: Sequence[Sequence[int]]
) -> None:
    arms = [Arm(name="a", init="scratch", runs=cast("Any", tuple(map(Seeded, each)))) for each in seeds]
    assert [[run.seed for run in runs] for runs in runs_of_all(arms)] == [list(each) for each in shown]
