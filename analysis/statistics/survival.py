"""Times until an event, such as leaving the ln 3 plateau, when some runs end before it happens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.intervals import NORMAL_975

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Survival:
    """The share of runs without the event after each time; all arrays `(times,)`, the times distinct and rising."""

    time: Array
    at_risk: Array
    """Runs still without event just before the time."""
    events: Array
    share: Array
    """Share without the event just after the time."""
    standard_error: Array
    """Greenwood's; NaN once the share is 0."""
    low: Array
    """95% interval at each time by itself; NaN where the share is 1 or 0."""
    high: Array


def kaplan_meier(times: Sequence[float], observed: Sequence[bool]) -> Survival:
    """Returns the survival curve with Greenwood's variance and log-log intervals.

    With few seeds the intervals are rough: they rest on a large-sample normal approximation.
    Source: Kaplan and Meier 1958, JASA 53; Kalbfleisch and Prentice 2002, sec. 1.4 (intervals).

    Args:
        times: of the event, or of the last look for a run without it; not negative.
        observed: whether the event was seen.

    Raises:
        ValueError: no runs, unequal lengths, or a time that is negative or not finite.
    """
    if not times or len(times) != len(observed) or not all(math.isfinite(t) and t >= 0 for t in times):
        raise ValueError(f"{len(times)} times and {len(observed)} flags: expected one finite time for each run")
    found, seen = np.array(times, dtype=np.float64), np.array(observed, dtype=bool)
    time = np.unique(found)
    at_risk = np.array([np.sum(found >= t) for t in time], dtype=np.float64)
    events = np.array([np.sum(seen & (found == t)) for t in time], dtype=np.float64)
    share = np.cumprod(1 - events / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        standard_error: Array = share * np.sqrt(greenwood)
        half = NORMAL_975 * np.sqrt(greenwood) / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    bounds = {"low": low, "high": high}
    inside = (share > 0) & (share < 1)
    cut = {name: np.where(inside, values, math.nan) for name, values in bounds.items()}
    return Survival(time=time, at_risk=at_risk, events=events, share=share, standard_error=standard_error, **cut)


def first_at_or_below(curve: Survival, values: Array, level: float) -> float:
    """Returns the first time at which `values` have come down to `level`, or infinity."""
    reached = np.flatnonzero(values <= level)
    return float(curve.time[reached[0]]) if len(reached) else math.inf


def median_time(curve: Survival) -> tuple[float, float, float]:
    """Returns the median time with the ends of its 95% interval; infinity where the data do not reach so far.

    The interval holds the times at which the pointwise interval of the share includes one half. Once every run has
    had the event that interval is undefined: an upper end that was not reached before is infinite.
    Source: Brookmeyer and Crowley 1982, Biometrics 38.
    """
    gone = curve.share == 0
    low = np.where(gone, 0.0, np.where(curve.share == 1, 1.0, curve.low))
    high = np.where(curve.share == 1, 1.0, curve.high)  # NaN at a share of 0 is never at or below
    ends = first_at_or_below(curve, low, 0.5), first_at_or_below(curve, high, 0.5)
    return first_at_or_below(curve, curve.share, 0.5), *ends


def restricted_mean(curve: Survival, horizon: float) -> tuple[float, float]:
    """Returns the mean of min(time, horizon), the area below the curve, and its standard error.

    Source: Klein and Moeschberger 2003, Survival Analysis, sec. 4.5; Royston and Parmar 2013.

    Raises:
        ValueError: a run was lost before the horizon without the event; there the curve may not be known.
    """
    if curve.share[-1] > 0 and curve.time[-1] < horizon:
        raise ValueError(f"no run was watched up to {horizon:g}; the last look is at {curve.time[-1]:g}")
    before = curve.time < horizon
    edges = np.concatenate([[0.0], curve.time[before], [horizon]])
    areas = np.concatenate([[1.0], curve.share[before]]) * np.diff(edges)
    rest = areas[::-1].cumsum()[::-1][1:]  # area from each time to the horizon
    at_risk, events = curve.at_risk[before], curve.events[before]
    left = at_risk - events
    terms = np.where(left > 0, rest**2 * events / (at_risk * np.maximum(left, 1)), 0.0)
    return float(areas.sum()), float(np.sqrt(terms.sum()))
