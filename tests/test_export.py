"""What is exported opens in transformers and here, with the same numbers, whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor
from torch.testing import assert_close

from models import export
from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from models.errors import CheckpointError
from models.export import export_checkpoint
from models.hub_config import read_labels
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from tests.few_words import byte_pairs, word_pieces
from tests.tiny_models import FAMILIES, our_model, ragged_inputs, saved, their_model

LABELS = ("entailment", "contradiction", "neutral")
SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")


@pytest.fixture(params=FAMILIES)
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SequenceClassifier, Path, Tokenizer]:
    """A classifier of ours with its own head, its export, and the tokenizer that went in with padding baked in."""
    model = our_model(saved(their_model(request.param, "Model"), tmp_path / "base")).float()
    with torch.no_grad():
        for part in (model.head, model.pooler or model.head):
            for parameter in part.parameters():
                parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(3))
    tokenizer = byte_pairs() if request.param == "roberta" else word_pieces()
    baked = Tokenizer.from_str(tokenizer.to_str())
    baked.enable_padding(length=16)
    baked.enable_truncation(8)
    baked.save(str(tmp_path / "tokenizer.json"))
    export_checkpoint(model, tmp_path / "export", LABELS, tmp_path / "tokenizer.json")
    return model, tmp_path / "export", tokenizer


def test_export_opens_in_transformers(exported: tuple[SequenceClassifier, Path, Tokenizer]) -> None:
    ours, folder, tokenizer = exported
    theirs, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager"
    )
    assert not any(loading.values()), loading
    assert theirs.config.id2label == dict(enumerate(LABELS))
    assert theirs.config.label2id == {label: i for i, label in enumerate(LABELS)}
    inputs = ragged_inputs(ours.config.family)
    with torch.no_grad():
        assert_close(ours.double()(**inputs), theirs.eval().double()(**inputs).logits, rtol=0, atol=1e-10)
    written = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert written.padding is None and written.truncation is None
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert len(their_tokenizer) == tokenizer.get_vocab_size()
    assert (
        their_tokenizer.model_max_length
        == ours.config.max_tokens
        == theirs.config.max_position_embeddings - (2 if ours.config.family == "roberta" else 0)
    )
    special = ("<s>", "</s>", "<pad>", "<unk>", "<mask>") if ours.config.family == "roberta" else SPECIAL
    roles = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token")
    assert tuple(getattr(their_tokenizer, role) for role in roles) == special
    assert their_tokenizer.convert_tokens_to_ids(special) == [tokenizer.token_to_id(token) for token in special]
    assert their_tokenizer.is_fast and their_tokenizer.pad_token_id == theirs.config.pad_token_id
    for pair in (("The cat sat on the mats.", "the mat sat not"), ("a" * 3, "?"), ("cat " * 12, "Ünknown cat.")):
        encoding = tokenizer.encode(*pair)
        theirs_encoded = their_tokenizer(*pair)
        assert theirs_encoded["input_ids"] == encoding.ids
        assert ("token_type_ids" in theirs_encoded) == (ours.config.family == "bert")
        theirs(**their_tokenizer(*pair, truncation=True, return_tensors="pt"))
    batch = their_tokenizer(["cat", "the cat sat"], padding=True)
    assert batch["attention_mask"][0][-1] == 0 and batch["input_ids"][0][-1] == ours.config.pad_token_id


def test_export_comes_back_unchanged(exported: tuple[SequenceClassifier, Path, Tokenizer]) -> None:
    ours, folder, _ = exported
    checkpoint = find_checkpoint(str(folder))
    assert checkpoint.config == ours.config
    assert read_labels(folder / "config.json") == LABELS
    tensors, report = read_tensors(checkpoint, with_head=True)
    assert report.fresh == [] and report.ignored == {} and report.converted == {}
    assert hash_of(tensors) == hash_of(ours.state_dict())
    again = SequenceClassifier(checkpoint.config, 3)
    copy_tensors_(again, tensors)
    export_checkpoint(again, folder, LABELS, checkpoint.tokenizer)
    assert find_checkpoint(str(folder)).weights_sha256 == checkpoint.weights_sha256
    assert [path.name for path in folder.parent.iterdir() if "tmp" in path.name] == []


def hash_of(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().numpy().tobytes())
    return digest.hexdigest()


def test_a_failed_export_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = our_model(saved(their_model("bert"), tmp_path / "base"))
    export_checkpoint(model, tmp_path / "export", LABELS, None)
    before = {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()}

    def full_disk(_: dict[str, Tensor], path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "save_file", full_disk)
    with pytest.raises(CheckpointError, match=r"cannot be written .*No space left"):
        export_checkpoint(model, tmp_path / "export", LABELS, None)
    assert {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "export"]


def test_export_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    model = our_model(saved(their_model("bert"), tmp_path / "base"))
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "precious").write_text("mine")
    (tmp_path / "export").symlink_to(tmp_path / "target", target_is_directory=True)
    export_checkpoint(model, tmp_path / "export", LABELS, None)
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["precious"]
    assert not (tmp_path / "export").is_symlink()


@pytest.mark.parametrize("labels", [LABELS[:2], (*LABELS, "other"), ("same", "same", "other")])
def test_export_wants_one_label_per_logit(labels: tuple[str, ...], tmp_path: Path) -> None:
    model = our_model(saved(their_model("bert"), tmp_path / "base"))
    with pytest.raises(ValueError, match="labels"):
        export_checkpoint(model, tmp_path / "export", labels, None)
    assert not (tmp_path / "export").exists()
