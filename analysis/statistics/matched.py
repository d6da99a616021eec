"""Generalisation at equal training loss: whether pretraining only fits faster, or also fits what carries over."""

import math
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from analysis.records.arms import Arm
from analysis.records.runs import Run
from analysis.statistics.contrasts import seed_pairs, value_gap
from analysis.statistics.curves import align
from analysis.statistics.paired import Comparison

LEVELS = (1.0, 0.9, 0.8, 0.7, 0.6)
"""Loss on the training probe, nats, at which arms are compared."""

PROBES = ("probe_train", "probe_validation")
MEASURES = ("loss", "accuracy")


def at_training_loss(run: Run, level: float, measure: str) -> float:
    """Returns a measure on the validation probe where the training probe first comes down to a loss; NaN if never.

    Between the two evaluations around that crossing it is interpolated in the training probe's loss: the first
    evaluation below lies further below in the arm that falls faster, and would compare unequal losses.
    """
    curves = [run.evaluations[split] for split in PROBES if split in run.evaluations]
    if len(curves) < len(PROBES):
        return math.nan
    train, validation = align(curves)
    below = np.flatnonzero(train["loss"] <= level)
    if not len(below):
        return math.nan
    last, first = max(0, int(below[0]) - 1), int(below[0])
    above, under = train["loss"][last], train["loss"][first]
    share = (above - level) / (above - under) if above > level else 1.0
    return float(validation[measure][last] + share * (validation[measure][first] - validation[measure][last]))


@dataclass(frozen=True, kw_only=True)
class Match:
    """Two arms where their training losses are equal."""

    level: float
    measure: str
    reached: tuple[int, int]
    """Runs of the first and of the second arm that came to the level."""
    gap: Comparison
    """First arm minus second, paired over the seeds of which both came there."""
    means: tuple[float, float]
    """Over those seeds."""


def match(pair: tuple[Arm, Arm], level: float, measure: str) -> Match | None:
    """Returns two arms compared at one training loss; None if no seed of both came to it."""

    def value(run: Run) -> float:
        return at_training_loss(run, level, measure)

    one, other = ([run for run in arm.runs if math.isfinite(value(run))] for arm in pair)
    if not (gap := value_gap(one, other, value)):
        return None
    means = [fmean(map(value, runs)) for runs in zip(*seed_pairs(one, other), strict=True)]
    reached = len(one), len(other)
    return Match(level=level, measure=measure, reached=reached, gap=gap, means=(means[0], means[1]))


def matches(pair: tuple[Arm, Arm]) -> list[Match]:
    """Returns both measures at every level to which a seed of both arms came."""
    return [found for level in LEVELS for measure in MEASURES if (found := match(pair, level, measure))]
