"""The parts of a model, from below: embeddings, layers, pooler, head; and how far their weights moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
"""Our name of a parameter -> its values."""


def part_of(parameter: str) -> str:
    """Returns the part of the model that a parameter belongs to: embeddings, layer 1, layer 2, ..., pooler, head."""
    names = parameter.split(".")
    if names[0] != "encoder":
        return names[0]
    return f"layer {int(names[2]) + 1}" if names[1] == "layers" else names[1]


def parts_of(tensors: Tensors) -> dict[str, list[str]]:
    """Returns part -> its parameters, from the lowest part up."""
    found: dict[str, list[str]] = {}
    for name in sorted(tensors, key=height):
        found.setdefault(part_of(name), []).append(name)
    return found


def height(parameter: str) -> tuple[int, int]:
    """Returns the sorting key of a parameter: by part, from below."""
    part = part_of(parameter)
    order = ("embeddings", "layer", "pooler", "head")
    return order.index(part.split()[0]), int(part.split()[1]) if " " in part else 0


def movement(before: Tensors, after: Tensors, names: Sequence[str]) -> tuple[float, float]:
    """Returns how far these parameters moved, relative to their norm before, and the cosine of before and after.

    Sums run in double precision; parameters that were all zero before give infinity and NaN.
    """
    inner = distance = start = end = 0.0
    for name in names:
        one, other = before[name].double().flatten(), after[name].double().flatten()
        inner, distance = inner + float(one @ other), distance + float((other - one).square().sum())
        start, end = start + float(one.square().sum()), end + float(other.square().sum())
    if start == 0 or end == 0:
        return math.inf, math.nan
    return math.sqrt(distance / start), inner / math.sqrt(start * end)
