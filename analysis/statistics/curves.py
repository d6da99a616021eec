"""Curves of one arm: smoothing over steps, and mean and range over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records.reading import Columns

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanCurve:
    """Mean and range over seeds; all arrays `(points,)`."""

    x: Array
    mean: Array
    low: Array
    high: Array


def smoothing_window(points: int) -> int:
    """Returns the odd window used for per-step losses: about a fiftieth of the run."""
    return max(1, points // 50) | 1


def smooth(values: Array, window: int) -> Array:
    """Returns the centred running mean over `window` points (odd), over those that exist at both ends.

    Centred, because an exponential mean lags and makes a curve fall later than it does.

    Args:
        values: `(points,)`.
        window: an odd number of points.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first = np.maximum(index - window // 2, 0)
    last = np.minimum(index + window // 2 + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def align(curves: Sequence[Columns]) -> list[Columns]:
    """Returns the curves cut down to the steps that all have, so that a mean compares like with like."""
    shared = curves[0]["step"]
    for curve in curves[1:]:
        shared = np.intersect1d(shared, curve["step"])
    keep = [np.isin(curve["step"], shared) for curve in curves]
    return [{name: column[k] for name, column in c.items()} for c, k in zip(curves, keep, strict=True)]


def mean_curve(curves: Sequence[Columns], x: str, y: str) -> MeanCurve:
    """Returns the mean over seeds of `y` at equal steps, with its range, against the mean of `x` there.

    For x = step or examples_seen the mean changes nothing; for seconds it is the mean clock at that step.
    """
    aligned = align(curves)
    values = np.stack([curve[y] for curve in aligned])
    clock = np.mean([curve[x] for curve in aligned], axis=0)
    return MeanCurve(x=clock, mean=values.mean(axis=0), low=values.min(axis=0), high=values.max(axis=0))


def loss_at_share(training: Columns, share: float) -> float:
    """Returns the smoothed training loss at a share of the run's steps, e.g. 0.1 for a tenth of them."""
    losses = training["loss"]
    index = max(0, round(share * len(losses)) - 1)
    return float(smooth(losses, smoothing_window(len(losses)))[index])


def first_share(training: Columns, share: float) -> float:
    """Returns the mean training loss over the first share of the steps, one step at least."""
    losses = training["loss"]
    return float(losses[: max(1, round(share * len(losses)))].mean())
