"""The catalogue of bad weights: what is done to a good checkpoint's folder, and what the refusal says."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
WORD = "bert.embeddings.word_embeddings.weight"
QUERY = "bert.encoder.layer.1.attention.self.query.weight"

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to be broken."""

    file: str
    """The culprit, which the refusal names."""
    change: Callable[[Path], object]
    """Breaks the file of this path."""
    said: str
    """A regular expression found in the refusal."""
    late: bool = False
    """Whether it takes a run that loads the weights to tell; the others are told once the checkpoint is found."""


def content(change: Callable[[bytes], bytes], said: str, late: bool = False) -> Row:
    """Other bytes in the weights file."""
    return Row(file=WEIGHTS, change=lambda path: path.write_bytes(change(path.read_bytes())), said=said, late=late)


def split(file: bytes) -> tuple[dict[str, Any], bytes]:
    """A weights file's header and the tensors' bytes."""
    length = struct.unpack("<Q", file[:8])[0]
    return json.loads(file[8 : 8 + length]), file[8 + length :]


def joined(header: bytes, tensors: bytes = b"") -> bytes:
    """A weights file of these."""
    return struct.pack("<Q", len(header)) + header + tensors


def header(name: str, said: str, **entry: Any) -> Row:
    """The header says something else of one tensor."""

    def change(file: bytes) -> bytes:
        entries, tensors = split(file)
        entries[name] |= entry
        return joined(json.dumps(entries).encode(), tensors)

    return content(change, said, late=True)


def tensors(change: Callable[[Tensors], object], said: str) -> Row:
    """Well-formed weights of other tensors."""

    def rewrite(path: Path) -> None:
        loaded = load_file(path)
        change(loaded)
        save_file(loaded, path)

    return Row(file=WEIGHTS, change=rewrite, said=said, late=True)


def text(file: str, said: str, late: bool = False, **fields: Any) -> Row:
    """Other fields in one of the JSON files."""

    def rewrite(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")

    return Row(file=file, change=rewrite, said=said, late=late)


def repeated(file: bytes) -> bytes:
    """The word table's entry twice in the header."""
    entries, rest = split(file)
    again = json.dumps({WORD: entries[WORD]}).encode()
    return joined(json.dumps(entries).encode()[:-1] + b"," + again[1:], rest)


def overlapping(file: bytes) -> bytes:
    """Two tensors in one place."""
    entries, rest = split(file)
    entries[WORD]["data_offsets"] = entries[QUERY]["data_offsets"]
    return joined(json.dumps(entries).encode(), rest)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x")


def in_pieces(path: Path) -> None:
    """What a sharded checkpoint has instead."""
    path.rename(path.with_name("model-00001-of-00002.safetensors"))
    path.with_name("model.safetensors.index.json").write_text('{"weight_map": {}}')


class Bomb:
    """A pickle that leaves a trace when it is read."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return Path.touch, (Path("unpickled"),)  # type: ignore[return-value]


ENTRY = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n"

ROWS: dict[str, Row] = {
    "empty": content(lambda _: b"", "0 bytes"),
    "shorter than 8 bytes": content(lambda good: good[:7], "7 bytes"),
    "truncated in the header": content(lambda good: good[:500], "cut short"),
    "truncated in the tensors": content(lambda good: good[:-1], "cut short"),
    "trailing bytes": content(lambda good: good + b"\0", "bytes at its end that belong to nothing"),
    "header length 2^63": content(lambda good: struct.pack("<Q", 2**63) + good[8:], "claims 9,223,372,036,854,775,808"),
    "header over 100 MB": content(lambda good: struct.pack("<Q", 100_000_001) + good[8:], "above the format's limit"),
    "header beyond the file": content(lambda good: struct.pack("<Q", len(good)) + good[8:], "cut short"),
    "bad UTF-8": content(lambda _: joined(b'{"\xff":1}'), "utf-8"),
    "bad JSON": content(lambda _: joined(b'{"a":'), "Expecting value"),
    "JSON nested 100,000 deep": content(lambda _: joined(b"[" * 100_000), "recursion"),
    "a list for a header": content(lambda _: joined(b"[]"), "not a JSON object"),
    "no tensors": content(lambda _: joined(b"{}"), "no tensor"),
    "overlapping offsets": content(overlapping, "invalid", late=True),
    "negative offset": content(lambda _: joined(ENTRY + b"[-4,0]}}"), "-4", late=True),
    "offset that is no number": content(lambda _: joined(ENTRY + b'["0",4]}}'), "without a place"),
    "size mismatch": content(lambda _: joined(ENTRY + b"[0,8]}}", bytes(8)), "invalid shape", late=True),
    "shape too large for any memory": header(WORD, "overflow", shape=[2**40, 2**40]),
    "unknown type": header(WORD, "unknown variant", dtype="Q9"),
    "duplicate key": content(repeated, f"names {WORD} more than once"),
    "a pickle": content(lambda _: pickle.dumps(Bomb()), "a Python pickle"),
    "a zip archive": Row(file=WEIGHTS, change=zipped, said="a zip archive"),
    "a gzip archive": content(lambda good: gzip.compress(good, mtime=0), "a gzip archive"),
    "an HTML page": content(lambda _: b"\n<!DOCTYPE html><html>Not found</html>", "an HTML or XML page"),
    "a git-LFS pointer": content(lambda _: LFS, "a git-LFS pointer.*git lfs pull"),
    "NaN": tensors(lambda t: t[QUERY].view(-1)[3].fill_(float("nan")), r"NaN or infinity in encoder\.layers\.1\.att"),
    "infinity": tensors(lambda t: t[WORD].view(-1)[-1].fill_(float("inf")), r"NaN or infinity in encoder\.embeddings"),
    "float64 beyond float32": tensors(
        lambda t: t.update({WORD: t[WORD].double() * 1e300}), r"NaN or infinity in encoder\.embeddings\.word"
    ),
    "integers": tensors(lambda t: t.update({WORD: t[WORD].int()}), r"F16, BF16: encoder\.embeddings\.word\.weight"),
    "missing tensor": tensors(lambda t: t.pop(QUERY), r"needs: encoder\.layers\.1\.attention\.query\.weight$"),
    "half a pooler": tensors(lambda t: t.pop("bert.pooler.dense.bias"), r"without tensors .* needs: pooler\.bias$"),
    "extra tensor": tensors(lambda t: t.update({"adapter.down": torch.zeros(1)}), r"does not have: adapter\.down$"),
    "many extra tensors": tensors(
        lambda t: t.update({f"extra.{i:02}": torch.zeros(1) for i in range(13)}),
        r"extra\.00, .*extra\.09 and 3 more$",
    ),
    "name with control characters": tensors(
        lambda t: t.update({"\x1b[31m\nred": torch.zeros(1)}), r"have: \\x1b\[31m\\nred$"
    ),
    "layer number with a zero": tensors(
        lambda t: t.update({QUERY.replace("1", "01"): t.pop(QUERY)}), r"does not have: bert\.encoder\.layer\.01\."
    ),
    "one layer too many": tensors(
        lambda t: t.update({QUERY.replace("1", "2"): t[QUERY].clone()}),
        r"num_hidden_layers 2 does not have: bert\.encoder\.layer\.2\.",
    ),
    "a tensor under two names": tensors(
        lambda t: t.update({WORD.removeprefix("bert."): t[WORD].clone()}), "another name as well"
    ),
    "wrong hidden size": text(
        CONFIG, r"is \[\d+, 16\], must be \[\d+, 8\] \(vocab_size, hidden_size\)", late=True, hidden_size=8
    ),
    "wrong vocabulary size": tensors(
        lambda t: t.update({WORD: t[WORD][:50].clone()}),
        r"word\.weight is \[50, 16\], must be \[\d+, 16\] \(vocab_size, hidden_size\)",
    ),
    "transposed": tensors(
        lambda t: t.update({WORD: t[WORD].T.contiguous()}), r"\(vocab_size, hidden_size\), transposed"
    ),
    "one dimension": tensors(lambda t: t.update({WORD: t[WORD].flatten()}), r"is \[\d+\], must be \[\d+, 16\]"),
    "another family's weights": tensors(
        lambda t: [t.update({n.replace("bert.encoder", "distilbert.transformer"): t.pop(n)}) for n in list(t)],
        r"a bert encoder with num_hidden_layers 2 does not have: distilbert\.transformer\.",
    ),
    "a sharded index": Row(file=WEIGHTS, change=in_pieces, said="split into several files, which is not supported"),
    "config with absurd sizes": text(CONFIG, "hidden_size is 1000000000000, must be", hidden_size=10**12),
    "config with auto_map": text(CONFIG, "auto_map asks to run code", auto_map={"AutoModel": "evil.Model"}),
    "config of another architecture": text(CONFIG, "model_type is 'deberta', must be one of", model_type="deberta"),
    "config with another activation": text(CONFIG, "hidden_act is 'relu', must be 'gelu'", hidden_act="relu"),
    "config without a field": text(CONFIG, "hidden_size is missing", hidden_size=None),
    "config that is not JSON": Row(file=CONFIG, change=lambda path: path.write_text("{"), said="not JSON"),
    "no config": Row(file=CONFIG, change=Path.unlink, said="a checkpoint needs its config.json"),
    "no weights": Row(file=WEIGHTS, change=Path.unlink, said="no model.safetensors"),
    "no tokenizer": Row(file=TOKENIZER, change=Path.unlink, said="without which no sentence can be", late=True),
    "tokenizer with ids beyond the vocabulary": text(
        TOKENIZER,
        r"gives ids up to 1000000, but config\.json's vocab_size is \d+$",
        post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 1_000_000]},
    ),
    "tokenizer with unknown components": text(TOKENIZER, r"not a usable tokenizer\.json", model={"type": "Oracle"}),
    "tokenizer that is not JSON": Row(file=TOKENIZER, change=lambda path: path.write_text("<"), said="not a usable"),
}
