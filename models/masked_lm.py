"""An encoder with BERT's masked-language-model head, as transformers builds it for each family.

Shape suffixes: T tokens in the batch, M masked tokens, D hidden size, V vocabulary size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch import TokenBatch
from models.config import EncoderConfig
from models.encoder import Encoder


class MaskedLanguageHead(nn.Module):
    """Linear, GELU, norm. The bias belongs to the product with the word table that follows.

    Source: Devlin et al. 2018, sec. 3.1; google-research/bert, run_pretraining.py, `get_masked_lm_output`.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x_MD: Tensor, word_VD: Tensor) -> Tensor:
        """(M, D) -> (M, V)."""
        return F.linear(self.norm(F.gelu(self.dense(x_MD))), word_VD, self.bias)


class MaskedLanguageModel(nn.Module):
    """Encoder and head; the head's last matrix is the table of word embeddings. It has no pooler."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.pooler = None
        self.head = MaskedLanguageHead(config)

    def predict(self, batch: TokenBatch, rows_M: Tensor) -> Tensor:
        """Logits (M, V) over the vocabulary for the tokens in these rows of the batch, and for no others."""
        x_MD = self.encoder(batch).index_select(0, rows_M)
        return self.head(x_MD, self.encoder.embeddings.word.weight)
