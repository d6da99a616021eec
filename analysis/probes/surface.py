"""The loss as a function of all weights, looked at along lines, in a plane, and by how far it stays low."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.statistics.paired import Array
from models.errors import DataError

Tensors = dict[str, Tensor]
"""Our name of a parameter -> its values."""
Loss = Callable[[Tensors], float]
"""Weights in, loss in nats out."""

FIRST_RADIUS, LAST_RADIUS, HALVINGS = 1 / 32, 8.0, 6


def step(origin: Tensors, *steps: tuple[float, Tensors]) -> Tensors:
    """Returns the weights at `origin` plus each direction times its length."""
    found = {}
    for name, tensor in origin.items():
        found[name] = tensor.clone()
        for length, direction in steps:
            found[name].add_(direction[name], alpha=length)
    return found


def between(one: Tensors, other: Tensors, share: float) -> Tensors:
    """Returns the weights `share` of the way from one to the other; beyond them below 0 and above 1."""
    return {name: tensor + share * (other[name] - tensor) for name, tensor in one.items()}


def along(loss: Loss, one: Tensors, other: Tensors, shares: Sequence[float]) -> list[float]:
    """Returns the loss at each share of the way. Source: Goodfellow, Vinyals and Saxe 2015, sec. 3."""
    return [loss(between(one, other, share)) for share in shares]


def barrier(shares: Sequence[float], losses: Sequence[float]) -> float:
    """Returns how far the loss rises above the straight line between the two ends, at least 0.

    Args:
        shares: from 0 to 1, both included.

    Source: Entezari et al. 2022, The role of permutation invariance, eq. 1; Frankle et al. 2020 subtract the mean of
    the ends, which is the same where these are level.
    """
    x, y = np.array(shares), np.array(losses)
    return float((y - ((1 - x) * y[0] + x * y[-1])).max())


def random_direction(weights: Tensors, seed: int) -> Tensors:
    """Returns a random direction, normalised filter by filter: each row as long as the weights' own.

    Biases and norms have no filters and stay. Source: Li et al. 2018, Visualizing the loss landscape, sec. 4.
    """
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in weights.items():
        drawn = torch.randn(tensor.shape, generator=generator).to(tensor)
        found[name] = drawn * (tensor.norm(dim=1) / drawn.norm(dim=1))[:, None] if tensor.dim() == 2 else 0 * drawn
    return found


def radius(loss: Loss, origin: Tensors, direction: Tensors, rise: float) -> float:
    """Returns the length of the direction at which the loss has risen by `rise`, or LAST_RADIUS.

    Doubled until it has, then halved HALVINGS times: right to 1 part in 2^HALVINGS, or to that part of FIRST_RADIUS.
    A rise that is over again before the next doubling is passed by.

    Raises:
        DataError: the loss at the origin is not finite.
    """
    level = loss(origin) + rise
    if not math.isfinite(level):
        raise DataError("the loss at these weights is not finite: no radius can be found")
    low, high = 0.0, FIRST_RADIUS
    while loss(step(origin, (high, direction))) < level:
        if high >= LAST_RADIUS:
            return LAST_RADIUS
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(step(origin, (middle, direction))) < level else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """The plane through the last of several weights that lies closest to all of them."""

    origin: Tensors
    axes: tuple[Tensors, Tensors]
    """Of length 1 and at right angles."""
    path: Array
    """Where each of the weights lies when projected, `(points, 2)`; the last at (0, 0)."""
    share: float
    """Of the squared distances from the last weights, what lies in the plane."""


def principal_plane(points: Sequence[Tensors]) -> Plane:
    """Returns the plane of the two principal directions of a path.

    They are not normalised filter by filter, which would tilt them out of the path.
    Source: Li et al. 2018, sec. 7.2.
    """
    last = points[-1]
    gram = np.zeros((len(points), len(points)))
    for name in last:
        away = torch.stack([(point[name] - last[name]).flatten() for point in points])
        gram += (away @ away.T).double().numpy()
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[:-3:-1], vectors[:, :-3:-1]
    axes = tuple(combine(points, vectors[:, k] / np.sqrt(values[k])) for k in (0, 1))
    share = float(values.sum() / np.trace(gram))
    return Plane(origin=last, axes=(axes[0], axes[1]), path=vectors * np.sqrt(values), share=share)


def combine(points: Sequence[Tensors], weights: Array) -> Tensors:
    """Returns the weighted sum of the ways from the last point to each."""
    last = points[-1]
    return {
        name: sum(((point[name] - tensor) * float(w) for point, w in zip(points, weights, strict=True)), 0 * tensor)
        for name, tensor in last.items()
    }


def over_plane(loss: Loss, plane: Plane, size: int, margin: float = 0.25) -> tuple[Array, Array, Array]:
    """Returns x, y and the loss `(y, x)` on a square grid that holds the path with a margin on each side."""
    low, high = plane.path.min(axis=0), plane.path.max(axis=0)
    rim = margin * (high - low)
    x, y = (np.linspace(low[k] - rim[k], high[k] + rim[k], size) for k in (0, 1))
    one, two = plane.axes
    return x, y, np.array([[loss(step(plane.origin, (a, one), (b, two))) for a in x] for b in y])
