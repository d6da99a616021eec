"""When a run leaves the ln 3 plateau, and when it first reaches a level; "never" is an answer too."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records.reading import CLOCKS, Columns
from analysis.statistics.intervals import LN3

PLATEAU_LEVEL = LN3 - 0.05
"""Loss, in nats, below which a run counts as off the plateau."""

CONSECUTIVE = 2
"""Evaluations in a row that have to agree: one alone may be noise of a small probe set."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """The clocks at the first of the evaluations in a row that agree; all infinite if they never came."""

    step: float
    examples_seen: float
    train_seconds: float


NEVER = Passage(step=math.inf, examples_seen=math.inf, train_seconds=math.inf)


def first_run(reached: NDArray[np.bool_], consecutive: int) -> int | None:
    """Returns the index of the first of `consecutive` true values in a row, or None."""
    length = 0
    for index, true in enumerate(reached):
        length = length + 1 if true else 0
        if length == consecutive:
            return index - consecutive + 1
    return None


def passage(curve: Columns | None, reached: NDArray[np.bool_], consecutive: int = CONSECUTIVE) -> Passage:
    """Returns the clocks at the first of `consecutive` evaluations in a row that have reached the level.

    Args:
        curve: evaluation columns of one split, `(points,)` each; None if the run has none.
        reached: `(points,)`, whether the level is reached at each point.
    """
    index = None if curve is None else first_run(reached, consecutive)
    if curve is None or index is None:
        return NEVER
    return Passage(**{clock: float(curve[clock][index]) for clock in CLOCKS})


def loss_below(curve: Columns | None, level: float, consecutive: int = CONSECUTIVE) -> Passage:
    """Returns when the loss came to lie below `level` (nats)."""
    return passage(curve, curve["loss"] < level if curve else np.zeros(0, bool), consecutive)


def accuracy_reaching(curve: Columns | None, level: float, consecutive: int = CONSECUTIVE) -> Passage:
    """Returns when the accuracy came to lie at or above `level`."""
    return passage(curve, curve["accuracy"] >= level if curve else np.zeros(0, bool), consecutive)
