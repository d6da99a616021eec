"""An encoder with a classification head, as transformers builds it for each family.

Shape suffixes: B sequences, L longest length, D hidden size, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import TokenBatch
from models.config import EncoderConfig
from models.dropout import Dropout
from models.encoder import Encoder


class BertHead(nn.Module):
    """Dropout and one linear layer, on top of the pooler. Source: Devlin et al. 2018, sec. 4.1."""

    def __init__(self, config: EncoderConfig, num_labels: int) -> None:
        super().__init__()
        self.dropout = Dropout(config.classifier_dropout)
        self.output = nn.Linear(config.hidden_size, num_labels)

    def forward(self, x_BD: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.output(self.dropout(x_BD))


class DistilBertHead(nn.Module):
    """Linear, ReLU, dropout, linear. Source: transformers, DistilBertForSequenceClassification."""

    def __init__(self, config: EncoderConfig, num_labels: int) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = Dropout(config.classifier_dropout)
        self.output = nn.Linear(config.hidden_size, num_labels)

    def forward(self, x_BD: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.output(self.dropout(self.dense(x_BD).relu()))


class RobertaHead(nn.Module):
    """Dropout, linear, tanh, dropout, linear. Source: transformers, RobertaClassificationHead."""

    def __init__(self, config: EncoderConfig, num_labels: int) -> None:
        super().__init__()
        self.input_dropout = Dropout(config.classifier_dropout)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = Dropout(config.classifier_dropout)
        self.output = nn.Linear(config.hidden_size, num_labels)

    def forward(self, x_BD: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.output(self.dropout(self.dense(self.input_dropout(x_BD)).tanh()))


HEADS: dict[str, type[nn.Module]] = {"bert": BertHead, "distilbert": DistilBertHead, "roberta": RobertaHead}


class SequenceClassifier(nn.Module):
    """Encoder, BERT's pooler where the family has one, and a head over `num_labels` classes.

    The pooler counts as encoder: a checkpoint brings it. The head is always fresh.
    """

    def __init__(self, config: EncoderConfig, num_labels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size) if config.family == "bert" else None
        self.head = HEADS[config.family](config, num_labels)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Padded input, as transformers takes it: three (B, L) matrices in, (B, C) logits out."""
        return self.classify(TokenBatch.from_padded(input_ids, attention_mask, token_type_ids))

    def classify(self, batch: TokenBatch) -> Tensor:
        """Packed input, (B, C) logits out."""
        return self.head(self.features(batch))

    def features(self, batch: TokenBatch) -> Tensor:
        """What the head sees, (B, D): the first token's vector, pooled where the family has a pooler."""
        x_BD = self.encoder.classification_vectors(batch)
        return x_BD if self.pooler is None else torch.tanh(self.pooler(x_BD))
