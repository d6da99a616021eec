"""Our masked language model is transformers', starts from scratch's encoder, and comes back through the loader."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from torch.nn import functional as F
from torch.testing import assert_close

from models.build import build_classifier, build_masked_lm
from models.config import EncoderConfig
from models.export import export_masked_lm
from models.hub_config import read_config
from models.masked_lm import MaskedLanguageModel
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from tests.tiny_models import FAMILIES, gradients, packed, ragged_inputs, saved, their_model

ASKED = ((0, 2), (0, 5), (2, 0), (2, 10), (3, 0))
"""(sentence, place) of the tokens to be guessed; sentence 1 has none."""


def ours_and_theirs(family: str, folder: Path) -> tuple[MaskedLanguageModel, transformers.PreTrainedModel]:
    """A model of ours with every parameter random, and what transformers opens from its export; both in float64."""
    config = read_config(saved(their_model(family, "Model"), folder / "base") / "config.json")
    ours = MaskedLanguageModel(config)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    export_masked_lm(ours, folder / "export", None)
    theirs, loading = transformers.AutoModelForMaskedLM.from_pretrained(
        folder / "export", output_loading_info=True, attn_implementation="eager"
    )
    assert not any(loading.values()), loading
    return ours.double().eval(), theirs.double().eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    ours, theirs = ours_and_theirs(family, tmp_path)
    inputs = ragged_inputs(family)
    rows, places = torch.tensor(ASKED).unbind(1)
    batch = packed(inputs)
    found = ours.predict(batch, batch.first_B[rows] + places)
    expected = theirs(**inputs).logits[rows, places]
    assert_close(found, expected, rtol=0, atol=1e-9)
    wanted = torch.tensor([7, 3, 50, 3, 8])
    pair = [gradients(m, F.cross_entropy(x, wanted)) for m, x in ((ours, found), (theirs, expected))]
    assert pair[0].keys() == pair[1].keys()
    for key, gradient in pair[0].items():
        assert_close(gradient, pair[1][key], rtol=0, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_ordinary_loader_takes_the_encoder_and_drops_the_head(family: str, tmp_path: Path) -> None:
    ours, _ = ours_and_theirs(family, tmp_path)
    checkpoint = find_checkpoint(str(tmp_path / "export"))
    model, report = build_classifier(checkpoint, checkpoint.config, "mlm", 0)
    scratch, _ = build_classifier(checkpoint, checkpoint.config, "scratch", 0)
    encoder = {f"encoder.{name}": tensor.float() for name, tensor in ours.encoder.state_dict().items()}
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, encoder.get(name, scratch.state_dict()[name])), name
    assert set(report.loaded) == set(encoder)
    assert list(report.ignored.values()) == ["masked-language-model head"] * 5
    assert read_tensors(checkpoint)[1].fresh == report.fresh


@pytest.mark.parametrize("family", FAMILIES)
def test_it_starts_from_the_encoder_of_scratch(family: str) -> None:
    types = {"bert": 2, "distilbert": 0, "roberta": 1}[family]
    config = EncoderConfig(family=family, type_vocab_size=types, vocab_size=50, hidden_size=24, num_hidden_layers=2)
    one = build_masked_lm(config, 4)
    other, _ = build_classifier(None, config, "scratch", 4)  # type: ignore[arg-type]  # reads nothing
    for name, tensor in one.encoder.state_dict().items():
        assert torch.equal(tensor, other.encoder.state_dict()[name]), name
    assert one.head.dense.weight.std().item() == pytest.approx(0.02 * 0.88, rel=0.1)  # truncation leaves 0.88
    assert not one.head.bias.any() and not one.head.norm.bias.any() and bool((one.head.norm.weight == 1).all())
