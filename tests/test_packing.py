"""Packing, for any sequences: nothing is lost, nothing is mixed up, and every index means what its name says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.batch import TokenBatch, merge_heads, split_heads

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
    batch, longest = packed(sequences), max(map(len, sequences))
    flat = [token for sequence in sequences for token in sequence]
    assert batch.ids_T.tolist() == flat and batch.segments_T.tolist() == [token % 2 for token in flat]
    assert batch.positions_T.tolist() == [place for sequence in sequences for place in range(len(sequence))]
    assert batch.slots_T.tolist() == [b * longest + i for b, s in enumerate(sequences) for i in range(len(s))]
    assert [flat[row] for row in batch.first_B.tolist()] == [sequence[0] for sequence in sequences]
    assert batch.real_BL.tolist() == padded([[True] * len(s) for s in sequences], fill=False)
    assert batch.pads_P.tolist() == [i for i, real in enumerate(batch.real_BL.flatten().tolist()) if not real]
    assert (batch.batch_size, batch.longest) == (len(sequences), longest)
    assert batch.is_rectangular == (not batch.pads_P.numel())


@given(SEQUENCES)
def test_rows_invert_slots(sequences):
    batch = packed(sequences)
    matrix = batch.ids_T[batch.rows_R].masked_fill(~batch.real_BL.flatten(), 0).view(batch.real_BL.shape)
    assert matrix.tolist() == padded(sequences)
    assert torch.equal(batch.rows_R[batch.slots_T], torch.arange(len(batch.ids_T)))


@given(SEQUENCES)
def test_a_padded_matrix_gives_the_same_batch(sequences):
    ids = torch.tensor(padded(sequences))
    again = TokenBatch.from_padded(ids, (ids > 0).long(), ids % 2)
    for name, value in vars(packed(sequences)).items():
        theirs = getattr(again, name)
        assert torch.equal(value, theirs) if isinstance(value, torch.Tensor) else value == theirs, name


@given(SEQUENCES, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_heads_are_split_by_sequence_and_merged_back(sequences, heads, size, parts):
    batch = packed(sequences)
    x_TE = torch.arange(len(batch.ids_T) * parts * heads * size, dtype=torch.float64).view(len(batch.ids_T), -1)
    split = split_heads(x_TE, batch, heads, parts)
    assert split.shape == (parts, len(sequences), heads, batch.longest, size)
    for part, found in zip(x_TE.chunk(parts, dim=1), split, strict=True):
        assert torch.equal(merge_heads(found, batch), part)
        for b, rows in enumerate(part.split(list(batch.lengths))):
            for head, columns in enumerate(rows.split(size, dim=1)):
                assert torch.equal(found[b, head, : len(rows)], columns)


@pytest.mark.parametrize("sequences", [[], [[]], [[1, 2], []]])
def test_an_empty_sequence_is_refused(sequences):
    ids = [torch.tensor(sequence, dtype=torch.int64) for sequence in sequences]
    with pytest.raises(ValueError, match="at least one"):
        TokenBatch.from_sequences(ids, ids)
