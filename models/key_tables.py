"""Names of tensors: transformers' per family, ours, and the configuration fields that give their sizes.

`{}` stands for the layer's number. A checkpoint's encoder names may carry one of `PREFIXES`.

Source: transformers, modeling_bert.py, modeling_distilbert.py, modeling_roberta.py; google-research/bert for
LayerNorm's gamma and beta.
"""

from __future__ import annotations

from models.config import EncoderConfig

PREFIXES = ("", "bert.", "distilbert.", "roberta.", "model.")

_LAYER = "encoder.layers.{}."
_HIDDEN = ("hidden_size",)
_SQUARE = ("hidden_size", "hidden_size")

SIZES: dict[str, tuple[str, ...]] = {
    "encoder.embeddings.word.weight": ("vocab_size", "hidden_size"),
    "encoder.embeddings.position.weight": ("max_position_embeddings", "hidden_size"),
    "encoder.embeddings.token_type.weight": ("type_vocab_size", "hidden_size"),
    "encoder.embeddings.norm.weight": _HIDDEN,
    "encoder.embeddings.norm.bias": _HIDDEN,
    _LAYER + "attention.query.weight": _SQUARE,
    _LAYER + "attention.query.bias": _HIDDEN,
    _LAYER + "attention.key.weight": _SQUARE,
    _LAYER + "attention.key.bias": _HIDDEN,
    _LAYER + "attention.value.weight": _SQUARE,
    _LAYER + "attention.value.bias": _HIDDEN,
    _LAYER + "attention.output.weight": _SQUARE,
    _LAYER + "attention.output.bias": _HIDDEN,
    _LAYER + "attention_norm.weight": _HIDDEN,
    _LAYER + "attention_norm.bias": _HIDDEN,
    _LAYER + "feed_forward.up.weight": ("intermediate_size", "hidden_size"),
    _LAYER + "feed_forward.up.bias": ("intermediate_size",),
    _LAYER + "feed_forward.down.weight": ("hidden_size", "intermediate_size"),
    _LAYER + "feed_forward.down.bias": _HIDDEN,
    _LAYER + "feed_forward_norm.weight": _HIDDEN,
    _LAYER + "feed_forward_norm.bias": _HIDDEN,
    "pooler.weight": _SQUARE,
    "pooler.bias": _HIDDEN,
    "head.dense.weight": _SQUARE,
    "head.dense.bias": _HIDDEN,
    "head.output.weight": ("num_labels", "hidden_size"),
    "head.output.bias": ("num_labels",),
}
"""Our name -> the field that gives each dimension. `num_labels` is no field: the head's own file decides it."""

_BERT_ENCODER = {
    "embeddings.word_embeddings.weight": "encoder.embeddings.word.weight",
    "embeddings.position_embeddings.weight": "encoder.embeddings.position.weight",
    "embeddings.token_type_embeddings.weight": "encoder.embeddings.token_type.weight",
    "embeddings.LayerNorm.weight": "encoder.embeddings.norm.weight",
    "embeddings.LayerNorm.bias": "encoder.embeddings.norm.bias",
    "encoder.layer.{}.attention.self.query.weight": _LAYER + "attention.query.weight",
    "encoder.layer.{}.attention.self.query.bias": _LAYER + "attention.query.bias",
    "encoder.layer.{}.attention.self.key.weight": _LAYER + "attention.key.weight",
    "encoder.layer.{}.attention.self.key.bias": _LAYER + "attention.key.bias",
    "encoder.layer.{}.attention.self.value.weight": _LAYER + "attention.value.weight",
    "encoder.layer.{}.attention.self.value.bias": _LAYER + "attention.value.bias",
    "encoder.layer.{}.attention.output.dense.weight": _LAYER + "attention.output.weight",
    "encoder.layer.{}.attention.output.dense.bias": _LAYER + "attention.output.bias",
    "encoder.layer.{}.attention.output.LayerNorm.weight": _LAYER + "attention_norm.weight",
    "encoder.layer.{}.attention.output.LayerNorm.bias": _LAYER + "attention_norm.bias",
    "encoder.layer.{}.intermediate.dense.weight": _LAYER + "feed_forward.up.weight",
    "encoder.layer.{}.intermediate.dense.bias": _LAYER + "feed_forward.up.bias",
    "encoder.layer.{}.output.dense.weight": _LAYER + "feed_forward.down.weight",
    "encoder.layer.{}.output.dense.bias": _LAYER + "feed_forward.down.bias",
    "encoder.layer.{}.output.LayerNorm.weight": _LAYER + "feed_forward_norm.weight",
    "encoder.layer.{}.output.LayerNorm.bias": _LAYER + "feed_forward_norm.bias",
}
_OLD_NORM_NAMES = {
    "embeddings.LayerNorm.gamma": "encoder.embeddings.norm.weight",
    "embeddings.LayerNorm.beta": "encoder.embeddings.norm.bias",
    "encoder.layer.{}.attention.output.LayerNorm.gamma": _LAYER + "attention_norm.weight",
    "encoder.layer.{}.attention.output.LayerNorm.beta": _LAYER + "attention_norm.bias",
    "encoder.layer.{}.output.LayerNorm.gamma": _LAYER + "feed_forward_norm.weight",
    "encoder.layer.{}.output.LayerNorm.beta": _LAYER + "feed_forward_norm.bias",
}
ENCODERS: dict[str, dict[str, str]] = {
    "bert": _BERT_ENCODER
    | {"pooler.dense.weight": "pooler.weight", "pooler.dense.bias": "pooler.bias"}
    | _OLD_NORM_NAMES,
    "roberta": _BERT_ENCODER,
    "distilbert": {
        "embeddings.word_embeddings.weight": "encoder.embeddings.word.weight",
        "embeddings.position_embeddings.weight": "encoder.embeddings.position.weight",
        "embeddings.LayerNorm.weight": "encoder.embeddings.norm.weight",
        "embeddings.LayerNorm.bias": "encoder.embeddings.norm.bias",
        "transformer.layer.{}.attention.q_lin.weight": _LAYER + "attention.query.weight",
        "transformer.layer.{}.attention.q_lin.bias": _LAYER + "attention.query.bias",
        "transformer.layer.{}.attention.k_lin.weight": _LAYER + "attention.key.weight",
        "transformer.layer.{}.attention.k_lin.bias": _LAYER + "attention.key.bias",
        "transformer.layer.{}.attention.v_lin.weight": _LAYER + "attention.value.weight",
        "transformer.layer.{}.attention.v_lin.bias": _LAYER + "attention.value.bias",
        "transformer.layer.{}.attention.out_lin.weight": _LAYER + "attention.output.weight",
        "transformer.layer.{}.attention.out_lin.bias": _LAYER + "attention.output.bias",
        "transformer.layer.{}.sa_layer_norm.weight": _LAYER + "attention_norm.weight",
        "transformer.layer.{}.sa_layer_norm.bias": _LAYER + "attention_norm.bias",
        "transformer.layer.{}.ffn.lin1.weight": _LAYER + "feed_forward.up.weight",
        "transformer.layer.{}.ffn.lin1.bias": _LAYER + "feed_forward.up.bias",
        "transformer.layer.{}.ffn.lin2.weight": _LAYER + "feed_forward.down.weight",
        "transformer.layer.{}.ffn.lin2.bias": _LAYER + "feed_forward.down.bias",
        "transformer.layer.{}.output_layer_norm.weight": _LAYER + "feed_forward_norm.weight",
        "transformer.layer.{}.output_layer_norm.bias": _LAYER + "feed_forward_norm.bias",
    },
}
"""Family -> a checkpoint's name without prefix -> ours. Where two lead to one, the first is today's."""

HEADS: dict[str, dict[str, str]] = {
    "bert": {"classifier.weight": "head.output.weight", "classifier.bias": "head.output.bias"},
    "roberta": {
        "classifier.dense.weight": "head.dense.weight",
        "classifier.dense.bias": "head.dense.bias",
        "classifier.out_proj.weight": "head.output.weight",
        "classifier.out_proj.bias": "head.output.bias",
    },
    "distilbert": {
        "pre_classifier.weight": "head.dense.weight",
        "pre_classifier.bias": "head.dense.bias",
        "classifier.weight": "head.output.weight",
        "classifier.bias": "head.output.bias",
    },
}
"""Family -> the classification head's name in a fine-tuned checkpoint -> ours."""

MASKED_LM_HEADS: dict[str, dict[str, str]] = {
    "bert": {
        "cls.predictions.transform.dense.weight": "head.dense.weight",
        "cls.predictions.transform.dense.bias": "head.dense.bias",
        "cls.predictions.transform.LayerNorm.weight": "head.norm.weight",
        "cls.predictions.transform.LayerNorm.bias": "head.norm.bias",
        "cls.predictions.bias": "head.bias",
    },
    "roberta": {
        "lm_head.dense.weight": "head.dense.weight",
        "lm_head.dense.bias": "head.dense.bias",
        "lm_head.layer_norm.weight": "head.norm.weight",
        "lm_head.layer_norm.bias": "head.norm.bias",
        "lm_head.bias": "head.bias",
    },
    "distilbert": {
        "vocab_transform.weight": "head.dense.weight",
        "vocab_transform.bias": "head.dense.bias",
        "vocab_layer_norm.weight": "head.norm.weight",
        "vocab_layer_norm.bias": "head.norm.bias",
        "vocab_projector.bias": "head.bias",
    },
}
"""Family -> the masked-language-model head's name in a checkpoint -> ours. The output matrix is the word table."""

_BUFFER = "positions 0, 1, 2, ..., a buffer of old transformers versions"
_MASKED_LM = "masked-language-model head"
_NEXT_SENTENCE = "next-sentence head"
_ROBERTA_POOLER = "pooler: no objective trained it, and RoBERTa's classification head does not use it"

DROPPED: dict[str, dict[str, str]] = {
    "bert": {
        **dict.fromkeys(MASKED_LM_HEADS["bert"], _MASKED_LM),
        "embeddings.position_ids": _BUFFER,
        "cls.predictions.decoder.weight": _MASKED_LM,
        "cls.predictions.decoder.bias": _MASKED_LM,
        "cls.predictions.transform.LayerNorm.gamma": _MASKED_LM,
        "cls.predictions.transform.LayerNorm.beta": _MASKED_LM,
        "cls.seq_relationship.weight": _NEXT_SENTENCE,
        "cls.seq_relationship.bias": _NEXT_SENTENCE,
    },
    "roberta": {
        **dict.fromkeys(MASKED_LM_HEADS["roberta"], _MASKED_LM),
        "embeddings.position_ids": _BUFFER,
        "pooler.dense.weight": _ROBERTA_POOLER,
        "pooler.dense.bias": _ROBERTA_POOLER,
        "lm_head.decoder.weight": _MASKED_LM,
        "lm_head.decoder.bias": _MASKED_LM,
    },
    "distilbert": {
        **dict.fromkeys(MASKED_LM_HEADS["distilbert"], _MASKED_LM),
        "embeddings.position_ids": _BUFFER,
        "vocab_projector.weight": _MASKED_LM,
    },
}
"""Family -> a checkpoint's name without prefix -> why it is not loaded."""


def expand(table: dict[str, str], config: EncoderConfig) -> dict[str, str]:
    """The table with every `{}` filled by each layer's number in turn, on both sides."""
    return {
        theirs.format(layer): ours.format(layer)
        for layer in range(config.num_hidden_layers)
        for theirs, ours in table.items()
    }


def expected_shape(ours: str, config: EncoderConfig, num_labels: int) -> tuple[int, ...]:
    """Shape of one of our tensors, by its name."""
    sizes = vars(config) | {"num_labels": num_labels}
    return tuple(sizes[field] for field in size_fields(ours))


def size_fields(ours: str) -> tuple[str, ...]:
    """The configuration fields that give one of our tensors its dimensions."""
    return SIZES[".".join("{}" if part.isdigit() else part for part in ours.split("."))]
