"""A batch without padding, and where attention lays its sequences out.

Shape suffixes: B sequences, T tokens end to end, L longest length, R = B * L places of the padded matrix, P pads: of
the whole batch in `TokenBatch`, of its own sequences in a `Group`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

LIKE = 1.5
"""How many times as long as a group's shortest sequence its longest may be: what attention pads stays below that."""


@dataclass(frozen=True, eq=False)
class HeadIndices:
    """Where each head's slice of each token stands: packed, as T * C * H rows of K, and padded, as C * B * H * L.

    C parts (query, key and value, or one of anything), H heads, K head size.
    """

    packed: Tensor
    """For each padded place the packed row; any row for a pad."""
    padded: Tensor
    """For each packed row the padded place."""
    pads: Tensor
    """The padded places of the first part without a token."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Neighbouring sequences of a batch that attention lays out in one padded (B, L) matrix."""

    lengths: tuple[int, ...]
    """Tokens of each sequence; on the host, so that no device has to be asked."""
    slots_T: Tensor
    """Place of each token in the flattened padded matrix, int64."""
    rows_R: Tensor
    """The inverse: the group's token at each of the R = B * L places; 0 in the pads, int64."""
    pads_P: Tensor
    """The P places that hold no token, int64."""
    real_BL: Tensor
    """True where the padded matrix holds a token."""
    head_indices: dict[tuple[int, int], HeadIndices] = field(default_factory=dict, init=False, repr=False)
    """What attention has asked for so far, by heads and parts: every layer asks again. A copy begins anew."""

    @property
    def tokens(self) -> int:
        """T, the tokens of the group."""
        return sum(self.lengths)

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences are equally long, so that attention needs no mask."""
        return len(set(self.lengths)) == 1

    @classmethod
    def of(cls, lengths: tuple[int, ...]) -> Group:
        """The group of sequences of these lengths."""
        real_BL = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        return cls(
            lengths=lengths,
            slots_T=real_BL.flatten().nonzero().squeeze(1),
            rows_R=(real_BL.flatten().cumsum(0) - 1).masked_fill_(~real_BL.flatten(), 0),
            pads_P=(~real_BL).flatten().nonzero().squeeze(1),
            real_BL=real_BL,
        )


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
    first_B: Tensor
    """Row in T of each sequence's first token, the classification token, int64."""
    groups: tuple[Group, ...]
    """The sequences again, in order, as attention lays them out."""

    @classmethod
    def from_sequences(cls, ids: Sequence[Tensor], segments: Sequence[Tensor], grouped: bool = True) -> TokenBatch:
        """Pack sequences given as 1-D int64 tensors of ids and, in step, of token types.

        Args:
            grouped: whether attention lays out only neighbours of like length together, which saves pads where they
                come sorted. Worth its small calls on a CPU; a GPU wants one large one.

        Raises:
            ValueError: no sequence, or an empty one.
        """
        lengths = [len(sequence) for sequence in ids]
        if not lengths or min(lengths) == 0:
            raise ValueError("a batch needs at least one sequence, and every sequence at least one token")
        length_B = torch.tensor(lengths)
        return cls(
            ids_T=torch.cat(list(ids)),
            positions_T=torch.cat([torch.arange(length) for length in lengths]),
            segments_T=torch.cat(list(segments)),
            first_B=length_B.cumsum(0) - length_B,
            groups=tuple(Group.of(tuple(part)) for part in like_lengths(lengths, LIKE if grouped else math.inf)),
        )

    @classmethod
    def from_padded(
        cls, ids_BL: Tensor, attention_mask_BL: Tensor | None = None, token_type_ids_BL: Tensor | None = None
    ) -> TokenBatch:
        """Drop the padding of a (B, L) matrix, in which each row's tokens come first. One group, whatever its lengths.

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
        lengths = [int(length) for length in real_BL.sum(1).tolist()]
        ids, segments = (
            [row[:length] for row, length in zip(matrix_BL.cpu(), lengths, strict=True)]
            for matrix_BL in (ids_BL, segments_BL)
        )
        return cls.from_sequences(ids, segments, grouped=False).to(ids_BL.device)

    def to(self, device: torch.device, non_blocking: bool = False) -> TokenBatch:
        """The same batch on another device."""
        if self.ids_T.device == device:
            return self
        return self._map(lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TokenBatch:
        """The same batch in page-locked memory, from which a GPU copies while it computes."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> TokenBatch:
        groups = tuple(_with_tensors(group, change) for group in self.groups)
        return replace(_with_tensors(self, change), groups=groups)


def like_lengths(lengths: Sequence[int], like: float) -> list[list[int]]:
    """Cut into runs in which no length is more than `like` times another; each takes as many as it can."""
    runs: list[list[int]] = []
    shortest, longest = math.inf, 0
    for length in lengths:
        shortest, longest = min(shortest, length), max(longest, length)
        if not runs or longest > like * shortest:
            runs.append([])
            shortest = longest = length
        runs[-1].append(length)
    return runs


Holder = TypeVar("Holder", TokenBatch, Group)


def _with_tensors(holder: Holder, change: Callable[[Tensor], Tensor]) -> Holder:
    changed = {name: change(value) for name, value in vars(holder).items() if isinstance(value, Tensor)}
    return replace(holder, **changed)  # type: ignore[arg-type]  # all of these fields are tensors
