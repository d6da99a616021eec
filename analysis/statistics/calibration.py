"""Whether probabilities are right: calibration as trained, and after one temperature.

Source: Guo, Pleiss, Sun and Weinberger 2017, On Calibration of Modern Neural Networks, ICML (1706.04599).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from analysis.records.arms import Arm
from analysis.records.predictions import Array, Predicted, predicted_pairs
from analysis.records.runs import Run

BINS = 15
"""Of equal width, each with its upper end. Source: Guo et al. 2017, sec. 2 and table 1."""

LEAST_SHARE = 5e-5
"""Half of the last decimal that records keep: what 0.0000 may have been, at most."""

HOTTEST = 20.0
"""Highest temperature, nearly a uniform guess; the lowest is its inverse. A useless model's best has no bound."""

HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How good the probabilities of one run are on one split."""

    error: float
    """Expected calibration error."""
    by_chance: float
    """What the error of true probabilities would be about, through the sampling of pairs alone."""
    nll: float
    """Mean negative log likelihood, nats."""
    brier: float
    """Mean squared distance to the gold label, summed over labels: 0 to 2. Source: Brier 1950."""
    overconfidence: float
    """Mean probability of the label said, less accuracy: above 0 is overconfident."""


def positive(shares: Array) -> Array:
    """Returns recorded probabilities `(I, 3)` without zeros, summing to 1."""
    cut = np.maximum(shares, LEAST_SHARE)
    return cut / cut.sum(axis=1, keepdims=True)


def tempered(shares: Array, temperature: float) -> Array:
    """Returns the probabilities `(I, 3)` that their logits have once divided by the temperature."""
    powers = shares ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(shares: Array, gold: NDArray[np.int64]) -> float:
    """Returns the temperature of the lowest negative log likelihood, between 1 / `HOTTEST` and `HOTTEST`.

    With b = 1 / temperature, the likelihood's slope is mean(sum_k p_k(b) log p_k - log p_gold) and rises with b, as
    the likelihood is convex in b: its zero is found by halving. Source: Guo et al. 2017, sec. 4.2.

    Args:
        shares: `(I, 3)`, positive.
        gold: `(I,)`.
    """
    logs = np.log(shares)
    reached = float(logs[np.arange(len(gold)), gold].mean())
    low, high = 1 / HOTTEST, HOTTEST
    for _ in range(HALVINGS):
        inverse = math.sqrt(low * high)
        slope = float((tempered(shares, 1 / inverse) * logs).sum(axis=1).mean()) - reached
        low, high = (low, inverse) if slope > 0 else (inverse, high)
    return 1 / math.sqrt(low * high)


def half(id: str) -> int:
    """Returns which half of the pairs an id belongs to, 0 or 1: the lowest bit of its sha256."""
    return sha256(id.encode()).digest()[-1] & 1


def cross_fitted(found: Predicted) -> tuple[Array, list[float]] | None:
    """Returns the probabilities `(I, 3)` after a temperature fitted on the other half, and both temperatures.

    None where a half has no pair.
    """
    shares, halves = positive(found.shares), np.array([half(id) for id in found.ids])
    if len(set(halves)) < 2:
        return None
    after, temperatures = shares.copy(), []
    for side in (0, 1):
        held_out = halves == side
        temperatures.append(fit_temperature(shares[~held_out], found.gold[~held_out]))
        after[held_out] = tempered(shares[held_out], temperatures[-1])
    return after, temperatures


def bin_places(confidence: Array) -> NDArray[np.int64]:
    """Returns the bin of each probability of a label said, from 0."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def bin_sums(values: Array, confidence: Array) -> Array:
    """Returns the sum of values in each bin `(BINS,)`."""
    return np.bincount(bin_places(confidence), weights=values, minlength=BINS).astype(np.float64)


def calibration(shares: Array, gold: NDArray[np.int64]) -> Calibration:
    """Returns how good probabilities `(I, 3)` are, given the gold labels `(I,)`."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == gold
    spread = np.sqrt(bin_sums(confidence * (1 - confidence), confidence))  # of the right answers in each bin
    gold_shares = shares[np.arange(len(gold)), gold]
    return Calibration(
        error=float(np.abs(bin_sums(confidence - right, confidence)).sum() / len(gold)),
        by_chance=float(math.sqrt(2 / math.pi) * spread.sum() / len(gold)),  # mean of |normal| is sqrt(2 / pi) sigma
        nll=float(-np.log(gold_shares).mean()),
        brier=float(((shares**2).sum(axis=1) - 2 * gold_shares + 1).mean()),
        overconfidence=float(confidence.mean() - right.mean()),
    )


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """One run on one split, as trained and after temperature."""

    gold: NDArray[np.int64]
    shares: tuple[Array, Array]
    """Before and after."""
    temperatures: Sequence[float]
    """Of the two halves."""
    before: Calibration
    after: Calibration


@lru_cache(maxsize=256)  # a fit takes a while, and figure, words and tables ask for the same ones
def calibrated(run: Run, split: str) -> Calibrated | None:
    """Returns a run's calibration; None without predictions, or with too few to fit a temperature on half of them.

    Raises:
        RecordError: predictions.csv is malformed.
    """
    found = predicted_pairs(run, split)
    fitted = cross_fitted(found) if found else None
    if not found or not fitted:
        return None
    before, (after, temperatures) = positive(found.shares), fitted
    return Calibrated(
        gold=found.gold,
        shares=(before, after),
        temperatures=temperatures,
        before=calibration(before, found.gold),
        after=calibration(after, found.gold),
    )


def calibrated_arms(arms: Sequence[Arm], split: str) -> dict[str, list[Calibrated]]:
    """Returns arm -> its runs' calibration, seed by seed, where every run has it."""
    found = {arm.name: [each for run in arm.runs if (each := calibrated(run, split))] for arm in arms}
    return {arm.name: found[arm.name] for arm in arms if len(found[arm.name]) == len(arm.runs)}
