"""A checkpoint's config.json, as transformers writes it, to and from `EncoderConfig`.

Source: transformers, BertConfig, DistilBertConfig and RobertaConfig.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from models.config import FAMILIES, EncoderConfig
from models.errors import CheckpointError

_LARGEST_FILE = 1_000_000  # bytes; a config.json has about a thousand

_BERT_NAMES = {
    name: name
    for name in (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "layer_norm_eps",
        "pad_token_id",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "classifier_dropout",
        "initializer_range",
    )
}
_DISTILBERT_NAMES = {
    "vocab_size": "vocab_size",
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "max_position_embeddings": "max_position_embeddings",
    "pad_token_id": "pad_token_id",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "seq_classif_dropout",
    "initializer_range": "initializer_range",
}
FIELD_NAMES = {"bert": _BERT_NAMES, "distilbert": _DISTILBERT_NAMES, "roberta": _BERT_NAMES}
"""Per family: our field -> its name in config.json. Only classifier_dropout may be missing."""

_REQUIRED_VALUES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_act": "gelu"},
    "distilbert": {"activation": "gelu"},
    "roberta": {"hidden_act": "gelu"},
}
_VALUES_IF_PRESENT: dict[str, Any] = {
    "position_embedding_type": "absolute",
    "sinusoidal_pos_embds": False,
    "is_decoder": False,
    "add_cross_attention": False,
    "is_encoder_decoder": False,
}
_DISTILBERT_FIXED = {"layer_norm_eps": 1e-12, "type_vocab_size": 0}  # constants in its code, not in its file

_CLASS_NAMES = {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta"}


def read_config(path: Path) -> EncoderConfig:
    """The encoder that a checkpoint's config.json describes.

    Raises:
        CheckpointError: the file is missing, is not JSON, lacks a field, or describes what this encoder is not.
    """
    return config_from_hub(_read_json(path), str(path))


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names of a fine-tuned checkpoint in the order of its logits, from `id2label` in its config.json.

    Raises:
        CheckpointError: there are none, or their numbers are not 0, 1, 2, ...
    """
    labels = _read_json(path).get("id2label")
    numbers = [str(i) for i in range(len(labels))] if isinstance(labels, dict) else []
    if not isinstance(labels, dict) or not labels or set(labels) != set(numbers):
        _refuse(str(path), "id2label", labels, "one name for each of the classes '0', '1', ...")
    return tuple(str(labels[number]) for number in numbers)


def config_from_hub(raw: dict[str, Any], origin: str = "config.json") -> EncoderConfig:
    """Translate a parsed config.json; `origin` opens the error messages.

    Raises:
        CheckpointError: a field is missing, or its value is one this encoder does not implement.
    """
    family = raw.get("model_type")
    if family not in FAMILIES:
        _refuse(origin, "model_type", family, f"one of {', '.join(FAMILIES)}")
    names = FIELD_NAMES[family]
    if family != "distilbert" and raw.get("classifier_dropout") is None:  # as transformers reads it
        raw = raw | {"classifier_dropout": raw.get("hidden_dropout_prob")}
    _check_fields(raw, family, origin)
    fixed: dict[str, Any] = _DISTILBERT_FIXED if family == "distilbert" else {}
    try:
        return EncoderConfig(family=family, **fixed, **{ours: raw[theirs] for ours, theirs in names.items()})
    except ValueError as error:
        message = str(error)
        for ours, theirs in names.items():
            message = message.replace(ours, theirs)
        raise CheckpointError(f"{origin}: {message}") from error


def _check_fields(raw: dict[str, Any], family: str, origin: str) -> None:
    """Raise CheckpointError unless every field is there and a number, and nothing asks for another architecture."""
    if raw.get("auto_map") is not None:
        raise CheckpointError(f"{origin}: auto_map asks to run code from the repository, which is never done")
    numbers = FIELD_NAMES[family].values()
    for name in (*numbers, *_REQUIRED_VALUES[family]):
        if raw.get(name) is None:
            raise CheckpointError(f"{origin}: {name} is missing, and a {family} encoder needs it")
    for name, value in (_REQUIRED_VALUES[family] | _VALUES_IF_PRESENT).items():
        if raw.get(name) not in (None, value):
            _refuse(origin, name, raw[name], f"{value!r}, the only one implemented")
    for name in numbers:
        if isinstance(raw[name], bool) or not isinstance(raw[name], int | float):
            _refuse(origin, name, raw[name], "a number")
    if raw.get("type_vocab_size") == 0 and family != "distilbert":
        _refuse(origin, "type_vocab_size", 0, "at least 1")


def config_to_hub(config: EncoderConfig, labels: Sequence[str]) -> dict[str, Any]:
    """The config.json of a classifier over `labels`, in the order of its logits.

    Raises:
        ValueError: the family's format has no place for one of the values, or two labels are equal.
    """
    if len(set(labels)) != len(labels) or not labels:
        raise ValueError(f"labels {list(labels)!r} must be different from each other, and at least one")
    return {
        **_fields_to_hub(config, "ForSequenceClassification"),
        "id2label": {str(i): label for i, label in enumerate(labels)},
        "label2id": {label: i for i, label in enumerate(labels)},
    }


def masked_lm_config_to_hub(config: EncoderConfig) -> dict[str, Any]:
    """The config.json of a masked language model.

    Raises:
        ValueError: the family's format has no place for one of the values.
    """
    return _fields_to_hub(config, "ForMaskedLM")


def _fields_to_hub(config: EncoderConfig, task: str) -> dict[str, Any]:
    family = config.family
    raw = {
        "architectures": [_CLASS_NAMES[family] + task],
        "model_type": family,
        "dtype": "float32",
        **{theirs: getattr(config, ours) for ours, theirs in FIELD_NAMES[family].items()},
        **_REQUIRED_VALUES[family],
    }
    if config_from_hub(raw) != config:
        raise ValueError(f"transformers' {family} format cannot express {config}")
    return raw


def _refuse(origin: str, name: str, value: Any, allowed: str) -> NoReturn:
    raise CheckpointError(f"{origin}: {name} is {repr(value)[:80]}, must be {allowed}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise CheckpointError(f"{path}: larger than {_LARGEST_FILE:,} bytes, so not a model's config.json")
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); a checkpoint needs its config.json"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path}: holds a {type(raw).__name__}, must be a JSON object")
    return raw
