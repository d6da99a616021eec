"""From sentences to token ids, once, before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.batch import TokenBatch
from models.classifier import SequenceClassifier
from train.data.pairs import LABELS, Example

if TYPE_CHECKING:
    from tokenizers import Tokenizer


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

    def batch(self, indices: list[int]) -> tuple[TokenBatch, Tensor]:
        """The packed batch of these pairs, and their labels (B,)."""
        spans = [slice(self.starts[index], self.starts[index + 1]) for index in indices]
        packed = TokenBatch.from_sequences([self.ids_S[s] for s in spans], [self.segments_S[s] for s in spans])
        return packed, self.labels_N[torch.tensor(indices)]

    def targets(self, indices: list[int]) -> int:
        """One prediction for each pair."""
        return len(indices)

    def logits(self, model: SequenceClassifier, indices: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """The model's logits (B, C) for these pairs, and their labels (B,), on the device."""
        tokens, labels_B = self.batch(indices)
        if device.type == "cuda":
            tokens, labels_B = tokens.pin_memory(), labels_B.pin_memory()
        return model.classify(tokens.to(device, non_blocking=True)), labels_B.to(device, non_blocking=True)


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
