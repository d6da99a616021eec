"""Every tensor of every kind of checkpoint is accounted for, and lands where transformers has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.testing import assert_close

from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from models.errors import CheckpointError
from models.hub_config import read_config
from models.key_tables import PREFIXES, SIZES, expected_shape
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from tests.tiny_models import ARCHITECTURES, FAMILIES, our_model, packed, ragged_inputs, saved, their_model

TASKS = ("Model", "ForMaskedLM", "ForSequenceClassification")


def rewrite(folder: Path, change: dict[str, Tensor]) -> None:
    save_file(change, folder / "model.safetensors", metadata={"format": "pt"})


def assert_loads_as(folder: Path, theirs: transformers.PreTrainedModel, family: str, atol: float) -> None:
    """Our encoder, filled from the folder, computes what transformers' does, and the report adds up."""
    checkpoint = find_checkpoint(str(folder))
    tensors, report = read_tensors(checkpoint)
    model = SequenceClassifier(checkpoint.config)
    assert sorted(report.loaded) == sorted(tensors)
    assert sorted(report.loaded + report.fresh) == sorted(dict(model.named_parameters()))
    in_file = load_file(folder / "model.safetensors")
    assert len(report.loaded) + len(report.ignored) == len(in_file)
    assert set(report.ignored) <= set(in_file) and all(report.ignored.values())
    assert json.loads(json.dumps(report.to_json()))["loaded"] == report.loaded
    inputs = ragged_inputs(family)
    expected = theirs.base_model(**inputs).last_hidden_state[inputs["attention_mask"].bool()]
    found = our_model(folder).float().encoder(packed(inputs))
    assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_loads_what_transformers_writes(family: str, task: str, tmp_path: Path) -> None:
    theirs = their_model(family, task)
    assert_loads_as(saved(theirs, tmp_path), theirs, family, atol=1e-5)
    _, report = read_tensors(find_checkpoint(str(tmp_path)))
    has_pooler = family == "bert" and task != "ForMaskedLM"
    assert ("pooler.weight" in report.loaded) == has_pooler
    assert ("pooler.weight" in report.fresh) == (family == "bert" and not has_pooler)
    assert {name for name in report.fresh if name.startswith("head.")} == {
        name for name in dict(our_model(tmp_path).named_parameters()) if name.startswith("head.")
    }


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("family", FAMILIES)
def test_loads_every_prefix(family: str, prefix: str, tmp_path: Path) -> None:
    theirs = their_model(family, "Model")
    tensors = load_file(saved(theirs, tmp_path) / "model.safetensors")
    rewrite(tmp_path, {prefix + name: tensor for name, tensor in tensors.items()})
    assert_loads_as(tmp_path, theirs, family, atol=1e-5)


def test_loads_an_original_bert_file(tmp_path: Path) -> None:
    theirs = their_model("bert", "ForPreTraining")
    tensors = load_file(saved(theirs, tmp_path) / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(20)[None]
    rewrite(tmp_path, old)
    assert_loads_as(tmp_path, theirs, "bert", atol=1e-5)
    _, report = read_tensors(find_checkpoint(str(tmp_path)))
    assert "bert.embeddings.position_ids" in report.ignored
    assert report.ignored["cls.seq_relationship.weight"] == "next-sentence head"
    assert sum("LayerNorm.gamma" in name for name in report.ignored) == 1  # the masked-language-model head's


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_become_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    theirs = their_model("roberta", "Model").to(dtype)
    tensors, report = read_tensors(find_checkpoint(str(saved(theirs, tmp_path))))
    word = "encoder.embeddings.word.weight"
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert torch.equal(tensors[word], theirs.embeddings.word_embeddings.weight.float())
    assert set(report.converted) == set(report.loaded)
    stored = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}[dtype]
    assert report.converted[word] == stored


def test_tensors_outlive_their_file(tmp_path: Path) -> None:
    folder = saved(their_model("bert"), tmp_path)
    tensors, _ = read_tensors(find_checkpoint(str(folder)))
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(b"\xff" * (folder / "model.safetensors").stat().st_size)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_table_of_sizes_describes_our_modules(name: str) -> None:
    config = ARCHITECTURES[name]
    with torch.device("meta"):
        parameters = dict(SequenceClassifier(config, 5).named_parameters())
    assert {ours: expected_shape(ours, config, 5) for ours in parameters} == {
        ours: tuple(parameter.shape) for ours, parameter in parameters.items()
    }
    assert len(SIZES) == 27


def test_a_classifier_without_its_head_is_refused(tmp_path: Path) -> None:
    checkpoint = find_checkpoint(str(saved(their_model("distilbert", "Model"), tmp_path)))
    with pytest.raises(CheckpointError, match=r"without tensors .* needs: head\.dense\.weight"):
        read_tensors(checkpoint, with_head=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_classifier_with_its_head(family: str, tmp_path: Path) -> None:
    theirs = their_model(family)
    checkpoint = find_checkpoint(str(saved(theirs, tmp_path)))
    tensors, _ = read_tensors(checkpoint, with_head=True)
    model = SequenceClassifier(checkpoint.config, 3).eval()
    copy_tensors_(model, tensors)
    inputs = ragged_inputs(family)
    assert_close(model(**inputs), theirs(**inputs).logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_config_means_the_same_to_transformers(family: str, tmp_path: Path) -> None:
    theirs = their_model(family).config
    theirs.save_pretrained(tmp_path)
    ours = read_config(tmp_path / "config.json")
    hidden = theirs.dropout if family == "distilbert" else theirs.hidden_dropout_prob
    assert (ours.hidden_size, ours.num_hidden_layers, ours.num_attention_heads) == (24, 3, 4)
    assert (ours.vocab_size, ours.max_position_embeddings) == (60, 20)
    assert (ours.hidden_dropout_prob, ours.attention_probs_dropout_prob) == (hidden, 0.07)
    assert (ours.classifier_dropout, ours.intermediate_size) == (0.21, 40)
    assert ours.layer_norm_eps == (1e-12 if family == "distilbert" else 3e-3)
