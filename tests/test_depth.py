"""An encoder of fewer layers than its weights have: the lowest of them, in every arm, to the exported model."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.testing import assert_close

from models.arms import find_arm
from models.build import build_classifier
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import UserError
from models.pretrained import LoadReport
from models.sources import Checkpoint, find_checkpoint
from tests.running import Crash, crash, record, resume, train
from tests.tiny_models import FAMILIES, head_parts, ragged_inputs, saved, their_model
from tests.torture.compare import different_records
from tests.torture.sabotage import before_call
from train import loop

LAYERS, SEED = 3, 5
STORED = {"bert": "encoder.layer.", "roberta": "encoder.layer.", "distilbert": "transformer.layer."}


@pytest.fixture(params=FAMILIES)
def theirs(request: pytest.FixtureRequest) -> transformers.PreTrainedModel:
    """transformers' classifier of 3 layers, every parameter random."""
    return their_model(request.param)


def cut(theirs: transformers.PreTrainedModel, depth: int) -> transformers.PreTrainedModel:
    """transformers' own model of that depth, with those of the weights that it has a place for."""
    config = copy.deepcopy(theirs.config)
    config.num_hidden_layers = depth
    shallow = type(theirs)(config).eval()
    shallow.load_state_dict({name: theirs.state_dict()[name] for name in shallow.state_dict()})
    return shallow


def build(checkpoint: Checkpoint, init: str, depth: int) -> tuple[SequenceClassifier, LoadReport]:
    return build_classifier(checkpoint, replace(checkpoint.config, num_hidden_layers=depth), init, SEED)


@pytest.mark.parametrize("depth", [1, 2, LAYERS])
def test_it_computes_what_transformers_does_at_that_depth(
    theirs: transformers.PreTrainedModel, depth: int, tmp_path: Path
) -> None:
    ours, _ = build(find_checkpoint(str(saved(theirs, tmp_path))), "pretrained", depth)
    for name, part in head_parts(theirs).items():
        ours.head.get_submodule(name).load_state_dict(part.state_dict())
    inputs = ragged_inputs(theirs.config.model_type)
    with torch.no_grad():
        expected = cut(theirs, depth).double()(**inputs).logits
        assert_close(ours.double().eval()(**inputs), expected, rtol=0, atol=1e-10)


def test_every_tensor_of_the_file_is_accounted_for(theirs: transformers.PreTrainedModel, tmp_path: Path) -> None:
    family = theirs.config.model_type
    checkpoint = find_checkpoint(str(saved(theirs, tmp_path)))
    in_file = set(load_file(checkpoint.weights))
    model, report = build(checkpoint, "pretrained", 1)
    above = {name for name in in_file if any(f"{STORED[family]}{i}." in name for i in (1, 2))}
    reason = "in a layer beyond num_hidden_layers 1"
    assert {name for name, why in report.ignored.items() if why == reason} == above and len(above) == 2 * 16
    assert len(report.loaded) + len(report.ignored) == len(in_file) and set(report.ignored) < in_file
    assert sorted(report.loaded + report.fresh) == sorted(dict(model.named_parameters()))
    assert all(name.startswith("head.") for name in report.fresh)


@pytest.mark.parametrize("init", ["scratch", "pretrained", "embeddings", "shuffled", "bottom-1", "bottom-2", "mlm"])
def test_every_arm_is_cut_alike_and_has_the_usual_head(
    theirs: transformers.PreTrainedModel, init: str, tmp_path: Path
) -> None:
    """Its tensors are those that the arm has of the weights, or those of a scratch encoder of that depth."""
    checkpoint = find_checkpoint(str(saved(theirs, tmp_path)))
    weights, scratch, whole = (dict(build(checkpoint, arm, depth)[0].state_dict()) for arm, depth in
                               (("pretrained", LAYERS), ("scratch", 2), ("scratch", LAYERS)))  # fmt: skip
    found = dict(build(checkpoint, init, 2)[0].state_dict())
    assert found.keys() == scratch.keys() < weights.keys()
    for name, tensor in found.items():
        loaded = find_arm(init).source is not None and find_arm(init).loads(name) and not name.startswith("head.")
        expected = weights[name] if loaded else whole[name] if name.startswith("head.") else scratch[name]
        if loaded and init == "shuffled":
            tensor, expected = tensor.flatten().sort()[0], expected.flatten().sort()[0]
        assert torch.equal(tensor, expected), name


def test_an_arm_of_more_layers_than_the_encoder_is_refused(
    theirs: transformers.PreTrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="'bottom-3': the encoder has 2 layers"):
        build(find_checkpoint(str(saved(theirs, tmp_path))), "bottom-3", 2)


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A finished run of the lowest of two layers."""
    return train(tmp_path_factory.mktemp("shallow"), tiny_checkpoint, "--depth", "1", "--set", "save.every_steps=4")


def test_a_run_records_its_depth_and_what_it_left_out(shallow: Path) -> None:
    config, report = record(shallow, "config"), record(shallow, "load_report")
    assert (config["init"], config["depth"], config["encoder"]["num_hidden_layers"]) == ("pretrained", 1, 1)
    assert sum("layer.1." in name for name in report["ignored"]) == 16
    assert not any("layers.1." in name for name in report["loaded"] + report["fresh"])
    card = (shallow / "export" / "README.md").read_text(encoding="utf-8")
    assert "weights were those of `tiny`, the layers above the lowest 1 left out. The head" in card


def test_its_export_opens_in_transformers(shallow: Path) -> None:
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(shallow / "export")
    assert theirs.config.num_hidden_layers == len(theirs.bert.encoder.layer) == 1
    checkpoint = find_checkpoint(str(shallow / "export"))
    assert checkpoint.config == EncoderConfig(**record(shallow, "config")["encoder"])
    ours, _ = build_classifier(checkpoint, checkpoint.config, "pretrained", 0)
    ours.head.output.load_state_dict(theirs.classifier.state_dict())
    inputs = ragged_inputs("bert")
    with torch.no_grad():
        assert_close(ours.double().eval()(**inputs), theirs.double().eval()(**inputs).logits, rtol=0, atol=1e-10)


def test_a_killed_run_goes_on_at_its_depth(shallow: Path, tmp_path: Path, tiny_checkpoint: Path) -> None:
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, "--depth", "1", "--set", "save.every_steps=4")
    resume(tmp_path / "s" / "runs" / "run", tiny_checkpoint)
    assert different_records(tmp_path / "s" / "runs" / "run", shallow) == []


@pytest.mark.parametrize("init", ["pretrained", "embeddings", "bottom-1", "mlm"])
def test_more_layers_than_the_weights_have_are_refused(init: str, tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match=f"^depth 3: --init {init} loads weights of 2 layers$"):
        train(tmp_path, tiny_checkpoint, "--init", init, "--depth", "3")
    assert not list(tmp_path.iterdir())


def test_more_layers_than_any_encoder_has_are_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match="depth 999: num_hidden_layers is 999, must be a whole number from 1 to 256"):
        train(tmp_path, tiny_checkpoint, "--init", "scratch", "--depth", "999")
