"""The shape of an encoder: one frozen dataclass for the three families."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

Family = Literal["bert", "distilbert", "roberta"]
FAMILIES: tuple[str, ...] = get_args(Family)

_LARGEST = {  # far above any published encoder of these families; a larger number is a broken or hostile file
    "vocab_size": 2_000_000,
    "hidden_size": 16_384,
    "num_hidden_layers": 256,
    "num_attention_heads": 256,
    "intermediate_size": 131_072,
    "max_position_embeddings": 65_536,
    "type_vocab_size": 64,
}


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes, dropout probabilities and constants of one encoder, under BERT's names.

    Source: Devlin et al. 2018, sec. 3 (BERT); Sanh et al. 2019 (DistilBERT); Liu et al. 2019 (RoBERTa).

    Raises:
        ValueError: a size is not positive, absurdly large, or does not fit the others.
    """

    family: Family = "bert"
    """Which published wiring: it decides token types, dropout after attention, position numbering and the head."""
    vocab_size: int = 30_522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3_072
    max_position_embeddings: int = 512
    """Rows of the position table. RoBERTa's first `padding_idx + 1` rows never serve a token."""
    type_vocab_size: int = 2
    """Rows of the token-type table; 0 for DistilBERT, which has none."""
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    hidden_dropout_prob: float = 0.1
    """After the embeddings and after each sublayer (DistilBERT: not after attention)."""
    attention_probs_dropout_prob: float = 0.1
    classifier_dropout: float = 0.1
    initializer_range: float = 0.02
    """Standard deviation of the truncated normal that fills every weight matrix."""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family {self.family!r} is not one of {', '.join(FAMILIES)}")
        for name, largest in _LARGEST.items():
            smallest = 0 if name == "type_vocab_size" else 1
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or not smallest <= size <= largest:
                raise ValueError(f"{name} is {size!r}, must be a whole number from {smallest} to {largest}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, must lie in [0, 1)")
        if not 0 < self.layer_norm_eps < 1:
            raise ValueError(f"layer_norm_eps is {self.layer_norm_eps!r}, must lie between 0 and 1")
        if not 0 < self.initializer_range < 1:
            raise ValueError(f"initializer_range is {self.initializer_range!r}, must lie between 0 and 1")
        if not isinstance(self.pad_token_id, int) or not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(f"pad_token_id {self.pad_token_id} is not in the vocabulary of {self.vocab_size}")

    @property
    def first_position(self) -> int:
        """Row of the position table that serves a sequence's first token: 0, or RoBERTa's padding_idx + 1."""
        return self.pad_token_id + 1 if self.family == "roberta" else 0

    @property
    def max_tokens(self) -> int:
        """Longest sequence in tokens that the position table can serve (RoBERTa: 514 rows serve 512)."""
        return self.max_position_embeddings - self.first_position

    @property
    def attention_output_dropout_prob(self) -> float:
        """Dropout between attention and the residual addition: DistilBERT has none there."""
        return 0.0 if self.family == "distilbert" else self.hidden_dropout_prob

    def with_dropout(
        self, hidden: float | None = None, attention: float | None = None, classifier: float | None = None
    ) -> EncoderConfig:
        """A copy with the given dropout probabilities; None keeps the present one."""
        return replace(
            self,
            hidden_dropout_prob=self.hidden_dropout_prob if hidden is None else hidden,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob if attention is None else attention,
            classifier_dropout=self.classifier_dropout if classifier is None else classifier,
        )
