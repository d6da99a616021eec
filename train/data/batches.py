"""Which examples make which step: a function of seed and epoch alone, so that a resumed run needs no replay."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence

POOL = 50
"""Batches whose examples are sorted by length together: enough that a batch is nearly even, few enough that its
examples are still a random draw. Source: fairseq's and transformers' length grouping (mega-batches of 50)."""


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Every example once, in batches of nearly equal length, batches in random order.

    The examples are shuffled, cut into pools, sorted by length within a pool and cut into batches. Only the very last
    batch of the last pool may be smaller.

    Args:
        lengths: tokens of each example.
    """
    stream = random.Random(f"batches {seed} {epoch}")
    order = list(range(len(lengths)))
    stream.shuffle(order)
    batches = []
    for start in range(0, len(order), POOL * batch_size):
        pool = sorted(order[start : start + POOL * batch_size], key=lambda index: lengths[index])
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    stream.shuffle(batches)
    return batches


def epoch_steps(
    lengths: Sequence[int], batch_size: int, accumulation: int, seed: int, epoch: int
) -> list[list[list[int]]]:
    """The epoch's batches, grouped into the updates they make."""
    batches = epoch_batches(lengths, batch_size, seed, epoch)
    return [batches[i : i + accumulation] for i in range(0, len(batches), accumulation)]


def split_by_tokens(batch: Sequence[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut a batch into the fewest runs of nearly equal size with at most `max_tokens` tokens each, to bound memory.

    A single example longer than that makes a run of its own.
    """
    total = sum(lengths[index] for index in batch)
    longest = max((lengths[index] for index in batch), default=0)
    for count in range(-(-total // max_tokens), len(batch)):
        parts = _cut(batch, lengths, total / count)
        if max(sum(lengths[index] for index in part) for part in parts) <= max(max_tokens, longest):
            return parts
    return [[index] for index in batch]


def fill_by_tokens(order: Sequence[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut into runs that each take as many examples as `max_tokens` tokens hold, one at least."""
    parts: list[list[int]] = []
    room = 0
    for index in order:
        room -= lengths[index]
        if room < 0 or not parts:
            parts.append([])
            room = max_tokens - lengths[index]
        parts[-1].append(index)
    return parts


def _cut(batch: Sequence[int], lengths: Sequence[int], tokens: float) -> list[list[int]]:
    """Runs that each end with the example in whose middle a multiple of `tokens` lies."""
    parts: dict[int, list[int]] = {}
    before = 0
    for index in batch:
        parts.setdefault(int((before + lengths[index] / 2) // tokens), []).append(index)
        before += lengths[index]
    return list(parts.values())


def order_hash(epochs: Iterable[Iterable[Sequence[int]]], ids: Sequence[str]) -> str:
    """sha256 over the examples' ids in the order in which training meets them, batch by batch."""
    digest = hashlib.sha256()
    for batches in epochs:
        for batch in batches:
            digest.update(("\x1f".join(ids[index] for index in batch) + "\x1e").encode())
    return digest.hexdigest()
