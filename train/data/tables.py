"""Files to rows: tab or comma separated, JSON lines, parquet. What stands in a row is judged in `readers.py`."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from train.data.findings import Findings, shown

NAMES = {
    "premise": ("premise", "sentence1"),
    "hypothesis": ("hypothesis", "sentence2"),
    "label": ("label", "gold_label"),
    "genre": ("genre", "group"),
}
"""Our column: the names it goes by in MultiNLI's, GLUE's, Kaggle's and the hub's files. Only a genre may be missing."""

_UTF_8 = "UTF-8 (a spreadsheet program writes it as CSV UTF-8)"

Row = tuple[int, Mapping[str, object]]
"""(row, our column -> what stands there)"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a file, read as they are asked for."""

    columns: dict[str, str]
    """Our column: its name in the file."""
    rows: Iterator[Row]
    label_names: tuple[str, ...] = ()
    """What the file itself says that the integers 0, 1, 2 mean; empty where it says nothing."""


def open_table(path: Path, asked: Mapping[str, str], findings: Findings) -> Table:
    """The file's rows, by the kind that its name ends with.

    Args:
        asked: our column -> its name in the file, where the user said so.

    Raises:
        DataError: the file cannot be read, now or while its rows are asked for; the findings have it, too.
    """
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise findings.fatal("unknown kind of file", f"a name that ends in {kind!r}", f"one of {', '.join(_KINDS)}")
    return _KINDS[kind](path, asked, findings)


def decode(path: Path, findings: Findings) -> str:
    r"""The file's text with `\n` as line end: a byte-order mark is accepted, NUL bytes are removed and counted.

    Raises:
        DataError: the file is missing, or not UTF-8; the message gives the byte offset.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise findings.fatal("unreadable file", error.strerror or str(error), "a file that can be read") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise findings.fatal("not UTF-8", "a UTF-16 byte-order mark at byte 0", _UTF_8)
    nuls = data.count(b"\0")
    if nuls > len(data) // 4:  # in UTF-16 every other byte of English text is one
        raise findings.fatal("not UTF-8", f"{nuls} NUL bytes, the first at byte {data.index(0)}, as in UTF-16", _UTF_8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        row = 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise findings.fatal("not UTF-8", found, _UTF_8, row) from None
    if nuls:
        findings.counts["NUL characters removed"] += nuls
    return text.removeprefix("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def find_columns(header: Sequence[str], asked: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Our column -> its name in a header.

    Raises:
        DataError: a needed column is missing, or a name occurs twice.
    """
    twice = [name for name, n in Counter(header).items() if name and n > 1]  # spreadsheets leave empty columns
    if twice:
        raise findings.fatal("column twice", f"column {shown(twice[0])} twice", "each column once", 1)
    columns = {}
    for ours, usual in NAMES.items():
        names = (asked[ours],) if ours in asked else usual
        present = [name for name in names if name in header]
        if present:
            columns[ours] = present[0]
        elif ours != "genre" or ours in asked:
            seen = ", ".join(map(shown, header[:8])) or "nothing"
            raise findings.fatal("column missing", seen, f"a column {' or '.join(names)} (--columns names others)", 1)
    return columns


def _open_separated(
    path: Path, asked: Mapping[str, str], findings: Findings, delimiter: str, quoting: Literal[0, 3]
) -> Table:
    text = decode(path, findings)
    _check_delimiter(text.lstrip("\n").partition("\n")[0], delimiter, findings)
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(_lines(text), delimiter=delimiter, quoting=quoting, strict=True)
    first = next(_records(reader, findings), (1, []))[1]
    header = [name.strip() for name in first]
    if padded := sum(name != bare for name, bare in zip(first, header, strict=True)):
        findings.counts["column names stripped of spaces"] += padded
    columns = find_columns(header, asked, findings)
    places = {ours: header.index(name) for ours, name in columns.items()}
    return Table(columns=columns, rows=_separated_rows(reader, len(header), places, findings))


def _records(reader: Any, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line that it starts on; blank lines and what the csv module refuses are noted."""
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.problem("stray quote", f"a quote out of place ({error})", 'text in "..." with each " doubled', row)
            continue
        if any(cells):  # else a row of nothing but delimiters
            yield row, cells
        else:
            findings.counts["blank lines dropped"] += 1


def _lines(text: str) -> Iterator[str]:
    """The lines, each with its end; `io.StringIO` would hold the text once more, at 4 bytes a character."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _check_delimiter(header: str, delimiter: str, findings: Findings) -> None:
    """Raise a DataError when the header line is one column that falls into several at another delimiter."""
    others = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
    wanted = others.pop(delimiter)
    for other, name in others.items():
        if delimiter not in header and other in header:
            raise findings.fatal("wrong delimiter", f"columns separated by {name}", f"columns separated by {wanted}", 1)


def _separated_rows(reader: Any, width: int, places: Mapping[str, int], findings: Findings) -> Iterator[Row]:
    for row, cells in _records(reader, findings):
        if len(cells) == width:
            yield row, {ours: cells[place] for ours, place in places.items()}
        else:
            kind = "short row" if len(cells) < width else "extra field"
            column = str(min(len(cells), width) + 1)
            findings.problem(kind, f"{len(cells)} fields", f"{width} as in the header", row, column)


def _open_json(path: Path, asked: Mapping[str, str], findings: Findings) -> Table:
    wanted = {*asked.values(), *(name for usual in NAMES.values() for name in usual)}
    keys: dict[str, None] = {}
    rows = []
    for row, value in _json_objects(decode(path, findings), findings):
        keys |= dict.fromkeys(value)
        rows.append((row, {name: value[name] for name in wanted & value.keys()}))  # MultiNLI's parses are large
    columns = find_columns(list(keys), asked, findings)
    named = ((row, {ours: value[name] for ours, name in columns.items() if name in value}) for row, value in rows)
    return Table(columns=columns, rows=named)


def _json_objects(text: str, findings: Findings) -> Iterator[tuple[int, dict[str, object]]]:
    for row, line in enumerate(_lines(text), start=1):
        if not line.strip():
            findings.counts["blank lines dropped"] += 1
            continue
        try:
            value = json.loads(line, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            at = str(error.colno) if isinstance(error, json.JSONDecodeError) else ""
            reason = str(error).partition(": line ")[0]
            findings.problem("not JSON", f"{shown(line)} ({reason})", "one JSON object a line", row, at)
        else:
            if isinstance(value, dict):
                yield row, value
            else:
                findings.problem("not an object", shown(value), "one JSON object a line", row)


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _open_parquet(path: Path, asked: Mapping[str, str], findings: Findings) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            columns = find_columns(schema.names, asked, findings)
            table = file.read(columns=list(columns.values()))
        table.validate(full=True)
    except (OSError, pyarrow.ArrowException) as error:
        reason = shown(str(error), 120)  # it may quote the file's own bytes
        raise findings.fatal("unreadable file", f"no usable parquet ({reason})", "a parquet file") from None
    cells = {ours: table[name].to_pylist() for ours, name in columns.items()}
    rows = (
        (row, dict(zip(cells, values, strict=True)))
        for row, values in enumerate(zip(*cells.values(), strict=True), start=1)
    )
    return Table(columns=columns, rows=rows, label_names=_class_names(schema.metadata or {}, columns["label"]))


def _class_names(metadata: Mapping[bytes, bytes], column: str) -> tuple[str, ...]:
    """The label's names as `datasets` writes them into a parquet file; empty where there are none."""
    try:
        return tuple(json.loads(metadata[b"huggingface"])["info"]["features"][column]["names"])
    except (KeyError, ValueError, TypeError):
        return ()


_KINDS: dict[str, Callable[[Path, Mapping[str, str], Findings], Table]] = {  # in a .tsv or .txt a `"` is text
    ".tsv": partial(_open_separated, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".txt": partial(_open_separated, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".csv": partial(_open_separated, delimiter=",", quoting=csv.QUOTE_MINIMAL),
    ".jsonl": _open_json,
    ".json": _open_json,
    ".parquet": _open_parquet,
}
