"""What pretraining is worth in labelled examples: how many of them give a scratch model the same accuracy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.paired import residual_variance

Array = NDArray[np.float64]

DRAWS = 2_000
"""Of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """An examples-worth with its 95% interval; beyond the sizes that were run it is not guessed."""

    examples: float
    """Labelled examples with which scratch matches pretrained; infinite if no size does, 0 if the smallest does."""
    low: float
    high: float
    at: int
    """Labelled examples of the pretrained arm."""
    smallest: int
    """Fewest and most examples of the scratch arm."""
    largest: int

    @property
    def doublings(self) -> tuple[float, float, float]:
        """The shift in doublings of the data, log2(examples / at), with the ends of its interval."""
        shifts = [math.log2(n / self.at) if n > 0 else -math.inf for n in (self.examples, self.low, self.high)]
        return shifts[0], shifts[1], shifts[2]

    def bound(self, examples: float) -> tuple[str, float]:
        """Returns `> ` and the largest size when that is not enough, `<= ` and the smallest when that is."""
        if math.isinf(examples):
            return "> ", self.largest
        return ("<= ", self.smallest) if examples == 0 else ("", examples)

    def text(self, examples: float) -> str:
        """Returns a number of examples, as far as it is known."""
        sign, size = self.bound(examples)
        return f"{sign}{round(size):,}"

    def shift(self, examples: float) -> str:
        """Returns the same in doublings of the pretrained arm's examples."""
        sign, size = self.bound(examples)
        return f"{sign}{math.log2(size / self.at):+.1f}".replace("-", "\N{MINUS SIGN}")

    def __str__(self) -> str:
        low, high, found = (in_words(self.text(each)) for each in (self.low, self.high, self.examples))
        interval = f"95% interval {low} to {high}" if low != high else "the whole 95% interval"
        return f"{found} examples ({interval})"


def in_words(bound: str) -> str:
    """Returns a bound as a sentence has it."""
    return bound.replace("> ", "more than ").replace("<= ", "at most ")


def monotone(values: Array) -> Array:
    """Returns the closest rising sequence in least squares: more examples cannot truly hurt on average.

    Pool adjacent violators. Source: Barlow, Bartholomew, Bremner and Brunk 1972.

    Args:
        values: `(sizes,)`, equally trusted.
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (right, m), (left, n) = blocks.pop(), blocks.pop()
            blocks.append(((left * n + right * m) / (n + m), n + m))
    return np.concatenate([np.full(count, mean) for mean, count in blocks])


def matching_size(sizes: Array, accuracies: Array, target: float) -> float:
    """Returns the size at which the curve comes up to `target`: straight lines between sizes on a log scale.

    Args:
        sizes: `(sizes,)` labelled examples, rising.
        accuracies: `(sizes,)` of the scratch arm, made monotone here.

    Returns:
        Infinity where no size reaches the target, 0 where the smallest does (and the answer may be smaller still).
    """
    curve = monotone(accuracies)
    above = int(np.searchsorted(curve, target))
    if above in (0, len(curve)):
        return math.inf if above else 0.0
    share = (target - curve[above - 1]) / (curve[above] - curve[above - 1])
    return float(sizes[above - 1] * (sizes[above] / sizes[above - 1]) ** share)


def seed_shifts(matrices: Sequence[Array], rng: np.random.Generator) -> Array:
    """Returns `(DRAWS, arms)`, by how much other seeds might have moved each accuracy; nothing for single seeds.

    Three to five seeds are too few to resample. Their variance, pooled over the arms given and freed of the residual
    that resampling the items brings in already, goes into Student's t.
    """
    many = [matrix for matrix in matrices if len(matrix) > 1]
    degrees = sum(len(matrix) - 1 for matrix in many)
    if not degrees:
        return np.zeros((DRAWS, len(matrices)))
    parts = [m.mean(axis=1).var(ddof=1) - residual_variance(m) / m.shape[1] for m in many]
    weights = [len(matrix) - 1 for matrix in many]
    variance = math.fsum(w * max(0.0, part) for w, part in zip(weights, parts, strict=True)) / degrees
    scale = np.sqrt(variance * degrees / rng.chisquare(degrees, (DRAWS, 1)))
    seeds = np.array([len(matrix) for matrix in matrices])
    return scale * rng.standard_normal((DRAWS, len(matrices))) / np.sqrt(seeds)


def draws(scratch: Sequence[Array], pretrained: Array, rng: np.random.Generator) -> Array:
    """Returns accuracies `(DRAWS, sizes + 1)` as other studies might have found them, with other items and seeds.

    Items are resampled, the same ones for all arms. The seed variance of the scratch arm is pooled over its sizes.
    """
    means = np.stack([matrix.mean(axis=0) for matrix in (*scratch, pretrained)])
    items = means.shape[1]
    found = np.stack([means[:, rng.integers(items, size=items)].mean(axis=1) for _ in range(DRAWS)])
    return found + np.hstack([seed_shifts(scratch, rng), seed_shifts([pretrained], rng)])


def examples_worth(scratch: Mapping[int, Array], pretrained: Array, at: int, seed: int = 0) -> Worth:
    """Returns the labelled examples with which scratch matches pretrained at `at`, with a 95% percentile interval.

    Args:
        scratch: labelled examples -> `(S, I)` right (1) or wrong (0); at least two sizes, the same items everywhere.
        pretrained: `(S, I)` of the pretrained arm trained on `at` examples.
        at: labelled examples of the pretrained arm.
        seed: of the bootstrap.

    Raises:
        ValueError: fewer than two sizes, or arms without the same items.
    """
    order = sorted(scratch)
    matrices = [scratch[size] for size in order]
    if len(order) < 2 or order[0] < 1 or at < 1 or len({m.shape[1] for m in (*matrices, pretrained)}) != 1:
        shapes = [matrix.shape for matrix in (*matrices, pretrained)]
        raise ValueError(
            f"sizes {order} with shapes {shapes}: expected two or more sizes and the same items everywhere"
        )
    sizes = np.array(order, dtype=np.float64)
    worth = matching_size(sizes, np.array([matrix.mean() for matrix in matrices]), float(pretrained.mean()))
    found = draws(matrices, pretrained, np.random.default_rng(seed))
    drawn = np.sort([matching_size(sizes, row[:-1], row[-1]) for row in found])
    low, high = (float(drawn[round(q * (DRAWS - 1))]) for q in (0.025, 0.975))
    return Worth(examples=worth, low=low, high=high, at=at, smallest=order[0], largest=order[-1])
