"""A batch without padding, and the attention functions, which alone know where one sequence ends.

Shape suffixes: B sequences, T tokens in the batch, L longest length, R = B * L places of the padded matrix, H heads,
K head size, D = H * K, C parts (query, key, value: some of them), N = B * H attention problems, Q queries of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.dropout import Dropout


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenBatch:
    """The tokens of B sequences, end to end, with what attention needs to tell the sequences apart.

    Build one with `TokenBatch.from_sequences` (lists of ids) or `TokenBatch.from_padded` (a padded matrix).
    """

    ids_T: Tensor
    """Vocabulary ids, int64."""
    positions_T: Tensor
    """Place of each token in its own sequence, from 0, int64."""
    segments_T: Tensor
    """Token types: 0 in the first sentence, 1 in the second, int64."""
    lengths: tuple[int, ...]
    """Tokens of each sequence; on the host, so that no device has to be asked."""
    slots_T: Tensor
    """Place of each token in the flattened padded (B, L) matrix, int64."""
    rows_R: Tensor
    """The inverse: the token at each of the R = B * L places; 0 in the pads, int64."""
    pads_P: Tensor
    """The P places that hold no token, int64."""
    first_B: Tensor
    """Row in T of each sequence's first token, the classification token, int64."""
    real_BL: Tensor
    """True where the padded matrix holds a token."""
    head_indices: dict[tuple[int, int], HeadIndices] = field(default_factory=dict, repr=False)
    """What `split_heads` and `merge_heads` have asked for so far, by heads and parts: every layer asks again."""

    @property
    def batch_size(self) -> int:
        """B, the number of sequences."""
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """L, the length of the longest sequence."""
        return max(self.lengths)

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences are equally long, so that packed and padded are the same memory."""
        return len(set(self.lengths)) == 1

    @classmethod
    def from_sequences(cls, ids: Sequence[Tensor], segments: Sequence[Tensor]) -> TokenBatch:
        """Pack sequences given as 1-D int64 tensors of ids and, in step, of token types.

        Raises:
            ValueError: no sequence, or an empty one.
        """
        lengths = tuple(len(sequence) for sequence in ids)
        if not lengths or min(lengths) == 0:
            raise ValueError("a batch needs at least one sequence, and every sequence at least one token")
        length_B = torch.tensor(lengths)
        real_BL = torch.arange(max(lengths)) < length_B[:, None]
        return cls(
            ids_T=torch.cat(list(ids)),
            positions_T=torch.arange(max(lengths)).expand(real_BL.shape)[real_BL],
            segments_T=torch.cat(list(segments)),
            lengths=lengths,
            slots_T=real_BL.flatten().nonzero().squeeze(1),
            rows_R=(real_BL.flatten().cumsum(0) - 1).masked_fill_(~real_BL.flatten(), 0),
            pads_P=(~real_BL).flatten().nonzero().squeeze(1),
            first_B=length_B.cumsum(0) - length_B,
            real_BL=real_BL,
        )

    @classmethod
    def from_padded(
        cls, ids_BL: Tensor, attention_mask_BL: Tensor | None = None, token_type_ids_BL: Tensor | None = None
    ) -> TokenBatch:
        """Drop the padding of a (B, L) matrix, in which each row's tokens come first.

        Raises:
            ValueError: shapes differ, a row is empty, or a row has padding before or between its tokens.
        """
        real_BL = torch.ones_like(ids_BL) if attention_mask_BL is None else attention_mask_BL
        segments_BL = torch.zeros_like(ids_BL) if token_type_ids_BL is None else token_type_ids_BL
        if ids_BL.dim() != 2 or real_BL.shape != ids_BL.shape or segments_BL.shape != ids_BL.shape:
            raise ValueError(
                "input_ids, attention_mask and token_type_ids must have one shape (B, L), "
                f"got {tuple(ids_BL.shape)}, {tuple(real_BL.shape)} and {tuple(segments_BL.shape)}"
            )
        if (real_BL[:, 1:] > real_BL[:, :-1]).any():
            raise ValueError("attention_mask must be ones followed by zeros in each row: pad on the right")
        lengths = real_BL.sum(1).tolist()
        rows = [range(int(length)) for length in lengths]
        packed = cls.from_sequences(
            [ids_BL[i, : len(r)].cpu() for i, r in enumerate(rows)],
            [segments_BL[i, : len(r)].cpu() for i, r in enumerate(rows)],
        )
        return packed.to(ids_BL.device)

    def to(self, device: torch.device, non_blocking: bool = False) -> TokenBatch:
        """The same batch on another device."""
        if self.ids_T.device == device:
            return self
        return self._map(lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TokenBatch:
        """The same batch in page-locked memory, from which a GPU copies while it computes."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> TokenBatch:
        changed = {name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, head_indices={}, **changed)  # type: ignore[arg-type]  # none of them is that dictionary


@dataclass(frozen=True, eq=False)
class HeadIndices:
    """Where each head's slice of each token stands: packed, as T * C * H rows of K, and padded, as C * B * H * L."""

    packed: Tensor
    """For each padded place the packed row; any row for a pad."""
    padded: Tensor
    """For each packed row the padded place."""
    pads: Tensor
    """The padded places of the first part without a token."""


def head_indices(batch: TokenBatch, heads: int, parts: int) -> HeadIndices:
    """The batch's indices for so many heads and parts, computed once."""
    if (heads, parts) not in batch.head_indices:
        B, L = batch.real_BL.shape
        device = batch.rows_R.device
        part_C, head_H = torch.arange(parts, device=device), torch.arange(heads, device=device)
        slice_CH = part_C[:, None] * heads + head_H
        packed = batch.rows_R.view(B, 1, L) * (parts * heads) + slice_CH[:, None, :, None]
        block_CBH = torch.arange(parts * B * heads, device=device).view(parts, B, heads) * L
        sequence_T, place_T = batch.slots_T // L, batch.slots_T % L
        padded = block_CBH[:, sequence_T].permute(1, 0, 2) + place_T[:, None, None]
        pads_PH = (batch.pads_P[:, None] // L * heads + head_H) * L + batch.pads_P[:, None] % L
        batch.head_indices[heads, parts] = HeadIndices(packed.flatten(), padded.flatten(), pads_PH.flatten())
    return batch.head_indices[heads, parts]


class _SplitHeads(torch.autograd.Function):
    """Packed rows to padded places, any row in the pads. The transpose selects the real rows: what flows back into a
    pad is not this function's to keep, for attention gives pads no weight and drops what they ask. A plain selection
    is several times faster on a CPU than autograd's accumulating one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: HeadIndices) -> Tensor:
        ctx.index = index
        return rows.index_select(0, index.packed)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad.index_select(0, ctx.index.padded), None


class _MergeHeads(torch.autograd.Function):
    """Padded places to packed rows. The transpose puts zeros into the pads: nobody reads what they asked for."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, index: HeadIndices) -> Tensor:
        ctx.index = index
        return places.index_select(0, index.padded)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad.index_select(0, ctx.index.packed).index_fill_(0, ctx.index.pads, 0.0), None


def split_heads(x_TE: Tensor, batch: TokenBatch, heads: int, parts: int) -> Tensor:
    """Lay packed rows out for attention: (T, C * D) -> (C, B, H, L, K); what stands in the pads means nothing."""
    B, L = batch.real_BL.shape
    rows = x_TE.reshape(batch.slots_T.shape[0] * parts * heads, -1)
    return _SplitHeads.apply(rows, head_indices(batch, heads, parts)).view(parts, B, heads, L, -1)


def merge_heads(x_BHLK: Tensor, batch: TokenBatch) -> Tensor:
    """The inverse for one part: (B, H, L, K) -> (T, D)."""
    B, H, L, K = x_BHLK.shape
    rows = _MergeHeads.apply(x_BHLK.reshape(B * H * L, K), head_indices(batch, H, 1))
    return rows.view(-1, H * K)


def attend(query_BHQK: Tensor, key_BHLK: Tensor, value_BHLK: Tensor, batch: TokenBatch, dropout: Dropout) -> Tensor:
    """Scaled dot-product attention within each sequence, (B, H, Q, K); pads get no weight.

    Args:
        query_BHQK: one query for each place of the padded matrix, or one for each sequence.
        dropout: applied to the attention probabilities.

    Source: Vaswani et al. 2017, eq. 1.
    """
    mask_B11L = None if batch.is_rectangular else batch.real_BL[:, None, None]
    if dropout.is_active and query_BHQK.device.type == "cpu":
        return attend_plain(query_BHQK, key_BHLK, value_BHLK, mask_B11L, dropout)
    return F.scaled_dot_product_attention(
        query_BHQK, key_BHLK, value_BHLK, mask_B11L, dropout.p if dropout.is_active else 0.0
    )


def attend_plain(
    query_BHQK: Tensor, key_BHLK: Tensor, value_BHLK: Tensor, mask_B11L: Tensor | None, dropout: Dropout
) -> Tensor:
    """The same in plain operations; on a CPU faster than the library's call once dropout is on."""
    B, H, Q, K = query_BHQK.shape
    L = key_BHLK.shape[2]
    bias_B11L = query_BHQK.new_zeros(B, 1, 1, L)
    if mask_B11L is not None:
        bias_B11L.masked_fill_(~mask_B11L, torch.finfo(bias_B11L.dtype).min)
    query_NQK, key_NLK, value_NLK = (x.reshape(B * H, -1, K) for x in (query_BHQK, key_BHLK, value_BHLK))
    bias_N1L = bias_B11L.expand(B, H, 1, L).reshape(B * H, 1, L)
    scores_NQL = torch.baddbmm(bias_N1L, query_NQK, key_NLK.transpose(1, 2), alpha=K**-0.5)
    return (dropout(scores_NQL.softmax(-1)) @ value_NLK).view(B, H, Q, K)
