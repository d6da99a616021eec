"""Readers: a file or a hub's data set in, examples with labels by name out. Bad input: a DataError that says where."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import DataError
from train.data.pairs import LABELS, Example

UNLABELLED = ("-", "-1")
"""What MultiNLI and GLUE write where annotators found no majority."""

HUB_NAME = "nyu-mll/multi_nli"
HUB_LABELS = ("entailment", "neutral", "contradiction")
"""Meaning of the integers 0, 1, 2 in MultiNLI on the hub. Source: its dataset card."""

_NAMES = {  # our column: the names it goes by in files
    "premise": ("premise", "sentence1"),
    "hypothesis": ("hypothesis", "sentence2"),
    "label": ("label", "gold_label"),
    "group": ("genre", "group"),
}
_SHOWN = 10


@dataclass
class Findings:
    """What a reader met in one source: counts of what it dropped or mended, and the problems that forbid its use."""

    source: str
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def problem(self, row: int, column: str, message: str) -> None:
        """Note a defect at a row of the file (the header is row 1)."""
        self.problems.append(f"{self.source}, row {row}, column {column}: {message}")

    def check(self, usable: int) -> None:
        """Raise a DataError when the source has problems or no usable pair."""
        if self.problems:
            more = len(self.problems) - _SHOWN
            shown = self.problems[:_SHOWN] + ([f"... and {more} more problems"] if more > 0 else [])
            raise DataError("\n".join(shown))
        if not usable:
            dropped = ", ".join(f"{n} {what}" for what, n in sorted(self.counts.items())) or "no rows"
            raise DataError(f"{self.source}: no usable pair in it ({dropped})")


def read_tsv(path: Path, findings: Findings) -> list[Example]:
    """Pairs of a tab-separated UTF-8 file with one header line and no quoting (a `"` is text).

    Needs columns sentence1 or premise, sentence2 or hypothesis, label or gold_label; takes genre where there is one.
    Rows labelled `-` or `-1`, and rows with an empty sentence, are dropped and counted.

    Raises:
        DataError: the file cannot be read as such; it names file, row and column of the first ten defects.
    """
    lines = decode(path, findings).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    header = [name.strip() for name in next(rows, [])]
    places = find_columns(header, findings.source)
    examples = list(_examples(rows, header, places, path.stem, findings))
    findings.check(len(examples))
    return examples


def decode(path: Path, findings: Findings) -> str:
    """The file's text: a byte-order mark is accepted, NUL bytes are removed and counted.

    Raises:
        DataError: the file is missing, or not UTF-8; the message gives the byte offset.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{findings.source}: {error.strerror or error}") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{findings.source}: starts with a UTF-16 byte-order mark at byte 0; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{findings.source}: byte {error.start} is not UTF-8 (0x{data[error.start]:02x}); save the file as UTF-8"
        ) from None
    if "\0" in text:
        findings.counts["NUL bytes removed"] += text.count("\0")
    return text.replace("\0", "")


def find_columns(header: Sequence[str], source: str) -> dict[str, int]:
    """Where our columns stand in a header.

    Raises:
        DataError: a needed column is missing, or a name occurs twice.
    """
    twice = sorted(name for name, n in Counter(header).items() if n > 1)
    if twice:
        raise DataError(f"{source}, row 1: column {twice[0]!r} occurs twice")
    places = {}
    for ours, names in _NAMES.items():
        found = [header.index(name) for name in names if name in header]
        if found:
            places[ours] = found[0]
        elif ours != "group":
            shown = ", ".join(header[:8]) or "nothing"
            raise DataError(f"{source}, row 1: no column {' or '.join(names)}; found {shown}")
    return places


def _examples(
    rows: Iterator[list[str]], header: list[str], places: dict[str, int], stem: str, findings: Findings
) -> Iterator[Example]:
    for number, cells in enumerate(rows, start=2):
        if len(cells) != len(header):
            findings.problem(number, "1", f"{len(cells)} fields where the header has {len(header)}")
            continue
        values = {ours: cells[place].strip() for ours, place in places.items()}
        example = to_example(values, f"{stem}-{number}", number, findings)
        if example:
            yield example


def to_example(values: Mapping[str, str], id: str, row: int, findings: Findings) -> Example | None:
    """One checked example, or None when the row is dropped (counted) or defective (noted)."""
    label = values["label"]
    if label in UNLABELLED:
        findings.counts["unlabelled pairs dropped"] += 1
        return None
    if label not in LABELS:
        findings.problem(row, "label", f"{label[:40]!r} is not one of {', '.join(LABELS)}")
        return None
    if not values["premise"] or not values["hypothesis"]:
        findings.counts["pairs with an empty sentence dropped"] += 1
        return None
    return Example(
        id=id,
        premise=values["premise"],
        hypothesis=values["hypothesis"],
        label=label,
        group=values.get("group", ""),
    )


def read_hub(split: str, findings: Findings) -> list[Example]:
    """Pairs of MultiNLI from the Hugging Face hub, downloaded once with a progress bar (some 75 MB).

    Raises:
        DataError: the hub cannot be reached and nothing is cached.
    """
    from datasets import load_dataset

    try:
        rows = load_dataset(HUB_NAME, split=split)
    except Exception as error:  # many kinds: network, offline mode, hub
        raise DataError(
            f"{HUB_NAME}: {type(error).__name__} while fetching it from the hub; "
            "give a folder with train.tsv and dev_matched.tsv as --data DIR or in MNLI_DIR"
        ) from None
    examples = []
    for number, row in enumerate(rows):
        label = "-" if row["label"] == -1 else HUB_LABELS[row["label"]]
        values = {"premise": row["premise"], "hypothesis": row["hypothesis"], "label": label, "group": row["genre"]}
        example = to_example(values, f"{split}-{number}", number, findings)
        if example:
            examples.append(example)
    findings.check(len(examples))
    return examples
