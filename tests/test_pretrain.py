"""Masked-language-model training from the command to the arm that uses its weights."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.errors import CheckpointError, DataError, python
from models.files import sha256_of
from tests.running import metrics, record, train
from tests.tiny import save_tiny_checkpoint
from train import loop
from train.cli import parse_run
from train.data.controlled import load_controlled
from train.data.sentences import load_corpus, unique_sentences
from train.optim import clear_gradients
from train.precision import choose_precision
from train.pretrain.cli import parse_pretrain
from train.pretrain.command import main
from train.pretrain.masking import MaskedSentences
from train.pretrain.session import gather, prepare, pretrain
from train.records import RunDirectory

DATA = ("--train-examples", "96", "--validation-examples", "48", "--max-tokens", "64")  # as tests.running.TINY has it
SHORT = ("--epochs", "3", "--batch-size", "16", "--threads", "1", "--precision", "float32", "--learning-rate", "0.01")
ARMS = ("scratch", "pretrained", "embeddings", "shuffled", "bottom-1", "mlm")


def make(folder: Path, checkpoint: Path, *flags: str, data: Sequence[str] = DATA) -> Path:
    """The run directory of a finished tiny training."""
    pretrain(parse_pretrain(["--checkpoint", str(checkpoint), *data, *SHORT, "--out", str(folder), *flags]))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    return make(tmp_path_factory.mktemp("mlm") / "made", tiny_checkpoint)


def test_it_learns_and_its_records_say_so(made: Path) -> None:
    vocabulary = record(made, "config")["encoder"]["vocab_size"]
    evaluations = [line for line in metrics(made, "evaluation") if line["split"] == "validation"]
    assert [line["step"] for line in evaluations] == [0, 5, 10, 15, 15]
    assert evaluations[0]["loss"] > math.log(vocabulary) > evaluations[-1]["loss"], "a uniform guess is in between"
    steps = metrics(made, "train")
    assert [line["step"] for line in steps] == list(range(1, 16))
    assert record(made, "data")["splits"]["train"]["sentences"] * 3 == steps[-1]["examples_seen"]
    assert record(made, "load_report")["loaded"] == [] and len(record(made, "load_report")["fresh"]) == 42
    summary = record(made, "summary")
    assert summary["evaluations"]["after"]["validation"]["loss"] == evaluations[-1]["loss"]
    assert summary["export_sha256"] == sha256_of(made / "export" / "model.safetensors")
    assert not (made / "checkpoints").exists()


def test_sentences_are_those_of_the_training_pairs(made: Path, tiny_checkpoint: Path) -> None:
    request = parse_pretrain(["--checkpoint", str(tiny_checkpoint), *DATA])
    corpus = load_corpus(request.config.data, 0, None)
    splits = load_controlled()
    assert set(corpus.train) == {text for e in splits["train"][:96] for text in (e.premise, e.hypothesis)}
    assert len(corpus.train) == len(set(corpus.train)) == record(made, "data")["splits"]["train"]["sentences"]
    others = unique_sentences(e for name, split in splits.items() if name != "train" for e in split)
    assert not set(corpus.train) & set(others)


def test_the_gradient_is_that_of_the_mean_over_all_masked_tokens(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """However a batch is cut: sentences with more masked tokens weigh more."""
    plain = [f"--set=dropout.{name}=0.0" for name in ("hidden", "attention")]
    request = parse_pretrain(["--checkpoint", str(tiny_checkpoint), *DATA, *plain])
    precision = choose_precision("float32", torch.device("cpu"))
    job = prepare(request.config, gather(request), RunDirectory.create(tmp_path / "job"), precision)
    job.model.double()
    indices = sorted(range(40), key=job.train.counts.__getitem__)
    assert job.train.counts[indices[0]] < job.train.counts[indices[-1]]
    found = []
    for cut in ([indices[:30], indices[30:37], indices[37:]], [indices]):
        clear_gradients(job.model)
        loss, _ = loop.accumulate(job, cut)
        found.append([loss, *(p.grad.clone() for p in job.model.parameters() if p.grad is not None)])
    logits, targets = job.train.logits(job.model, indices, precision.device)
    by_hand = -logits.log_softmax(1)[torch.arange(len(targets)), targets].mean()
    assert found[1][0].item() == pytest.approx(by_hand.item(), abs=1e-6)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 if one.dim() == 0 else 1e-12)


def test_every_epoch_has_its_own_masks(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[int, set[bytes]] = {}
    usual = MaskedSentences.logits

    def spy(masked, model, indices, device):
        if model.training:
            shown.setdefault(indices[0], set()).add(masked.shown_S.numpy().tobytes())
        return usual(masked, model, indices, device)

    monkeypatch.setattr(MaskedSentences, "logits", spy)
    make(tmp_path / "run", tiny_checkpoint, "--batch-size", "1")
    assert len(shown) == 65 and {len(masks) for masks in shown.values()} == {3}


def test_a_killed_training_goes_on_exactly(
    made: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in its second epoch, whose masks are not the first's."""
    usual = loop.train_step

    def step(job, state, batches):
        if state.step == 8:
            raise KeyboardInterrupt
        usual(job, state, batches)

    monkeypatch.setattr(loop, "train_step", step)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut", tiny_checkpoint, "--set", "save.every_steps=7")
    monkeypatch.undo()
    request = parse_pretrain(["--resume", str(tmp_path / "cut"), "--checkpoint", str(tiny_checkpoint)])
    pretrain(request)
    assert (tmp_path / "cut" / "export" / "model.safetensors").read_bytes() == (
        made / "export" / "model.safetensors"
    ).read_bytes()
    assert metrics(tmp_path / "cut") == metrics(made)
    assert request.resume_command.startswith(f"{python()} -m train.pretrain --resume ")


def test_all_arms_share_head_batches_and_data_and_the_mlm_arm_has_these_weights(
    made: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    flags = ("--mlm", str(made), "--max-steps", "1")
    runs = {init: train(tmp_path, tiny_checkpoint, "--init", init, *flags, name=init) for init in ARMS}
    certificates = [record(run, "certificate") for run in runs.values()]
    assert all(certificate == certificates[0] for certificate in certificates)
    assert {"head_sha256", "batch_order_sha256"} < set(certificates[0])
    weights = {init: record(run, "environment")["weights_sha256"] for init, run in runs.items()}
    assert weights.pop("scratch") is None
    assert weights.pop("mlm") == record(made, "summary")["export_sha256"]
    assert set(weights.values()) == {sha256_of(tiny_checkpoint / "model.safetensors")}
    assert record(runs["mlm"], "config")["mlm"] == made.name
    before, after = (load_file(folder / "export" / "model.safetensors") for folder in (made, runs["mlm"]))
    name = "bert.encoder.layer.0.attention.self.query.weight"  # the only update had rate 0
    assert torch.equal(before[name], after[name])


def test_missing_weights_name_the_command_that_makes_them(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as error:
        train(tmp_path, tiny_checkpoint, "--init", "mlm", name="missing")
    assert error.value.exit_code == 4 and "\n" not in str(error.value)
    assert not (tmp_path / "s").exists()
    words = shlex.split(str(error.value).split("make them with: ")[1])
    assert words[1:3] == ["-m", "train.pretrain"]
    pretrain(parse_pretrain([*words[3:], *SHORT]))
    assert (tmp_path / "results" / "mlm" / "controlled-96" / "summary.json").exists()
    train(tmp_path, tiny_checkpoint, "--init", "mlm", "--max-steps", "1", name="now")
    with pytest.raises(CheckpointError, match="was trained on other pairs than this run's; make them with: "):
        train(tmp_path, tiny_checkpoint, "--init", "mlm", "--validation-examples", "49", "--set", "data.sample=seeded")
    with pytest.raises(CheckpointError, match=r"elsewhere: no masked.* --out elsewhere$"):
        train(tmp_path, tiny_checkpoint, "--init", "mlm", "--mlm", "elsewhere")


def test_records_without_weights_name_the_commands_that_make_and_take_others(
    made: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a clone: the records are committed, the weights are not."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "results" / "mlm" / "controlled-96", ignore=shutil.ignore_patterns("export"))
    with pytest.raises(CheckpointError, match="has the records of its weights, and not the weights") as error:
        train(tmp_path, tiny_checkpoint, "--init", "mlm", name="missing")
    make, take = str(error.value).split("make them again with: ")[1].split("; then name them: ")
    assert take == "--mlm FOLDER, or mlm in a study's file"
    pretrain(parse_pretrain(shlex.split(make)[3:]))
    weights = (place / "export" / "model.safetensors" for place in (made, tmp_path / "FOLDER"))
    assert len({path.read_bytes() for path in weights}) == 1
    train(tmp_path, tiny_checkpoint, "--init", "mlm", "--mlm", "FOLDER", "--max-steps", "1", name="now")


def test_weights_of_another_encoder_or_vocabulary_are_refused(made: Path, tmp_path: Path) -> None:
    wide = save_tiny_checkpoint(tmp_path / "wide", hidden_size=24)
    with pytest.raises(CheckpointError, match="another encoder: hidden_size is 16, must be 24"):
        train(tmp_path, wide, "--init", "mlm", "--mlm", str(made))
    renamed = save_tiny_checkpoint(tmp_path / "renamed")
    tokenizer = renamed / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8").replace('"lowercase": true', '"lowercase": false'))
    assert '"lowercase": false' in tokenizer.read_text(encoding="utf-8")
    with pytest.raises(CheckpointError, match="has another tokenizer than renamed"):
        train(tmp_path, renamed, "--init", "mlm", "--mlm", str(made))


def test_a_text_file_in_place_of_the_pairs(tmp_path: Path, tiny_checkpoint: Path) -> None:
    texts = unique_sentences(load_controlled()["train"])[:60]
    path = tmp_path / "lines.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*texts, "", "  ", texts[3]]).encode() + b"\n")
    request = parse_pretrain(["--text", str(path)])
    assert request.directory == Path("results/mlm/lines")
    corpus = load_corpus(replace(request.config.data, validation_examples=10), 0, path)
    assert len(corpus.validation) == 10 and not set(corpus.train) & set(corpus.validation)
    assert sorted(corpus.train + corpus.validation) == sorted(texts)
    run = make(
        tmp_path / "out",
        tiny_checkpoint,
        "--text",
        str(path),
        data=(*DATA[:2], "--validation-examples", "10", *DATA[4:]),
    )
    assert record(run, "data")["name"] == "lines.txt"
    assert record(run, "data")["counts"] == {"repeated lines dropped": 1}
    assert list(record(run, "certificate")["data_sha256"]) == ["text"]
    assert str(tmp_path) not in "".join(p.read_text(encoding="utf-8") for p in run.glob("*.json*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\ntwo\n", "0 sentences to train and 2 to validate"),
        (b"caf\xe9\n", "row 1: found 0xe9 at byte 3, expected UTF-8"),
        (b"", "0 sentences"),
    ],
)
def test_unusable_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_corpus(parse_pretrain([]).config.data, 0, path)


def test_the_command_line_makes_weights_and_says_what_comes_next(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--checkpoint", str(tiny_checkpoint), *DATA, *SHORT, "--max-steps", "2"]
    assert main(flags) == 0
    words = shlex.split(capsys.readouterr().out.split("Next: ")[1])
    assert words[1:3] == ["-m", "train.run"]
    assert parse_run(words[3:]).config.mlm_folder.resolve() == tmp_path / "results" / "mlm" / "controlled-96"
    assert main(flags) == 2
    assert "already holds a finished run: choose another --out, or remove it\n" in capsys.readouterr().err
