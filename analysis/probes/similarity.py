"""How alike two sets of vectors are for the same examples: linear centred kernel alignment, without bias."""

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.paired import Array, Comparison


def without_diagonal(vectors: Array) -> Array:
    """Returns the linear kernel of `(N, D)` vectors with zeros on its diagonal, `(N, N)`."""
    kernel = vectors @ vectors.T
    np.fill_diagonal(kernel, 0)
    return kernel


def independence(one: Array, other: Array) -> float:
    """Returns the unbiased estimate of the Hilbert-Schmidt independence criterion of two `(N, N)` kernels, N > 3.

    Args:
        one: a kernel with zeros on its diagonal.
        other: the same of other vectors for the same examples.

    Source: Song et al. 2012, JMLR 13, eq. 5; Nguyen, Raghu and Kornblith 2021, eq. 3.
    """
    n = len(one)
    sums = one.sum() * other.sum() / ((n - 1) * (n - 2))
    crossed = 2 * one.sum(axis=0) @ other.sum(axis=0) / (n - 2)
    return float((np.vdot(one, other) + sums - crossed) / (n * (n - 3)))


def batch_parts(one: Array, other: Array, size: int) -> Array:
    """Returns for each batch of `size` examples the criterion of both with each other and of each with itself.

    Args:
        one: `(N, D)`, its examples in random order; a last batch that is not full is left out.
        other: `(N, E)`.

    Returns:
        `(batches, 3)`.
    """
    parts = []
    for start in range(0, len(one) - size + 1, size):
        x, y = (without_diagonal(vectors[start : start + size].astype(np.float64)) for vectors in (one, other))
        parts.append([independence(x, y), independence(x, x), independence(y, y)])
    return np.array(parts)


def alignment(parts: Array) -> float:
    """Returns linear CKA: 1 for vectors that a rotation and a scale turn into each other, near 0 for unrelated ones.

    Source: Nguyen, Raghu and Kornblith 2021, eq. 2 (means over batches, then their ratio).
    """
    both, one, other = parts.mean(axis=0)
    return float(both / np.sqrt(one * other))


def jackknife(values: Array, whole: float) -> Comparison:
    """Returns a statistic with the interval that leaving out one batch after the other gives.

    Args:
        values: the statistic without each batch.
        whole: the statistic.

    Source: Tukey 1958; Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 11.
    """
    n = len(values)
    error = float(np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum()))
    return Comparison(
        difference=whole, standard_error=error, degrees=n - 1.0, seeds=(1, 1), items=n, over="batches of examples"
    )


def alignment_gap(parts: Array, others: Array | None = None) -> Comparison:
    """Returns CKA, or how much larger it is than that of other parts on the same batches, with its interval."""

    def gap(kept: NDArray[np.bool_]) -> float:
        return alignment(parts[kept]) - (0.0 if others is None else alignment(others[kept]))

    places = np.arange(len(parts))
    return jackknife(np.array([gap(places != left) for left in places]), gap(places >= 0))
