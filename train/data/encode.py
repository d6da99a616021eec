"""From sentences to token ids, once, before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from models.batch import TokenBatch
from models.classifier import SequenceClassifier
from train.data.pairs import LABELS, Example

if TYPE_CHECKING:
    from tokenizers import Tokenizer


Movable = TypeVar("Movable", Tensor, TokenBatch)


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedPairs:
    """All pairs of a split as token ids, end to end.

    Shape suffixes: N pairs, S tokens of all pairs.
    """

    ids_S: Tensor
    segments_S: Tensor
    starts: list[int]
    """N + 1 offsets into the tokens."""
    labels_N: Tensor
    """Index into LABELS."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of every pair."""
        return [end - start for start, end in pairwise(self.starts)]

    def batch(self, indices: list[int], device: torch.device) -> TokenBatch:
        """The packed batch of these pairs, on the device."""
        spans = [slice(self.starts[index], self.starts[index + 1]) for index in indices]
        return pack([self.ids_S[s] for s in spans], [self.segments_S[s] for s in spans], device)

    def targets(self, indices: list[int]) -> int:
        """One prediction for each pair."""
        return len(indices)

    def logits(self, model: SequenceClassifier, indices: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """The model's logits (B, C) for these pairs, and their labels (B,), on the device."""
        return model.classify(self.batch(indices, device)), move(self.labels_N[torch.tensor(indices)], device)


def pack(ids: Sequence[Tensor], segments: Sequence[Tensor], device: torch.device) -> TokenBatch:
    """The batch of these sequences on a device, laid out as suits it."""
    return move(TokenBatch.from_sequences(ids, segments, grouped=device.type == "cpu"), device)


def move(held: Movable, device: torch.device) -> Movable:
    """The same on a device; a GPU copies it while it computes."""
    return (held.pin_memory() if device.type == "cuda" else held).to(device, non_blocking=True)


def encode_pairs(
    tokenizer: Tokenizer, pairs: Sequence[Example], max_tokens: int, hide: str | None = None
) -> EncodedPairs:
    """Encode every pair, truncated longest first to `max_tokens`; `hide` blanks that side."""
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    encodings = tokenizer.encode_batch(_texts(pairs, hide))
    tokenizer.no_truncation()
    ids = [encoding.ids for encoding in encodings]
    return EncodedPairs(
        ids_S=torch.from_numpy(np.concatenate([np.asarray(i, dtype=np.int64) for i in ids])),
        segments_S=torch.from_numpy(np.concatenate([np.asarray(e.type_ids, dtype=np.int64) for e in encodings])),
        starts=[0, *np.cumsum([len(i) for i in ids]).tolist()],
        labels_N=torch.tensor([LABELS.index(pair.label) for pair in pairs]),
    )


def _texts(pairs: Sequence[Example], hide: str | None) -> list[tuple[str, str]]:
    return [
        ("" if hide == "premise" else pair.premise, "" if hide == "hypothesis" else pair.hypothesis) for pair in pairs
    ]


def token_statistics(
    tokenizer: Tokenizer, pairs: Sequence[Example], max_tokens: int, hide: str | None = None
) -> dict[str, Any]:
    """Length of the encoded pairs before truncation, in tokens: mean, max, percentiles, and the share cut short."""
    lengths = np.array([len(encoding.ids) for encoding in tokenizer.encode_batch(_texts(pairs, hide))])
    p90, p95, p99 = np.percentile(lengths, [90, 95, 99])
    return {
        "mean": round(float(lengths.mean()), 2),
        "max": int(lengths.max()),
        "p90": round(float(p90), 1),
        "p95": round(float(p95), 1),
        "p99": round(float(p99), 1),
        "max_tokens": max_tokens,
        "truncated_share": round(float((lengths > max_tokens).mean()), 4),
    }
