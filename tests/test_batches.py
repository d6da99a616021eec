"""Order: every example once an epoch, a function of seed and epoch, nearly even lengths, still random."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.config import OptimConfig
from train.data.batches import epoch_batches, epoch_steps, fill_by_tokens, order_hash, split_by_tokens

LENGTHS = st.lists(st.integers(3, 128), min_size=1, max_size=400)


@given(LENGTHS, st.integers(1, 40), st.integers(1, 60), st.integers(0, 9), st.integers(0, 9))
def test_every_example_comes_once(lengths, batch_size, pool, seed, epoch):
    batches = epoch_batches(lengths, batch_size, pool, seed, epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert sorted(len(b) for b in batches)[1:] == [batch_size] * (len(batches) - 1)  # one alone may be smaller


@given(LENGTHS, st.integers(1, 20), st.integers(1, 4))
def test_updates_are_the_batches_in_order(lengths, batch_size, accumulation):
    optim = OptimConfig(batch_size=batch_size, accumulation=accumulation, length_pool=3)
    steps = epoch_steps(lengths, optim, seed=1, epoch=2)
    assert [batch for step in steps for batch in step] == epoch_batches(lengths, batch_size, 3, 1, 2)
    assert all(len(step) == accumulation for step in steps[:-1])


def test_the_order_follows_from_seed_and_epoch():
    lengths = [random.Random(0).randint(5, 60) for _ in range(300)]
    same = [epoch_batches(lengths, 16, 1, 4, 7) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != epoch_batches(lengths, 16, 1, 4, 8)
    assert same[0] != epoch_batches(lengths, 16, 1, 5, 7)


@pytest.mark.parametrize(("pool", "most_padded", "least_padded"), [(50, 1.06, 1), (1, 2, 1.8)])
def test_batches_are_random_draws_unless_lengths_are_pooled(pool, most_padded, least_padded):
    """How evenly long a batch's examples are shows whether length had a say in who is together."""
    stream = random.Random(0)
    lengths = [stream.randint(5, 120) for _ in range(200 * 32)]
    batches = epoch_batches(lengths, 32, pool, 0, 0)
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert least_padded < padded / sum(lengths) < most_padded
    together = sum(len({i // 32 for i in batch}) for batch in batches) / len(batches)
    assert together > 25  # examples that stand together in the file do not come together
    assert all([lengths[i] for i in batch] == sorted(lengths[i] for i in batch) for batch in batches)


@pytest.mark.parametrize("cut", [split_by_tokens, fill_by_tokens])
@given(lengths=LENGTHS, limit=st.integers(1, 300))
def test_parts_are_whole_and_bounded(cut, lengths, limit):
    parts = cut(range(len(lengths)), lengths, limit)
    assert [i for part in parts for i in part] == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in part) <= max(limit, max(lengths)) for part in parts)


@given(LENGTHS, st.integers(1, 300))
def test_filled_parts_have_no_room_for_the_next_example(lengths, limit):
    parts = fill_by_tokens(range(len(lengths)), lengths, limit)
    assert all(sum(lengths[i] for i in [*part, after[0]]) > limit for part, after in pairwise(parts))


def test_a_part_is_filled_to_the_last_token():
    assert fill_by_tokens(range(5), [40] * 5, 80) == [[0, 1], [2, 3], [4]]
    assert fill_by_tokens(range(3), [90, 40, 40], 80) == [[0], [1, 2]]


def test_parts_are_nearly_even():
    lengths = [40] * 32
    assert [len(part) for part in split_by_tokens(range(32), lengths, 1000)] == [16, 16]
    assert [len(part) for part in split_by_tokens(range(32), lengths, 1280)] == [32]


def test_the_hash_sees_order_and_grouping():
    ids = ["a", "b", "c", "d"]
    hashes = {order_hash([epoch], ids) for epoch in ([[0, 1], [2, 3]], [[0, 1, 2], [3]], [[1, 0], [2, 3]])}
    assert len(hashes) == 3
