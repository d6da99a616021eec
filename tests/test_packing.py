"""Packing, for any sequences: nothing is lost, nothing is mixed up, and every index means what its name says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.attention import merge_heads, split_heads
from models.batch import LIKE, Group, TokenBatch

SEQUENCES = st.lists(st.lists(st.integers(1, 999), min_size=1, max_size=12), min_size=1, max_size=6)


def packed(sequences: list[list[int]]) -> TokenBatch:
    """The batch of these ids; a token's segment is whether its id is odd."""
    ids = [torch.tensor(sequence) for sequence in sequences]
    return TokenBatch.from_sequences(ids, [sequence % 2 for sequence in ids])


def padded(sequences: list[list[int]], fill: int = 0) -> list[list[int]]:
    longest = max(map(len, sequences))
    return [sequence + [fill] * (longest - len(sequence)) for sequence in sequences]


@given(SEQUENCES)
def test_every_token_stands_where_plain_lists_have_it(sequences):
    batch = packed(sequences)
    flat = [token for sequence in sequences for token in sequence]
    assert batch.ids_T.tolist() == flat and batch.segments_T.tolist() == [token % 2 for token in flat]
    assert batch.positions_T.tolist() == [place for sequence in sequences for place in range(len(sequence))]
    starts = [sum(map(len, sequences[:i])) for i in range(len(sequences))]
    assert batch.first_B.tolist() == starts and len(batch.first_B) == len(sequences)


@given(SEQUENCES)
def test_a_group_is_the_longest_run_of_like_lengths(sequences):
    groups = [group.lengths for group in packed(sequences).groups]
    assert [length for group in groups for length in group] == [len(sequence) for sequence in sequences]
    for group, following in zip(groups, [*groups[1:], (10**9,)], strict=True):
        assert max(group) <= LIKE * min(group)
        assert max(*group, following[0]) > LIKE * min(*group, following[0])


@given(SEQUENCES)
def test_one_group_takes_all_where_that_is_asked(sequences):
    ids = [torch.tensor(sequence) for sequence in sequences]
    (group,) = TokenBatch.from_sequences(ids, ids, grouped=False).groups
    assert group.lengths == tuple(map(len, sequences))


@given(SEQUENCES)
def test_a_groups_indices_are_those_of_its_padded_matrix(sequences):
    group, longest = Group.of(tuple(map(len, sequences))), max(map(len, sequences))
    assert group.slots_T.tolist() == [b * longest + i for b, s in enumerate(sequences) for i in range(len(s))]
    assert group.real_BL.tolist() == padded([[True] * len(s) for s in sequences], fill=False)
    assert group.pads_P.tolist() == [i for i, real in enumerate(group.real_BL.flatten().tolist()) if not real]
    assert group.tokens == sum(map(len, sequences)) and group.is_rectangular == (not group.pads_P.numel())


@given(SEQUENCES)
def test_rows_invert_slots(sequences):
    group, ids_T = Group.of(tuple(map(len, sequences))), torch.tensor([i for sequence in sequences for i in sequence])
    matrix = ids_T[group.rows_R].masked_fill(~group.real_BL.flatten(), 0).view(group.real_BL.shape)
    assert matrix.tolist() == padded(sequences)
    assert torch.equal(group.rows_R[group.slots_T], torch.arange(len(ids_T)))


@given(SEQUENCES)
def test_a_padded_matrix_gives_the_same_batch(sequences):
    """But for the groups: it is one, whatever the lengths."""
    ids = torch.tensor(padded(sequences))
    again = TokenBatch.from_padded(ids, (ids > 0).long(), ids % 2)
    for name in ("ids_T", "positions_T", "segments_T", "first_B"):
        assert torch.equal(getattr(packed(sequences), name), getattr(again, name)), name
    assert [group.lengths for group in again.groups] == [tuple(map(len, sequences))]


@given(SEQUENCES, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_heads_are_split_by_sequence_and_merged_back(sequences, heads, size, parts):
    group = Group.of(tuple(map(len, sequences)))
    x_TE = torch.arange(group.tokens * parts * heads * size, dtype=torch.float64).view(group.tokens, -1)
    split = split_heads(x_TE, group, heads, parts)
    assert split.shape == (parts, len(sequences), heads, max(group.lengths), size)
    for part, found in zip(x_TE.chunk(parts, dim=1), split, strict=True):
        assert torch.equal(merge_heads(found, group), part)
        for b, rows in enumerate(part.split(list(group.lengths))):
            for head, columns in enumerate(rows.split(size, dim=1)):
                assert torch.equal(found[b, head, : len(rows)], columns)


@pytest.mark.parametrize("mask", [[[0, 1, 1]], [[1, 0, 1]]])
def test_padding_elsewhere_than_on_the_right_is_refused(mask):
    """It would be packed wrongly in silence."""
    with pytest.raises(ValueError, match="pad on the right"):
        TokenBatch.from_padded(torch.ones(1, 3, dtype=torch.int64), torch.tensor(mask))


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must have one shape \(B, L\), got \(1, 3\), \(1, 2\) and \(1, 3\)"):
        TokenBatch.from_padded(torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64))


@pytest.mark.parametrize("sequences", [[], [[]], [[1, 2], []]])
def test_an_empty_sequence_is_refused(sequences):
    ids = [torch.tensor(sequence, dtype=torch.int64) for sequence in sequences]
    with pytest.raises(ValueError, match="at least one"):
        TokenBatch.from_sequences(ids, ids)
