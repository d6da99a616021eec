"""A file or a hub's data set in, examples with labels by name out; what is wrong with it goes into the findings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from models.errors import DataError
from train.data.findings import Findings, listed, shown
from train.data.naming import HUB_LABELS
from train.data.pairs import LABELS, Example
from train.data.tables import Row, open_table

UNLABELLED = ("-", "-1")
"""What MultiNLI and GLUE write where annotators found no majority."""

HUB_NAME = "nyu-mll/multi_nli"
LONG, LONGEST = 10_000, 200_000
"""Characters. A sentence longer than LONG is counted: it may be many rows that a stray quote has run together, as three
are in the copy of MNLI that this project was made with, where the longest has 105,868. What is longer than LONGEST is
cut: no encoder here takes more than 512 tokens.
"""


def read_pairs(
    path: Path, findings: Findings, columns: Mapping[str, str] | None = None, label_names: tuple[str, ...] = ()
) -> list[Example]:
    """The file's usable pairs; problems are in the findings, and whoever uses the pairs has to look there.

    Rows labelled `-` or `-1`, and rows with an empty sentence, are dropped and counted.

    Args:
        columns: premise, hypothesis, label, genre -> the column's name, where it is not one of the usual.
        label_names: what the integers 0, 1, 2 mean; without them, or the file's own word for it, they are refused.
    """
    examples: list[Example] = []
    with contextlib.suppress(DataError):  # the findings have it
        table = open_table(path, columns or {}, findings)
        check = RowCheck(findings, table.columns, label_names or table.label_names)
        examples.extend(check.examples(table.rows, path.stem))
    _look_over(examples, findings)
    return examples


def read_hub(split: str, findings: Findings) -> list[Example]:
    """Pairs of MultiNLI from the Hugging Face hub, downloaded once with a progress bar (some 75 MB).

    Raises:
        DataError: the hub cannot be reached and nothing is cached.
    """
    from datasets import load_dataset

    try:
        rows = load_dataset(HUB_NAME, split=split)
    except Exception as error:  # many kinds: network, offline mode, hub
        reason = str(error).partition("\n")[0][:200]
        raise DataError(
            f"{HUB_NAME}: {type(error).__name__} while fetching it from the hub ({reason}); "
            "give a folder with train.tsv and dev_matched.tsv as --data DIR or in MNLI_DIR"
        ) from None
    columns = {name: name for name in ("premise", "hypothesis", "label", "genre")}
    examples = list(RowCheck(findings, columns, HUB_LABELS).examples(enumerate(rows), split))
    _look_over(examples, findings)
    return examples


class RowCheck:
    """Judges the rows of one source."""

    def __init__(self, findings: Findings, columns: Mapping[str, str], label_names: tuple[str, ...]) -> None:
        self.findings = findings
        self.columns = columns
        self.by_number = {str(number): name for number, name in enumerate(label_names)}

    def examples(self, rows: Iterable[Row], stem: str) -> Iterable[Example]:
        """The usable rows, each with an id made of the file's stem and its row."""
        for row, values in rows:
            example = self._example(row, values, f"{stem}-{row}")
            if example is not None:
                yield example

    def _example(self, row: int, values: Mapping[str, object], id: str) -> Example | None:
        """One example, or None when the row is dropped (counted) or defective (noted)."""
        label = self._label(row, values.get("label"))
        if label in UNLABELLED:
            self.findings.counts["unlabelled pairs dropped"] += 1
            return None
        premise, hypothesis = (self._text(row, name, values.get(name)) for name in ("premise", "hypothesis"))
        genre = self._text(row, "genre", "" if values.get("genre") is None else values["genre"])
        if label is None or premise is None or hypothesis is None or genre is None:
            return None
        if not premise or not hypothesis:
            self.findings.counts["pairs with an empty sentence dropped"] += 1
            return None
        return Example(id=id, premise=premise, hypothesis=hypothesis, label=label, group=genre)

    def _label(self, row: int, value: object) -> str | None:
        """The label by name, one of UNLABELLED, or None where it is no label."""
        text = str(value) if isinstance(value, int) else value.strip() if isinstance(value, str) else None
        label = self.by_number.get(text, text) if text else None
        if label in LABELS or label in UNLABELLED:
            return label
        missing = value is None or text == ""
        expected = f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"
        if self.by_number:
            expected += f" (or {', '.join(self.by_number)})"
        elif text and text.isdecimal():
            expected += " (this source does not say what numbers mean; --label-names does)"
        kind = "missing label" if missing else "unknown label"
        self.findings.problem(kind, "no label" if missing else shown(value), expected, row, self.columns["label"])
        return None

    def _text(self, row: int, name: str, value: object) -> str | None:
        """The sentence, without NUL characters and outer spaces, cut where it is absurdly long; None: it is no text."""
        column = self.columns.get(name, name)
        if not isinstance(value, str):
            found = "nothing" if value is None else f"{shown(value)} ({type(value).__name__})"
            self.findings.problem("not text", found, "text", row, column)
            return None
        if not _encodable(value):
            self.findings.problem("lone surrogate", shown(value), "text that UTF-8 can hold", row, column)
            return None
        if "\0" in value:
            self.findings.counts["NUL characters removed"] += value.count("\0")
        text = value.replace("\0", "").strip()
        if len(text) > LONG:
            done = f"cut at {LONGEST:,}" if len(text) > LONGEST else f"longer than {LONG:,}"
            self.findings.counts[f"sentences {done} characters"] += 1
        return text[:LONGEST]


def _encodable(text: str) -> bool:
    """Whether the text has no half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _look_over(examples: list[Example], findings: Findings) -> None:
    """Note that nothing is usable, if so; count the pairs that stand in the source before, also with another label."""
    if not examples and not findings.kinds:
        dropped = listed(findings.counts) or "no rows"
        findings.problem("no usable pair", f"no usable pair ({dropped})", "pairs")
    labels: dict[tuple[str, str], str] = {}
    for example in examples:
        first = labels.setdefault(example.texts, example.label)
        if first != example.label:
            findings.counts["pairs that repeat an earlier one with another label"] += 1
    if repeated := len(examples) - len(labels):
        findings.counts["pairs that repeat an earlier one"] += repeated
