"""Each arm fills what it says it fills; all the rest is scratch's very same random tensors, and the head everyone's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.arms import find_arm
from models.build import build_classifier
from models.classifier import SequenceClassifier
from models.config import FAMILIES, EncoderConfig
from models.errors import UserError
from models.export import export_checkpoint
from models.sources import Checkpoint, find_checkpoint

SEED = 3
INITS = ("scratch", "pretrained", "embeddings", "shuffled", "bottom-1", "bottom-2", "mlm")
STD = 0.05
SIZES = {
    "vocab_size": 40,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "initializer_range": STD,
}


def config_of(family: str) -> EncoderConfig:
    types = {"bert": 2, "distilbert": 0, "roberta": 1}[family]
    return EncoderConfig(family=family, type_vocab_size=types, **SIZES)  # type: ignore[arg-type]


@pytest.fixture(params=FAMILIES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Tensor], Checkpoint]:
    """Weights by our names, norms and biases random too, and the checkpoint that holds them."""
    model = SequenceClassifier(config_of(request.param))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    export_checkpoint(model, tmp_path / "source", ("a", "b", "c"), None)
    return dict(model.state_dict()), find_checkpoint(str(tmp_path / "source"))


def by_hand(seed: int, family: str) -> dict[str, Tensor]:
    """Scratch's tensors, drawn one after the other in the order of the paper's figure."""
    types, hidden, inner = {"bert": 2, "distilbert": 0, "roberta": 1}[family], 8, 12
    square, layers = (hidden, hidden), {}
    for i in range(2):
        layers |= {f"encoder.layers.{i}.attention.{part}": square for part in ("query", "key", "value", "output")}
        layers |= {f"encoder.layers.{i}.feed_forward.up": (inner, hidden)}
        layers |= {f"encoder.layers.{i}.feed_forward.down": (hidden, inner)}
    tables = {"word": (40, hidden), "position": (16, hidden)} | ({"token_type": (types, hidden)} if types else {})
    trunk = {f"encoder.embeddings.{name}": shape for name, shape in tables.items()} | layers
    trunk |= {"pooler": square} if family == "bert" else {}
    head = {} if family == "bert" else {"head.dense": square}
    head |= {"head.output": (3, hidden)}
    drawn = {}
    for purpose, shapes in (("encoder", trunk), ("head", head)):
        number = int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big", signed=True)
        generator = torch.Generator().manual_seed(number)
        for name, shape in shapes.items():
            weight = torch.empty(shape)
            torch.nn.init.trunc_normal_(weight, std=STD, a=-2 * STD, b=2 * STD, generator=generator)
            drawn[f"{name}.weight"] = weight
    return drawn


def expected(name: str, drawn: dict[str, Tensor]) -> Tensor | float:
    """A scratch tensor: drawn, or 1 for a norm's weight, or 0 for a bias."""
    return drawn.get(name, 1.0 if name.endswith("norm.weight") else 0.0)


def loaded_by(init: str, name: str) -> bool:
    """What the table of arms in the issue says."""
    if name.startswith("head.") or init == "scratch":
        return False
    if init in ("pretrained", "shuffled", "mlm"):
        return True
    lowest = {"embeddings": (), "bottom-1": ("0",), "bottom-2": ("0", "1")}[init]
    return ".embeddings." in name or any(f".layers.{i}." in name for i in lowest)


@pytest.mark.parametrize("init", INITS)
def test_every_tensor_is_the_weights_own_or_scratchs(source: tuple[dict[str, Tensor], Checkpoint], init: str) -> None:
    weights, checkpoint = source
    drawn = by_hand(SEED, checkpoint.config.family)
    model, _ = build_classifier(checkpoint, checkpoint.config, init, SEED)
    assert set(drawn) < set(weights)
    for name, tensor in model.state_dict().items():
        if not loaded_by(init, name):
            assert torch.equal(tensor, torch.as_tensor(expected(name, drawn)).expand_as(tensor)), name
        elif init == "shuffled":
            assert torch.equal(tensor.flatten().sort()[0], weights[name].flatten().sort()[0]), name
        else:
            assert torch.equal(tensor, weights[name]), name


@pytest.mark.parametrize("init", INITS)
def test_the_report_accounts_for_every_tensor(source: tuple[dict[str, Tensor], Checkpoint], init: str) -> None:
    weights, checkpoint = source
    _, report = build_classifier(checkpoint, checkpoint.config, init, SEED)
    assert set(report.loaded) == {name for name in weights if loaded_by(init, name)}
    assert sorted(report.loaded + report.fresh) == sorted(weights)
    assert bool(report.note) == (init == "shuffled")
    if init != "scratch":
        in_file = load_file(checkpoint.weights)
        assert len(report.loaded) + len(report.ignored) == len(in_file) and set(report.ignored) < set(in_file)
        left_out = [name for name in weights if not name.startswith("head.") and not loaded_by(init, name)]
        assert list(report.ignored.values()).count(f"not loaded by --init {init}") == len(left_out)


def test_shuffling_moves_most_entries_and_follows_the_seed(source: tuple[dict[str, Tensor], Checkpoint]) -> None:
    weights, checkpoint = source
    one, same, other = (
        dict(build_classifier(checkpoint, checkpoint.config, "shuffled", seed)[0].state_dict()) for seed in (3, 3, 4)
    )
    for name in (name for name in weights if loaded_by("shuffled", name) and weights[name].dim() > 1):
        assert torch.equal(one[name], same[name])
        for less_like in (weights[name], other[name]):
            assert (one[name] != less_like).float().mean() > 0.5, name


def test_a_zero_head_is_zero_in_every_arm(source: tuple[dict[str, Tensor], Checkpoint]) -> None:
    _, checkpoint = source
    for init in INITS:
        model, _ = build_classifier(checkpoint, checkpoint.config, init, SEED, head_init="zero")
        assert not model.head.output.weight.any() and not model.head.output.bias.any()


@pytest.mark.parametrize("init", ["bottom", "bottom-", "bottom-0", "bottom-01", "bottom-x", "bottom-²", "mlm-2", ""])
def test_an_unknown_arm_is_refused_with_the_known_ones(init: str) -> None:
    with pytest.raises(
        UserError, match=r"is not one of scratch, pretrained, .*, mlm or bottom-K with K = 1, 2"
    ) as error:
        find_arm(init)
    assert error.value.exit_code == 2


def test_more_layers_than_there_are_is_refused(source: tuple[dict[str, Tensor], Checkpoint]) -> None:
    _, checkpoint = source
    with pytest.raises(UserError, match="'bottom-3': the encoder has 2 layers"):
        build_classifier(checkpoint, checkpoint.config, "bottom-3", SEED)
