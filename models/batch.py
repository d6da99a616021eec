"""A batch without padding, and the attention functions, which alone know where one sequence ends.

Shape suffixes: B sequences, T tokens in the batch, L longest length, H heads, K head size, D = H * K.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
        return TokenBatch(lengths=self.lengths, **self._map(lambda t: t.to(device, non_blocking=non_blocking)))

    def pin_memory(self) -> TokenBatch:
        """The same batch in page-locked memory, from which a GPU copies while it computes."""
        return TokenBatch(lengths=self.lengths, **self._map(Tensor.pin_memory))

    def _map(self, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        return {name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)}


class _Pad(torch.autograd.Function):
    """(T, D) -> (B * L, D), any row in the pads. The transpose selects the real rows: what flows back into a pad is
    not this function's to keep, for attention gives pads no weight and drops what they ask. A plain selection is
    several times faster on a CPU than autograd's accumulating one."""

    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, rows_R: Tensor, slots_T: Tensor) -> Tensor:
        ctx.save_for_backward(slots_T)
        return x_TD.index_select(0, rows_R)

    @staticmethod
    def backward(ctx: Any, grad_RD: Tensor) -> tuple[Tensor, None, None]:
        (slots_T,) = ctx.saved_tensors
        return grad_RD.index_select(0, slots_T), None, None


class _Unpad(torch.autograd.Function):
    """(B * L, D) -> (T, D), the real rows. The transpose puts zeros into the pads: nobody reads what they asked for."""

    @staticmethod
    def forward(ctx: Any, x_RD: Tensor, rows_R: Tensor, slots_T: Tensor, pads_P: Tensor) -> Tensor:
        ctx.save_for_backward(rows_R, pads_P)
        return x_RD.index_select(0, slots_T)

    @staticmethod
    def backward(ctx: Any, grad_TD: Tensor) -> tuple[Tensor, None, None, None]:
        rows_R, pads_P = ctx.saved_tensors
        return grad_TD.index_select(0, rows_R).index_fill_(0, pads_P, 0.0), None, None, None


def pad(x_TD: Tensor, batch: TokenBatch) -> Tensor:
    """Lay packed rows out as a padded matrix: (T, D) -> (B, L, D); what stands in the pads means nothing."""
    B, L = batch.real_BL.shape
    if batch.is_rectangular:
        return x_TD.view(B, L, -1)
    return _Pad.apply(x_TD, batch.rows_R, batch.slots_T).view(B, L, -1)


def unpad(x_BLD: Tensor, batch: TokenBatch) -> Tensor:
    """The inverse of `pad`: (B, L, D) -> (T, D)."""
    rows_RD = x_BLD.flatten(0, 1)
    if batch.is_rectangular:
        return rows_RD
    return _Unpad.apply(rows_RD, batch.rows_R, batch.slots_T, batch.pads_P)


def attend(
    query_D: Tensor, key_TD: Tensor, value_TD: Tensor, batch: TokenBatch, heads: int, dropout: Dropout
) -> Tensor:
    """Scaled dot-product attention within each sequence of a packed batch.

    Args:
        query_D: (T, D), or (B, D) when only each sequence's first token asks.
        key_TD, value_TD: (T, D).
        heads: H; D is a multiple of it.
        dropout: applied to the attention probabilities.

    Returns:
        The shape of `query_D`.

    Source: Vaswani et al. 2017, eq. 1.
    """
    every_token = query_D.shape[0] == key_TD.shape[0] and batch.longest > 1
    query_BQD = pad(query_D, batch) if every_token else query_D[:, None]
    query_BHQK, key_BHLK, value_BHLK = (
        x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query_BQD, pad(key_TD, batch), pad(value_TD, batch))
    )
    mask_B11L = None if batch.is_rectangular else batch.real_BL[:, None, None]
    if dropout.is_active and query_D.device.type == "cpu":
        mixed_BHQK = attend_plain(query_BHQK, key_BHLK, value_BHLK, mask_B11L, dropout)
    else:
        mixed_BHQK = F.scaled_dot_product_attention(
            query_BHQK, key_BHLK, value_BHLK, mask_B11L, dropout.p if dropout.is_active else 0.0
        )
    mixed_BQD = mixed_BHQK.transpose(1, 2).flatten(2)
    return unpad(mixed_BQD, batch) if every_token else mixed_BQD[:, 0]


def attend_plain(
    query_BHQK: Tensor, key_BHLK: Tensor, value_BHLK: Tensor, mask_B11L: Tensor | None, dropout: Dropout
) -> Tensor:
    """The same in plain operations; on a CPU faster than the library's call once dropout is on."""
    B, H, Q, K = query_BHQK.shape
    L = key_BHLK.shape[2]
    bias_B11L = query_BHQK.new_zeros(B, 1, 1, L)
    if mask_B11L is not None:
        bias_B11L.masked_fill_(~mask_B11L, torch.finfo(bias_B11L.dtype).min)
    scores_NQL = torch.baddbmm(
        bias_B11L.expand(B, H, Q, L).reshape(B * H, Q, L),
        query_BHQK.reshape(B * H, Q, K),
        key_BHLK.reshape(B * H, L, K).transpose(1, 2),
        alpha=K**-0.5,
    )
    return dropout(scores_NQL.softmax(-1).view(B, H, Q, L)) @ value_BHLK
