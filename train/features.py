"""A frozen encoder says the same about a pair in every epoch: ask it once, and train the head on the answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.classifier import SequenceClassifier
from train.data.encode import EncodedPairs, move
from train.evaluate import evaluating, run_batches
from train.precision import Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedFeatures:
    """Pairs whose features are known. Stands wherever `EncodedPairs` does, with the same order and batches.

    Shape suffixes: N pairs, B pairs of a batch, D features, C classes.
    """

    features_ND: Tensor
    """On the training device."""
    labels_N: Tensor
    lengths: list[int]
    """Tokens of each pair, which still decide what batches together."""

    def __len__(self) -> int:
        return len(self.lengths)

    def targets(self, indices: list[int]) -> int:
        """One prediction for each pair."""
        return len(indices)

    def logits(self, model: SequenceClassifier, indices: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """The head's logits (B, C) and the labels (B,)."""
        rows_B = torch.tensor(indices)
        features_BD = self.features_ND.index_select(0, move(rows_B, device))
        return model.head(features_BD), move(self.labels_N[rows_B], device)


def cache_features(model: SequenceClassifier, pairs: EncodedPairs, precision: Precision) -> CachedFeatures:
    """What the head sees of every pair, computed once in evaluation mode, as a frozen encoder always is."""

    def features(indices: list[int]) -> Tensor:
        return model.features(pairs.batch(indices, precision.device))

    with evaluating(model):
        features_ND = run_batches(pairs, range(len(pairs)), precision, features)
    return CachedFeatures(features_ND=features_ND.to(precision.device), labels_N=pairs.labels_N, lengths=pairs.lengths)
