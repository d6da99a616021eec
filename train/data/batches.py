"""Which examples make which step: a function of seed and epoch alone, so that a resumed run needs no replay."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence

from train.config import OptimConfig


def epoch_batches(lengths: Sequence[int], batch_size: int, pool: int, seed: int, epoch: int) -> list[list[int]]:
    """Every example once, batches in random order, each by rising length, so that its parts have little to pad.

    The examples are shuffled, cut into pools, sorted by length within a pool and cut into batches. Only the very last
    batch of the last pool may be smaller.

    Args:
        lengths: tokens of each example.
        pool: batches that are sorted together. With 1 a batch is a random draw; with more its examples are of like
            length (fairseq and transformers: 50), which saves pads and may slow learning.
    """
    stream = random.Random(f"batches {seed} {epoch}")
    order = list(range(len(lengths)))
    stream.shuffle(order)
    batches = []
    for start in range(0, len(order), pool * batch_size):
        by_length = sorted(order[start : start + pool * batch_size], key=lambda index: lengths[index])
        batches += [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    stream.shuffle(batches)
    return batches


def epoch_steps(lengths: Sequence[int], optim: OptimConfig, seed: int, epoch: int) -> list[list[list[int]]]:
    """The epoch's batches, grouped into the updates they make."""
    batches = epoch_batches(lengths, optim.batch_size, optim.length_pool, seed, epoch)
    return [batches[i : i + optim.accumulation] for i in range(0, len(batches), optim.accumulation)]


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
