"""The encoder of BERT, DistilBERT and RoBERTa, read from top to bottom: Encoder, EncoderLayer, its parts.

Source: Vaswani et al. 2017, sec. 3; Devlin et al. 2018, sec. 3; wiring checked against transformers by tests.
Shape suffixes: B sequences, T tokens in the batch, D hidden size, E = several times D, F intermediate size, N = T, or
B where only the classification tokens go on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import attend_from_all, attend_from_first
from models.batch import TokenBatch
from models.config import EncoderConfig
from models.dropout import Dropout


class Encoder(nn.Module):
    """Token ids in, one vector per token out. What torch fills it with stands until `initialise_` or a checkpoint."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, batch: TokenBatch, first_only: bool = False) -> Tensor:
        """Last hidden state of every token, (T, D); with `first_only` of each sequence's first one, (B, D)."""
        x_TD = self.embeddings(batch)
        *lower, last = self.layers
        for layer in lower:
            x_TD = layer(x_TD, batch)
        return last(x_TD, batch, first_only)

    def classification_vectors(self, batch: TokenBatch) -> Tensor:
        """Last hidden state of each sequence's first token, (B, D).

        Equal to `forward(batch)[batch.first_B]`. In the last layer no other token is asked for its output, so none
        needs a query, a key or a value of its own: see `attend_from_first`.
        """
        return self(batch, first_only=True)


class Embeddings(nn.Module):
    """Sum of word, position and token-type vectors, normalised. Source: Devlin et al. 2018, fig. 2."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.first_position = config.first_position
        # a batch has few of the words: `train.optim.clear_gradients` gives a dense buffer that their rows are added to
        self.word = nn.Embedding(config.vocab_size, D, sparse=True)
        self.position = nn.Embedding(config.max_position_embeddings, D)
        self.token_type = nn.Embedding(config.type_vocab_size, D) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(D, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, batch: TokenBatch) -> Tensor:
        """(T,) ids, positions and segments in, (T, D) out. A family with one token type uses it for every token."""
        x_TD = self.word(batch.ids_T) + self.position(batch.positions_T + self.first_position)
        if self.token_type is not None:
            one_type = self.token_type.num_embeddings == 1
            x_TD = x_TD + (self.token_type.weight[0] if one_type else self.token_type(batch.segments_T))
        return self.dropout(self.norm(x_TD))


class EncoderLayer(nn.Module):
    """Two post-LN blocks: sublayer, dropout, add, norm. Source: Vaswani et al. 2017, sec. 3.1."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.attention = SelfAttention(config)
        self.attention_dropout = Dropout(config.attention_output_dropout_prob)
        self.attention_norm = nn.LayerNorm(D, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_dropout = Dropout(config.hidden_dropout_prob)
        self.feed_forward_norm = nn.LayerNorm(D, eps=config.layer_norm_eps)

    def forward(self, x_TD: Tensor, batch: TokenBatch, first_only: bool = False) -> Tensor:
        """(T, D) in, (T, D) out; with `first_only` the (B, D) rows of the sequences' first tokens alone."""
        x_ND = x_TD.index_select(0, batch.first_B) if first_only else x_TD
        x_ND = self.attention_norm(x_ND + self.attention_dropout(self.attention(x_TD, batch, first_only)))
        return self.feed_forward_norm(x_ND + self.feed_forward_dropout(self.feed_forward(x_ND)))


class SelfAttention(nn.Module):
    """Multi-head attention within each sequence. Source: Vaswani et al. 2017, sec. 3.2."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.heads = config.num_attention_heads
        self.query = nn.Linear(D, D)
        self.key = nn.Linear(D, D)
        self.value = nn.Linear(D, D)
        self.output = nn.Linear(D, D)
        self.dropout = Dropout(config.attention_probs_dropout_prob)

    def forward(self, x_TD: Tensor, batch: TokenBatch, first_only: bool = False) -> Tensor:
        """Every token, or only the first of each sequence, asks all of its sequence's: (T, D), or (B, D)."""
        if first_only:
            query_BD = self.query(x_TD.index_select(0, batch.first_B))
            mixed_ND = attend_from_first(query_BD, x_TD, batch, self.key, self.value, self.heads, self.dropout)
        else:
            projected_TE = project(x_TD, self.query, self.key, self.value)
            mixed_ND = attend_from_all(projected_TE, batch, self.heads, self.dropout)
        return self.output(mixed_ND)


def project(x_TD: Tensor, *maps: nn.Linear) -> Tensor:
    """All maps of every token in one matrix product, their results beside each other: (T, maps * D)."""
    weight = torch.cat([each.weight for each in maps])
    bias = torch.cat([each.bias for each in maps])
    return F.linear(x_TD, weight, bias)


class FeedForward(nn.Module):
    """Two linear maps with the erf form of GELU between. Source: Hendrycks and Gimpel 2016; Devlin et al. 2018, A.2."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x_ND: Tensor) -> Tensor:
        """(N, D) -> (N, F) -> (N, D)."""
        return self.down(F.gelu(self.up(x_ND)))
