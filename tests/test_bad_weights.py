"""Every broken checkpoint is refused with one line and exit code 4, before any model exists; nothing else comes out."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import FAMILIES, saved, their_model

from models import fetch
from models.errors import CheckpointError
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from models.weights_file import printable

QUERY = "encoder.layer.1.attention.self.query.weight"
WORD = "embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good checkpoint of each family."""
    return {family: saved(their_model(family, "Model"), tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.fixture
def folder(originals: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of BERT's to break."""
    return shutil.copytree(originals["bert"], tmp_path / "broken")


def read(folder: Path) -> None:
    read_tensors(find_checkpoint(str(folder)))


def assert_refused(folder: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        read(folder)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def with_header(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """The file with its JSON header edited in place and its length put right."""

    def rebuild(good: bytes) -> bytes:
        length = struct.unpack("<Q", good[:8])[0]
        entries = json.loads(good[8 : 8 + length])
        header = json.dumps(change(entries) or entries).encode()
        return struct.pack("<Q", len(header)) + header + good[8 + length :]

    return rebuild


def raw_header(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return path.read_bytes()


def repeated(good: bytes) -> bytes:
    """The word table's entry twice in the header."""
    length = struct.unpack("<Q", good[:8])[0]
    header = good[8 : 8 + length].rstrip()
    entry = json.dumps({WORD: json.loads(header)[WORD]}).encode()[1:-1]
    return raw_header(header[:-1] + b"," + entry + b"}") + good[8 + length :]


ENTRY = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":'
FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "0 bytes"),
    "seven bytes": (lambda good: good[:7], "7 bytes"),
    "cut in the header": (lambda good: good[:500], "cut short"),
    "cut in the tensors": (lambda good: good[:-1], "cut short"),
    "trailing byte": (lambda good: good + b"\0", "belong to nothing"),
    "header of 2^63 bytes": (lambda good: struct.pack("<Q", 2**63) + good[8:], "9,223,372,036,854,775,808 bytes"),
    "header over 100 MB": (lambda good: struct.pack("<Q", 100_000_001) + good[8:], "above the format's limit"),
    "header beyond the file": (lambda good: struct.pack("<Q", len(good)) + good[8:], "cut short"),
    "bad UTF-8": (lambda _: raw_header(b'{"\xff":1}'), "utf-8"),
    "bad JSON": (lambda _: raw_header(b'{"a":'), "Expecting value"),
    "deep JSON": (lambda _: raw_header(b"[" * 100_000), "recursion"),
    "a list": (lambda _: raw_header(b"[]"), "not a JSON object"),
    "no tensors": (lambda _: raw_header(b"{}"), "no tensor"),
    "negative offset": (lambda _: raw_header(ENTRY + b"[-4,0]}}"), "-4"),
    "offset that is no number": (lambda _: raw_header(ENTRY + b'["0",4]}}'), "without a place"),
    "size unlike shape": (lambda _: raw_header(ENTRY + b"[0,8]}}") + bytes(8), "invalid shape"),
    "overlap": (with_header(lambda h: h[WORD].update(data_offsets=h[QUERY]["data_offsets"])), "invalid"),
    "huge shape": (with_header(lambda h: h[WORD].update(shape=[2**40, 2**40])), "overflow"),
    "unknown type": (with_header(lambda h: h[WORD].update(dtype="Q9")), "unknown variant"),
    "name twice": (repeated, f"names {WORD} more than once"),
    "pickle": (lambda _: pickle.dumps({"weight": [1.0]}), "a Python pickle"),
    "gzip": (lambda good: gzip.compress(good, mtime=0), "a gzip archive"),
    "HTML": (lambda _: b"\n<!DOCTYPE html><html>Not found</html>", "an HTML or XML page"),
    "git-LFS pointer": (
        lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n",
        "a git-LFS pointer.*git lfs pull",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_broken_file(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, message = FILES[case]
    path = folder / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    assert_refused(folder, message)
    if case not in ("size unlike shape", "overlap", "huge shape", "unknown type", "negative offset"):
        assert fetch.main([str(folder)]) == 4  # told before torch is even imported
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1


def test_zip_archive(folder: Path) -> None:
    zipped(folder / "model.safetensors")
    assert_refused(folder, "a zip archive")


def test_truncation_and_bit_flips_raise_nothing_else(folder: Path) -> None:
    path = folder / "model.safetensors"
    good = path.read_bytes()
    header_end = 8 + struct.unpack("<Q", good[:8])[0]
    draw = random.Random(0)
    for length in sorted({0, 1, 8, 9, header_end, *(draw.randrange(len(good)) for _ in range(40))}):
        path.write_bytes(good[:length])
        assert_refused(folder, "not a usable safetensors file")
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


Change = Callable[[dict[str, torch.Tensor]], object]
TENSORS: dict[str, tuple[Change, str]] = {
    "NaN": (
        lambda t: t[QUERY].view(-1)[3].fill_(float("nan")),
        r"NaN or infinity in encoder\.layers\.1\.attention\.query",
    ),
    "infinity": (lambda t: t[WORD].view(-1)[-1].fill_(float("inf")), "NaN or infinity in encoder.embeddings.word"),
    "float64 too large": (
        lambda t: t.update({WORD: t[WORD].double() * 1e300}),
        "NaN or infinity in encoder.embeddings.word",
    ),
    "integers": (lambda t: t.update({WORD: t[WORD].int()}), r"F16, BF16: encoder\.embeddings\.word\.weight \(I32\)"),
    "missing": (lambda t: t.pop(QUERY), r"without tensors .* needs: encoder\.layers\.1\.attention\.query\.weight$"),
    "half a pooler": (lambda t: t.pop("pooler.dense.bias"), r"without tensors .* needs: pooler\.bias$"),
    "unknown": (lambda t: t.update({"adapter.down": torch.zeros(1)}), r"does not have: adapter\.down$"),
    "many unknown": (
        lambda t: t.update({f"extra.{i:02}": torch.zeros(1) for i in range(13)}),
        r"extra\.00, .*extra\.09 and 3 more$",
    ),
    "control characters": (lambda t: t.update({"\x1b[31m\nred": torch.zeros(1)}), r"have: \\x1b\[31m\\nred$"),
    "layer number with a zero": (
        lambda t: t.update({QUERY.replace("1", "01"): t.pop(QUERY)}),
        r"does not have: encoder\.layer\.01\.",
    ),
    "one layer too many": (
        lambda t: t.update({QUERY.replace("1", "3"): t[QUERY].clone()}),
        r"num_hidden_layers 3 does not have: encoder\.layer\.3\.",
    ),
    "two prefixes": (lambda t: t.update({"bert." + WORD: t[WORD].clone()}), "another name as well"),
    "vocabulary": (
        lambda t: t.update({WORD: t[WORD][:50].clone()}),
        r"word\.weight is \[50, 24\], must be \[60, 24\] \(vocab_size, hidden_size\)",
    ),
    "transposed": (
        lambda t: t.update({WORD: t[WORD].T.contiguous()}),
        r"is \[24, 60\], must be \[60, 24\] \(vocab_size, hidden_size\), transposed",
    ),
    "one dimension": (lambda t: t.update({WORD: t[WORD].flatten()}), r"is \[1440\], must be \[60, 24\]"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_wrong_tensors(case: str, folder: Path) -> None:
    change, message = TENSORS[case]
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    assert_refused(folder, message)


def test_wrong_hidden_size_names_the_field(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["distilbert"], tmp_path / "broken")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_dim": 44}))
    assert_refused(folder, r"feed_forward\.up\.weight is \[40, 24\], must be \[44, 24\] \(hidden_dim, dim\)")


def test_another_familys_weights(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["bert"], tmp_path / "broken")
    shutil.copy(originals["distilbert"] / "config.json", folder)
    assert_refused(folder, "a distilbert encoder with num_hidden_layers 3 does not have: .* more$")


def test_names_are_shown_on_one_short_line() -> None:
    assert printable("a\r\n\x1b]0;\u202e" + "b" * 1000) == "a\\r\\n\\x1b]0;\\u202e" + "b" * 182
