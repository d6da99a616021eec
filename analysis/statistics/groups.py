"""The difference between two groups of items that the same seeds answered."""

import math

from analysis.statistics.paired import Array, Comparison, residual_variance, satterthwaite, weighted_degrees


def item_variance(group: Array) -> float:
    """Returns the variance over items of their mean over seeds, less what seeds add to it, at least 0."""
    noise = residual_variance(group) / len(group) if len(group) > 1 else 0.0
    return max(0.0, float(group.mean(axis=0).var(ddof=1)) - noise)


def compare_groups(one: Array, other: Array) -> Comparison:
    """Returns the difference in mean between two groups of items, over seeds and the items of both.

    Paired by seed; the items of the groups are different ones, so that their order says nothing.

    Args:
        one: `(S, I)`, by seed and item of the first group.
        other: `(S, J)`, row k of the same seed.

    Raises:
        ValueError: seeds that do not fit, or a group of fewer than two items.

    Source: that of analysis.statistics.paired, with the items' part as Welch 1947 has it.
    """
    if len(one) != len(other) or min(one.shape[1], other.shape[1]) < 2:
        raise ValueError(f"shapes {one.shape} and {other.shape}: expected the same seeds, two or more items each")
    groups = (one, other)
    parts = [item_variance(group) / group.shape[1] for group in groups]
    items = math.fsum(parts), satterthwaite(parts, [group.shape[1] - 1 for group in groups])
    gaps = one.mean(axis=1) - other.mean(axis=1)
    several = len(gaps) > 1
    seeds = (float(gaps.var(ddof=1)) / len(gaps), len(gaps) - 1.0) if several else (0.0, math.inf)
    return Comparison(
        difference=float(gaps.mean()),
        standard_error=math.sqrt(seeds[0] + items[0]),
        degrees=weighted_degrees(seeds, items) if several else items[1],
        seeds=(len(gaps), len(gaps)),
        items=one.shape[1] + other.shape[1],
        over="seeds and items" if several else "items",
    )
