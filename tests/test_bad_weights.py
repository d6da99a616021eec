"""Every broken checkpoint is refused with one line and exit code 4, before any model exists; nothing else comes out."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import build, fetch
from models.errors import CheckpointError, shown
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from models.weights_file import printable
from tests.bad_weights import CONFIG, ROWS, WEIGHTS, split
from tests.running import TINY
from tests.tiny_models import saved, their_model
from tests.torture.compare import contents
from train import session
from train.run import main


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A good checkpoint to break."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "broken")


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a model or an optimizer fails the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("too late: a model or an optimizer is being made")

    monkeypatch.setattr(build, "SequenceClassifier", refuse)
    monkeypatch.setattr(session, "build_optimizer", refuse)


def read(folder: Path) -> None:
    read_tensors(find_checkpoint(str(folder)))


def train(folder: Path, results: Path) -> int:
    """The exit code of a training from this checkpoint."""
    return main(["--init", "pretrained", "--checkpoint", str(folder), *TINY, "--results", str(results), "--study", "s"])


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", ROWS)
def test_refused_by_a_training(name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ROWS[name]
    row.change(folder / row.file)
    before = contents(folder)
    assert train(folder, tmp_path / "results") == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")
    assert err[:-1].isprintable()
    assert row.file in err and folder.name in err
    assert re.search(row.said, err[:-1])
    assert contents(folder) == before
    assert contents(tmp_path / "results") == {}
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("name", ROWS)
def test_told_as_soon_as_it_can_be(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What needs no tensor to be read is told, in every arm, when the checkpoint is found."""
    row = ROWS[name]
    row.change(folder / row.file)
    assert fetch.main([str(folder)]) == (0 if row.late else 4)
    out, err = capsys.readouterr()
    assert bool(out) == row.late and bool(err) != row.late


@pytest.mark.usefixtures("no_model")
def test_a_finished_run_is_not_touched(folder: Path, tmp_path: Path) -> None:
    good = tmp_path / "results" / "s" / "runs" / "pretrained-seed0"
    good.mkdir(parents=True)
    (good / "summary.json").write_text("{}")
    before = contents(tmp_path / "results")
    (folder / WEIGHTS).write_bytes(b"")
    assert train(folder, tmp_path / "results") == 4
    assert contents(tmp_path / "results") == before


def test_other_floats_are_converted_and_logged(folder: Path) -> None:
    """The one row of the catalogue that is no refusal."""
    stored = {"F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
    weights = load_file(folder / WEIGHTS)
    names = [name for name in weights if "layer.1.attention.self" in name and name.endswith("weight")]
    save_file(weights | {n: weights[n].to(t) for n, t in zip(names, stored.values(), strict=True)}, folder / WEIGHTS)
    loaded, report = read_tensors(find_checkpoint(str(folder)))
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    assert sorted(report.converted.values()) == sorted(stored)
    assert all(".layers.1.attention." in ours for ours in report.converted)


def test_truncation_and_bit_flips_raise_nothing_else(folder: Path) -> None:
    path = folder / WEIGHTS
    good = path.read_bytes()
    header_end = len(good) - len(split(good)[1])
    draw = random.Random(0)
    for length in sorted({0, 1, 8, 9, header_end, *(draw.randrange(len(good)) for _ in range(40))}):
        path.write_bytes(good[:length])
        with pytest.raises(CheckpointError, match="not a usable safetensors file"):
            read(folder)
    refused = 0
    for _ in range(300):
        place = draw.randrange(header_end)
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << draw.randrange(8)]) + good[place + 1 :])
        try:
            read(folder)
        except CheckpointError as error:
            refused += 1
            told = str(error).removeprefix(str(path))
            assert told.isascii() and told.isprintable()
    assert refused > 250  # the others change the metadata, or nothing that JSON sees


def test_another_familys_names_for_its_fields(tmp_path: Path) -> None:
    folder = saved(their_model("distilbert", "Model"), tmp_path / "distilbert")
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"hidden_dim": 44}))
    with pytest.raises(CheckpointError, match=r"up\.weight is \[40, 24\], must be \[44, 24\] \(hidden_dim, dim\)"):
        read(folder)


def test_names_are_shown_on_one_short_line() -> None:
    assert printable("a\r\n\x1b]0;\u202e" + "b" * 1000) == "a\\r\\n\\x1b]0;\\u202e" + "b" * 182


def test_an_error_cannot_drive_a_terminal() -> None:
    """Line breaks stay: several findings in a file of data are one error."""
    hostile = "row 1: \x1b[2J\x07\x9b31m\u202e\udcff\r\nrow 2: é 猫"
    assert (
        str(CheckpointError(hostile))
        == shown(hostile)
        == ("row 1: \\x1b[2J\\x07\\x9b31m\\u202e\\udcff\\r\nrow 2: é 猫")
    )
