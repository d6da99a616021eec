"""Our encoder computes what transformers computes: outputs and every gradient, in float64, with and without dropout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from models.batch import TokenBatch
from models.classifier import SequenceClassifier
from models.dropout import Dropout
from models.errors import CheckpointError
from models.pretrained import read_tensors
from models.sources import Checkpoint, find_checkpoint
from models.tokenizer_file import open_tokenizer
from tests.tiny_models import FAMILIES, gradients, our_model, packed, ragged_inputs, saved, their_model

Pair = tuple[transformers.PreTrainedModel, SequenceClassifier, dict[str, Tensor]]

PLACES = {  # our module -> transformers' module, per family; {} is the layer
    "bert": {
        "encoder.embeddings.dropout": "bert.embeddings.dropout",
        "encoder.layers.{}.attention.dropout": "bert.encoder.layer.{}.attention.self.dropout",
        "encoder.layers.{}.attention_dropout": "bert.encoder.layer.{}.attention.output.dropout",
        "encoder.layers.{}.feed_forward_dropout": "bert.encoder.layer.{}.output.dropout",
        "head.dropout": "dropout",
    },
    "distilbert": {  # none after attention: ours stays at what the configuration says
        "encoder.embeddings.dropout": "distilbert.embeddings.dropout",
        "encoder.layers.{}.attention.dropout": "distilbert.transformer.layer.{}.attention.dropout",
        "encoder.layers.{}.feed_forward_dropout": "distilbert.transformer.layer.{}.ffn.dropout",
        "head.dropout": "dropout",
    },
    "roberta": {
        "encoder.embeddings.dropout": "roberta.embeddings.dropout",
        "encoder.layers.{}.attention.dropout": "roberta.encoder.layer.{}.attention.self.dropout",
        "encoder.layers.{}.attention_dropout": "roberta.encoder.layer.{}.attention.output.dropout",
        "encoder.layers.{}.feed_forward_dropout": "roberta.encoder.layer.{}.output.dropout",
        "head.input_dropout": "classifier.dropout",
        "head.dropout": "classifier.dropout",
    },
}


@pytest.fixture(params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """transformers' classifier and ours with the same weights in float64, and inputs for them."""
    theirs = their_model(request.param)
    ours = our_model(saved(theirs, tmp_path), theirs)
    return theirs.double(), ours, ragged_inputs(request.param)


def weights_like(x: Tensor) -> Tensor:
    """Fixed random weights that turn an output into a loss in which no entry is lost."""
    return torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))


def assert_same_gradients(theirs: nn.Module, their_loss: Tensor, ours: nn.Module, our_loss: Tensor) -> None:
    expected, found = gradients(theirs, their_loss), gradients(ours, our_loss)
    assert expected.keys() == found.keys()
    assert any(gradient.abs().max() > 1e-3 for gradient in expected.values())
    for values, gradient in expected.items():
        assert_close(found[values], gradient, rtol=0, atol=1e-10)


def assert_same_logits_and_gradients(theirs: nn.Module, ours: nn.Module, inputs: dict[str, Tensor]) -> None:
    expected, found = theirs(**inputs).logits, ours(**inputs)
    assert_close(found, expected, rtol=0, atol=1e-10)
    weights = weights_like(expected)
    assert_same_gradients(theirs, (expected * weights).sum(), ours, (found * weights).sum())


def test_last_hidden_states_and_their_gradients(pair: Pair) -> None:
    theirs, ours, inputs = pair
    expected = theirs.base_model(**inputs).last_hidden_state[inputs["attention_mask"].bool()]
    found = ours.encoder(packed(inputs))
    assert_close(found, expected, rtol=0, atol=1e-10)
    weights = weights_like(expected)
    assert_same_gradients(theirs, (expected * weights).sum(), ours, (found * weights).sum())


def test_logits_and_their_gradients(pair: Pair) -> None:
    assert_same_logits_and_gradients(*pair)


def test_classification_vectors_are_rows_of_the_full_output(pair: Pair) -> None:
    _, ours, inputs = pair
    batch = packed(inputs)
    full, short = ours.encoder(batch)[batch.first_B], ours.encoder.classification_vectors(batch)
    assert_close(short, full, rtol=0, atol=1e-12)
    weights = weights_like(full)
    assert_same_gradients(ours, (full * weights).sum(), ours, (short * weights).sum())


@pytest.fixture
def visible_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every active dropout multiplies by 1 + p, so that its place and its p show in the result."""

    def multiply(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        assert not inplace
        return x * (1 + p) if training else x

    monkeypatch.setattr(F, "dropout", multiply)
    monkeypatch.setattr(Dropout, "forward", lambda self, x: x * (1 + self.p) if self.is_active else x)


@pytest.mark.usefixtures("visible_dropout")
def test_dropout_probabilities_come_from_the_config(pair: Pair) -> None:
    theirs, ours, inputs = pair
    quiet = ours(**inputs)
    assert_same_logits_and_gradients(theirs.train(), ours.train(), inputs)
    assert not torch.allclose(quiet, ours(**inputs), atol=1e-3)


@pytest.mark.usefixtures("visible_dropout")
def test_dropout_sits_in_the_same_places(pair: Pair) -> None:
    theirs, ours, inputs = pair
    family = ours.config.family
    places = {mine.format(i): yours.format(i) for i in range(3) for mine, yours in PLACES[family].items()}
    their_dropouts = {name for name, part in theirs.named_modules() if isinstance(part, nn.Dropout)}
    assert their_dropouts == set(places.values())
    probability = {yours: 0.02 * (1 + i) for i, yours in enumerate(sorted(their_dropouts))}
    for mine, yours in places.items():
        ours.get_submodule(mine).p = theirs.get_submodule(yours).p = probability[yours]  # type: ignore[assignment]
    assert_same_logits_and_gradients(theirs.train(), ours.train(), inputs)


def cached_minilm() -> Checkpoint:
    try:
        return find_checkpoint("minilm", download=False)
    except CheckpointError as error:
        pytest.skip(str(error))


def minilm_classifier(checkpoint: Checkpoint) -> SequenceClassifier:
    tensors, report = read_tensors(checkpoint)
    model = SequenceClassifier(checkpoint.config, 3).eval()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.normal_(0, 0.02)
    model.load_state_dict(tensors, strict=False)
    assert report.fresh == ["head.output.weight", "head.output.bias"]
    return model


PAIRS = (
    ("The ferry leaves at noon.", "A boat departs in the middle of the day."),
    ("Nobody at the table had ordered soup, and yet five bowls of it arrived, steaming.", "They wanted soup."),
    ("Rain.", "It is dry."),
    (
        "She repaired the clock her grandfather built in 1931.",
        "The clock is old and she knows how to fix it, it seems.",
    ),
    ("Ärger über 3,5 % Zinsen?", "No."),
)


def test_real_minilm_weights_in_float32() -> None:
    checkpoint = cached_minilm()
    assert checkpoint.tokenizer is not None
    tokenizer = open_tokenizer(checkpoint.tokenizer, checkpoint.config)
    theirs = transformers.AutoModel.from_pretrained(
        checkpoint.weights.parent, attn_implementation="eager", dtype=torch.float32
    ).eval()
    ours = minilm_classifier(checkpoint)
    encodings = [tokenizer.encode(*sentences) for sentences in PAIRS]
    batch = TokenBatch.from_sequences(
        [torch.tensor(e.ids) for e in encodings], [torch.tensor(e.type_ids) for e in encodings]
    )
    with torch.inference_mode():
        outputs = [
            theirs(input_ids=torch.tensor([e.ids]), token_type_ids=torch.tensor([e.type_ids])) for e in encodings
        ]
        found, features = ours.encoder(batch), ours.features(batch)
    expected = torch.cat([output.last_hidden_state[0] for output in outputs])
    assert_close(found, expected, rtol=0, atol=1e-5)
    assert_close(features, torch.cat([output.pooler_output for output in outputs]), rtol=0, atol=1e-5)


def test_padded_entry_gives_the_reported_shapes() -> None:
    checkpoint = cached_minilm()
    assert checkpoint.tokenizer is not None
    encoding = open_tokenizer(checkpoint.tokenizer, checkpoint.config).encode(
        # the one pair whose shapes the seed report prints; MultiNLI, first training row
        "Conceptually cream skimming has two basic dimensions - product and geography.",
        "Product and geography are what make cream skimming work.",
    )
    input_ids, token_types = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
    assert input_ids.shape == (1, 28)
    model = minilm_classifier(checkpoint)
    with torch.inference_mode():
        logits = model(input_ids, torch.ones_like(input_ids), token_types)
        padded = model(*(F.pad(x, (0, 9)) for x in (input_ids, torch.ones_like(input_ids), token_types)))
    assert logits.shape == (1, 3)
    assert_close(padded, logits, rtol=0, atol=1e-6)
