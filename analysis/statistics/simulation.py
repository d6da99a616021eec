"""Made-up studies whose true difference is known, and how often each kind of 95% interval holds it.

Two arms answer the same items; whether an answer is right depends on the item (some are hard for both arms, some for
one), on the seed, and on chance. Each repeat draws new seeds and new items, as a new study would.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.intervals import NORMAL_975, t_quantile
from analysis.statistics.paired import compare_items, compare_values, satterthwaite

Array = NDArray[np.float64]
Bounds = tuple[float, float]

ITEMS = 5_000
SEEDS = (3, 5)
SEED_SDS = (0.005, 0.01, 0.02)
"""Standard deviation of an arm's accuracy over seeds; fine-tuned BERT on MNLI and its relatives lie in this range."""

ACCURACIES = (0.62, 0.60)
SHARED_DIFFICULTY, OWN_DIFFICULTY = 0.45, 0.25
"""Shares of the variance of the latent score due to the item: in both arms alike, and in one arm alone."""

SEED_CORRELATION = 0.5
"""Between the arms' seed effects when seeds are paired: same head and same batches."""

LOSS_SDS = (0.02, 0.06)
"""Standard deviations over seeds, in nats, of a quantity without items: the arms differ threefold."""

METHODS = {
    "ours": "over items, Student's t on crossed seeds and items (`compare_items`); for a loss, paired or Welch's t",
    "Satterthwaite": "the same standard error with Satterthwaite's degrees of freedom, as if the shares were known",
    "t over seeds": "Student's or Welch's t on each seed's accuracy: silent about new items",
    "bootstrap over seeds": "percentile bootstrap over the seeds",
    "normal over items": "mean over seeds, normal interval over items: silent about new seeds",
}
"""Intervals compared, and what they do."""

RESAMPLES = 2_000
"""Of a bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of the table."""

    quantity: str
    """`accuracy`, over items, or `loss`, one value for each seed."""
    seeds: int
    paired: bool
    seed_sd: float
    """Standard deviation over seeds of one arm (of the second arm for a loss)."""


def settings() -> Iterator[Setting]:
    """Yields all settings."""
    for paired, seeds, sd in product((True, False), SEEDS, SEED_SDS):
        yield Setting(quantity="accuracy", seeds=seeds, paired=paired, seed_sd=sd)
    for paired, seeds in product((True, False), SEEDS):
        yield Setting(quantity="loss", seeds=seeds, paired=paired, seed_sd=LOSS_SDS[1])


def seed_effects(setting: Setting, rng: np.random.Generator) -> Array:
    """Returns standard normal seed effects `(2, S)`, correlated between the arms if the seeds are paired."""
    own, other = rng.standard_normal((2, setting.seeds))
    r = SEED_CORRELATION if setting.paired else 0.0
    return np.stack([own, r * own + math.sqrt(1 - r * r) * other])


def draw_accuracy(setting: Setting, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns which answers are right, `(S, I)` for each arm.

    An answer is right when a normal latent score of variance 1 + (seed effect) lies above a threshold, so that each
    arm's accuracy over all seeds and items is exactly the one asked for.
    """
    effects = seed_effects(setting, rng)
    shared = math.sqrt(SHARED_DIFFICULTY) * rng.standard_normal(ITEMS, np.float32)
    noise_sd = math.sqrt(1 - SHARED_DIFFICULTY - OWN_DIFFICULTY)
    arms = []
    for accuracy, effect in zip(ACCURACIES, effects, strict=True):
        normal = NormalDist()
        latent_sd = setting.seed_sd / normal.pdf(normal.inv_cdf(accuracy))
        mean = normal.inv_cdf(accuracy) * math.sqrt(1 + latent_sd**2)
        item = shared + math.sqrt(OWN_DIFFICULTY) * rng.standard_normal(ITEMS, np.float32)
        noise = noise_sd * rng.standard_normal((setting.seeds, ITEMS), np.float32)
        arms.append((mean + latent_sd * effect[:, None] + item + noise > 0).astype(np.float64))
    return arms[0], arms[1]


def draw_loss(setting: Setting, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns one value for each seed of each arm; the true means are equal."""
    effects = seed_effects(setting, rng)
    return LOSS_SDS[0] * effects[0], setting.seed_sd * effects[1]


def symmetric(centre: float, half: float) -> Bounds:
    return centre - half, centre + half


def seed_bootstrap(parts: Sequence[Array]) -> Bounds:
    """Returns the percentile bootstrap of a sum of means over seeds, each part resampled by itself."""
    rng = np.random.default_rng(0)
    means = [part[rng.integers(len(part), size=(RESAMPLES, len(part)))].mean(axis=1) for part in parts]
    low, high = np.quantile(np.sum(means, axis=0), (0.025, 0.975))
    return float(low), float(high)


def accuracy_intervals(one: Array, other: Array, paired: bool) -> dict[str, Bounds]:
    """Returns method -> interval, ours first."""
    ours = compare_items(one, other, paired=paired)
    item_gaps = one.mean(axis=0) - other.mean(axis=0)
    rows = one.mean(axis=1), other.mean(axis=1)
    parts = [rows[0] - rows[1]] if paired else [rows[0], -rows[1]]
    spread = [float(part.var(ddof=1)) / len(part) for part in parts]
    over_items = max(0.0, ours.standard_error**2 - math.fsum(spread))
    degrees = satterthwaite([*spread, over_items], [*(len(part) - 1.0 for part in parts), ITEMS - 1.0])
    return {
        "ours": ours.interval(),
        "Satterthwaite": symmetric(ours.difference, t_quantile(0.95, degrees) * ours.standard_error),
        "t over seeds": compare_values(*rows, paired=paired).interval(),
        "bootstrap over seeds": seed_bootstrap(parts),
        "normal over items": symmetric(ours.difference, NORMAL_975 * math.sqrt(item_gaps.var(ddof=1) / ITEMS)),
    }


def loss_intervals(one: Array, other: Array, paired: bool) -> dict[str, Bounds]:
    """Returns method -> interval, ours first."""
    parts = [one - other] if paired else [one, -other]
    ours = compare_values(one, other, paired=paired).interval()
    return {"ours": ours, "bootstrap over seeds": seed_bootstrap(parts)}


def simulate(setting: Setting, repeats: int, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Returns method -> share of repeats whose interval holds the truth, and the intervals' median width."""
    draw: Callable[[Setting, np.random.Generator], tuple[Array, Array]]
    draw, intervals = (
        (draw_accuracy, accuracy_intervals) if setting.quantity == "accuracy" else (draw_loss, loss_intervals)
    )
    truth = ACCURACIES[0] - ACCURACIES[1] if setting.quantity == "accuracy" else 0.0
    found: dict[str, list[Bounds]] = {}
    for _ in range(repeats):
        for method, bounds in intervals(*draw(setting, rng), setting.paired).items():
            found.setdefault(method, []).append(bounds)
    results = {}
    for method, ends in found.items():
        low, high = np.array(ends).T
        covered = float(np.mean((low <= truth) & (truth <= high)))
        results[method] = {"coverage": round(covered, 5), "median_width": round(float(np.median(high - low)), 5)}
    return results
