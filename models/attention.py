"""Attention within each sequence of a packed batch: laid out padded, group by group, and packed again; or as it lies.

Shape suffixes: B sequences and T tokens of a group (in `attend_from_all`, `attend_from_first` and `rows_of_groups` of
the batch; in `attend_by_length` B of neighbours of length L, T of the batch), L longest length, H heads, K head size,
D = H * K, C parts (query, key and value, or one of anything), E = C * D, N = B * H attention problems, P pads.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch import Group, HeadIndices, TokenBatch
from models.dropout import Dropout


def attend_from_all(projected_TE: Tensor, batch: TokenBatch, heads: int, dropout: Dropout) -> Tensor:
    """Every token asks its sequence: queries, keys and values beside each other (T, 3 * D) in, (T, D) out."""
    if projected_TE.device.type == "cpu" and not dropout.is_active:
        return attend_by_length(projected_TE, batch, heads)
    groups = zip(rows_of_groups(projected_TE, batch), batch.groups, strict=True)
    return torch.cat([attend_padded(x_TE, group, heads, dropout) for x_TE, group in groups])


def attend_by_length(projected_TE: Tensor, batch: TokenBatch, heads: int) -> Tensor:
    """The same without dropout: neighbours of one length are a rectangle as they lie, with nothing to lay out or pad.

    On a CPU its many small calls take half to three quarters of the time of a few with pads.
    """
    neighbours = groupby(length for group in batch.groups for length in group.lengths)
    runs = [(len(list(same)), length) for length, same in neighbours]
    mixed = []
    for x_TE, (B, L) in zip(projected_TE.split([B * L for B, L in runs]), runs, strict=True):
        query_BHLK, key_BHLK, value_BHLK = x_TE.view(B, L, 3, heads, -1).permute(2, 0, 3, 1, 4)
        mixed_BHLK = F.scaled_dot_product_attention(query_BHLK, key_BHLK, value_BHLK)
        mixed.append(mixed_BHLK.transpose(1, 2).reshape(B * L, -1))
    return torch.cat(mixed)


def attend_padded(x_TE: Tensor, group: Group, heads: int, dropout: Dropout) -> Tensor:
    """The tokens of one group, laid out with pads: (T, 3 * D) in, (T, D) out."""
    query_BHLK, key_BHLK, value_BHLK = split_heads(x_TE, group, heads, 3)
    return merge_heads(attend(query_BHLK, key_BHLK, value_BHLK, group, dropout), group)


def attend_from_first(
    query_BD: Tensor, x_TD: Tensor, batch: TokenBatch, key: nn.Linear, value: nn.Linear, heads: int, dropout: Dropout
) -> Tensor:
    """One query for each sequence, its first token's (B, D), asks all of its tokens; (B, D) out.

    No key or value of a token is made: the key's map is applied to the query, the value's to the answer, once a
    sequence each. With q a query of one head, p its weights, and W and b the head's rows of a map:
    q (x W' + b)' = (q W) x' + q b' and p (x W' + b) = (p x) W' + sum(p) b.
    """
    (key_HKD, key_HK), (value_HKD, value_HK) = by_head(key, heads), by_head(value, heads)
    query_BHK = query_BD.unflatten(-1, (heads, -1)) * key_HK.shape[1] ** -0.5
    question_BHD = torch.einsum("bhk,hkd->bhd", query_BHK, key_HKD)
    constant_BH = (query_BHK * key_HK).sum(-1)  # the softmax drops it: here so that the bias has its gradient, zero
    sizes = [len(group.lengths) for group in batch.groups]
    questions, constants = question_BHD.split(sizes), constant_BH.split(sizes)
    groups = zip(questions, constants, rows_of_groups(x_TD, batch), batch.groups, strict=True)
    found = [ask_tokens(question, constant, x, group, dropout) for question, constant, x, group in groups]
    answer_BHD, sum_BH = (torch.cat(each) for each in zip(*found, strict=True))
    return (torch.einsum("bhd,hkd->bhk", answer_BHD, value_HKD) + sum_BH[:, :, None] * value_HK).flatten(1)


def by_head(linear: nn.Linear, heads: int) -> tuple[Tensor, Tensor]:
    """Each head's rows of a map's weight (H, K, D) and bias (H, K)."""
    return linear.weight.unflatten(0, (heads, -1)), linear.bias.unflatten(0, (heads, -1))


def ask_tokens(
    question_BHD: Tensor, constant_BH: Tensor, x_TD: Tensor, group: Group, dropout: Dropout
) -> tuple[Tensor, Tensor]:
    """What each head's question finds in its sequence's tokens: their mean (B, H, D), weighted by the softmax of their
    products with it plus the constant, and the weights' sum (B, H), which dropout makes another than 1."""
    x_BLD = split_heads(x_TD, group, heads=1, parts=1).flatten(0, 2)
    bias_BHL = constant_BH[:, :, None].masked_fill(~group.real_BL[:, None], float("-inf"))
    weights_BHL = dropout(torch.baddbmm(bias_BHL, question_BHD, x_BLD.transpose(1, 2)).softmax(-1))
    return weights_BHL @ x_BLD, weights_BHL.sum(-1)


def rows_of_groups(x_TE: Tensor, batch: TokenBatch) -> tuple[Tensor, ...]:
    """The rows of each group's tokens."""
    return x_TE.split([group.tokens for group in batch.groups])


def head_indices(group: Group, heads: int, parts: int) -> HeadIndices:
    """The group's indices for so many heads and parts, computed once."""
    if (heads, parts) not in group.head_indices:
        B, L = group.real_BL.shape
        device = group.rows_R.device
        part_C, head_H = torch.arange(parts, device=device), torch.arange(heads, device=device)
        slice_CH = part_C[:, None] * heads + head_H
        packed = group.rows_R.view(B, 1, L) * (parts * heads) + slice_CH[:, None, :, None]
        block_CBH = torch.arange(parts * B * heads, device=device).view(parts, B, heads) * L
        sequence_T, place_T = group.slots_T // L, group.slots_T % L
        padded = block_CBH[:, sequence_T].permute(1, 0, 2) + place_T[:, None, None]
        pads_PH = (group.pads_P[:, None] // L * heads + head_H) * L + group.pads_P[:, None] % L
        group.head_indices[heads, parts] = HeadIndices(packed.flatten(), padded.flatten(), pads_PH.flatten())
    return group.head_indices[heads, parts]


class _SplitHeads(torch.autograd.Function):
    """Packed rows to padded places, any row in the pads. The transpose selects the real rows: gradients that reach a
    pad are dropped, since attention gives pads no weight and drops what they ask. A plain selection is several times
    faster on a CPU than autograd's accumulating one."""

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


def split_heads(x_TE: Tensor, group: Group, heads: int, parts: int) -> Tensor:
    """Lay packed rows out for attention: (T, C * D) -> (C, B, H, L, K); what stands in the pads means nothing."""
    B, L = group.real_BL.shape
    rows = x_TE.reshape(group.slots_T.shape[0] * parts * heads, -1)
    return _SplitHeads.apply(rows, head_indices(group, heads, parts)).view(parts, B, heads, L, -1)


def merge_heads(x_BHLK: Tensor, group: Group) -> Tensor:
    """The inverse for one part: (B, H, L, K) -> (T, D)."""
    B, H, L, K = x_BHLK.shape
    rows = _MergeHeads.apply(x_BHLK.reshape(B * H * L, K), head_indices(group, H, 1))
    return rows.view(-1, H * K)


def attend(query_BHLK: Tensor, key_BHLK: Tensor, value_BHLK: Tensor, group: Group, dropout: Dropout) -> Tensor:
    """Scaled dot-product attention within each sequence, (B, H, L, K); pads get no weight.

    Args:
        dropout: applied to the attention probabilities.

    Source: Vaswani et al. 2017, eq. 1.
    """
    mask_B11L = None if group.is_rectangular else group.real_BL[:, None, None]
    if dropout.is_active and query_BHLK.device.type == "cpu":
        return attend_plain(query_BHLK, key_BHLK, value_BHLK, mask_B11L, dropout)
    return F.scaled_dot_product_attention(
        query_BHLK, key_BHLK, value_BHLK, mask_B11L, dropout.p if dropout.is_active else 0.0
    )


def attend_plain(
    query_BHLK: Tensor, key_BHLK: Tensor, value_BHLK: Tensor, mask_B11L: Tensor | None, dropout: Dropout
) -> Tensor:
    """The same in plain operations; on a CPU faster than the library's call once dropout is on."""
    B, H, L, K = query_BHLK.shape
    bias_B11L = query_BHLK.new_zeros(B, 1, 1, L)
    if mask_B11L is not None:
        bias_B11L.masked_fill_(~mask_B11L, torch.finfo(bias_B11L.dtype).min)
    query_NLK, key_NLK, value_NLK = (x.reshape(B * H, L, K) for x in (query_BHLK, key_BHLK, value_BHLK))
    bias_N1L = bias_B11L.expand(B, H, 1, L).reshape(B * H, 1, L)
    scores_NLL = torch.baddbmm(bias_N1L, query_NLK, key_NLK.transpose(1, 2), alpha=K**-0.5)
    return (dropout(scores_NLL.softmax(-1)) @ value_NLK).view(B, H, L, K)
