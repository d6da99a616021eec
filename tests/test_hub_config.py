"""A config.json or tokenizer.json that describes something else is refused, by the field's own name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers import models as token_models

from models.config import EncoderConfig
from models.errors import CheckpointError
from models.hub_config import FIELD_NAMES, config_from_hub, config_to_hub, read_config, read_labels
from models.tokenizer_file import open_tokenizer
from tests.tiny_models import ARCHITECTURES, FAMILIES, their_model

LABELS = ("entailment", "contradiction", "neutral")


def theirs(family: str) -> dict[str, Any]:
    return json.loads(their_model(family).config.to_json_string())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_both_directions(name: str) -> None:
    config = ARCHITECTURES[name].with_dropout(hidden=0.3, attention=0.05, classifier=0.2)
    raw = config_to_hub(config, LABELS)
    assert config_from_hub(json.loads(json.dumps(raw))) == config
    known = getattr(transformers, type(their_model(config.family).config).__name__)(**raw)
    assert all(getattr(known, field) == value for field, value in raw.items() if field not in ("dtype", "id2label"))


@pytest.mark.parametrize(
    ("family", "checkpoint"),
    [("bert", "bert"), ("distilbert", "distilbert"), ("roberta", "roberta")],
)
def test_named_architectures_are_the_published_ones(family: str, checkpoint: str) -> None:
    published = getattr(
        transformers, {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta"}[family] + "Config"
    )
    raw = json.loads(published().to_json_string(use_diff=False))
    config = config_from_hub(raw)
    if family == "roberta":  # transformers' defaults are not roberta-base's
        config = replace(config, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
    assert config == ARCHITECTURES[checkpoint]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_missing_field_is_named(family: str) -> None:
    good = theirs(family)
    config_from_hub(good)
    optional = set() if family == "distilbert" else {"classifier_dropout"}
    for field in {*FIELD_NAMES[family].values(), "activation" if family == "distilbert" else "hidden_act"} - optional:
        for broken in ({k: v for k, v in good.items() if k != field}, good | {field: None}):
            with pytest.raises(CheckpointError, match=rf"^config\.json: {field} is missing"):
                config_from_hub(broken)


def test_classifier_dropout_falls_back_to_hidden_dropout() -> None:
    assert config_from_hub(theirs("bert") | {"classifier_dropout": None}).classifier_dropout == 0.13


REFUSED = [
    ("bert", {"model_type": "deberta-v2"}, "model_type is 'deberta-v2', must be one of bert, distilbert, roberta"),
    ("bert", {"model_type": None}, "model_type is None"),
    ("bert", {"model_type": ["bert"]}, "model_type is"),
    ("bert", {"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new', must be 'gelu'"),
    ("distilbert", {"activation": "relu"}, "activation is 'relu', must be 'gelu'"),
    ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
    ("distilbert", {"sinusoidal_pos_embds": True}, "sinusoidal_pos_embds is True"),
    ("bert", {"is_decoder": True}, "is_decoder is True, must be False"),
    ("roberta", {"auto_map": {"AutoModel": "evil.Model"}}, "auto_map asks to run code"),
    ("bert", {"hidden_size": 10**12}, "hidden_size is 1000000000000, must be a whole number from 1 to 16384"),
    ("bert", {"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    ("bert", {"vocab_size": -5}, "vocab_size is -5"),
    ("bert", {"vocab_size": 60.0}, "vocab_size is 60.0"),
    ("bert", {"vocab_size": "60"}, "vocab_size is '60', must be a number"),
    ("bert", {"vocab_size": True}, "vocab_size is True, must be a number"),
    ("bert", {"type_vocab_size": 0}, "type_vocab_size is 0, must be at least 1"),
    ("distilbert", {"dim": 10**9}, "dim is 1000000000"),
    ("distilbert", {"n_heads": 5}, "dim 24 is not a multiple of n_heads 5"),
    ("distilbert", {"attention_dropout": 1.5}, "attention_dropout is 1.5"),
    ("bert", {"hidden_dropout_prob": float("nan")}, "hidden_dropout_prob is nan"),
    ("bert", {"layer_norm_eps": 0}, "layer_norm_eps is 0"),
    ("bert", {"pad_token_id": 60}, "pad_token_id 60 is not in the vocabulary of 60"),
    ("bert", {"pad_token_id": 0.5}, "pad_token_id 0.5"),
    ("bert", {"initializer_range": float("inf")}, "initializer_range is inf"),
]


@pytest.mark.parametrize(("family", "change", "message"), REFUSED, ids=[next(iter(case[1])) for case in REFUSED])
def test_refused_configs(family: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^config\.json: {message}") as caught:
        config_from_hub(theirs(family) | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[1]", "holds a list, must be a JSON object"),
        (b'{"model_type": "bert"', "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * 1_000_001, "larger than 1,000,000 bytes"),
        (None, "cannot be read"),
    ],
    ids=["empty", "list", "cut", "encoding", "deep", "large", "absent"],
)
def test_unreadable_config(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize("labels", [None, {}, ["a"], {"0": "a", "2": "b"}, {"1": "a"}])
def test_unusable_labels(labels: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
    with pytest.raises(CheckpointError, match="id2label is"):
        read_labels(tmp_path / "config.json")


def test_labels_follow_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"2": "c", "0": "a", "1": "b"}}))
    assert read_labels(tmp_path / "config.json") == ("a", "b", "c")


@pytest.mark.parametrize(
    "config",
    [EncoderConfig(family="distilbert"), replace(ARCHITECTURES["distilbert"], layer_norm_eps=1e-5)],
    ids=["token types", "epsilon"],
)
def test_what_the_format_cannot_express_is_not_written(config: EncoderConfig) -> None:
    with pytest.raises(ValueError, match="distilbert format cannot express"):
        config_to_hub(config, LABELS)


def tokenizer_file(folder: Path, vocabulary: dict[str, int]) -> Path:
    path = folder / "tokenizer.json"
    Tokenizer(token_models.WordLevel(vocabulary, unk_token="[UNK]")).save(str(path))
    return path


def test_tokenizer_beyond_the_vocabulary(tmp_path: Path) -> None:
    config = EncoderConfig(vocab_size=10)
    assert open_tokenizer(tokenizer_file(tmp_path, {"[UNK]": 0, "last": 9}), config).get_vocab_size() == 2
    with pytest.raises(CheckpointError, match=r"ids up to 10, but config\.json's vocab_size is 10"):
        open_tokenizer(tokenizer_file(tmp_path, {"[UNK]": 0, "beyond": 10}), config)


def test_special_token_beyond_the_vocabulary(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, {"[UNK]": 0})
    special = {"[CLS]": {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]}}
    pieces = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    pair = [*pieces, {"Sequence": {"id": "B", "type_id": 1}}]
    processor = {"type": "TemplateProcessing", "single": pieces, "pair": pair, "special_tokens": special}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": processor}))
    with pytest.raises(CheckpointError, match="ids up to 101"):
        open_tokenizer(path, EncoderConfig(vocab_size=10))


@pytest.mark.parametrize("content", ['{"model": {"type": "Oracle"}}', "", "<html>", "[]"])
def test_tokenizer_with_unknown_components(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"not a usable tokenizer\.json"):
        open_tokenizer(tmp_path / "tokenizer.json", EncoderConfig())
