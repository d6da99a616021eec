"""The strict TSV reader: text stays text, labels go by name, and a defect is named with file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DataError
from train.data.pairs import LABELS, to_dataset
from train.data.readers import HUB_LABELS, Findings, read_hub, read_tsv

HEADER = "sentence1\tsentence2\tlabel\tgenre\n"


def read(tmp_path: Path, content: str | bytes, counts: dict | None = None) -> list:
    path = tmp_path / "train.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    findings = Findings("train.tsv")
    examples = read_tsv(path, findings)
    if counts is not None:
        counts.update(findings.counts)
    return examples


def test_a_good_file_is_read_as_it_stands(tmp_path):
    rows = read(tmp_path, HEADER + '007\tNone "x\tneutral\tslate\nN/A\tnull\tentailment\tfiction\n')
    assert [(r.id, r.premise, r.hypothesis, r.label, r.group) for r in rows] == [
        ("train-2", "007", 'None "x', "neutral", "slate"),
        ("train-3", "N/A", "null", "entailment", "fiction"),
    ]


def test_text_stays_text_in_the_dataset(tmp_path):
    pairs = to_dataset(read(tmp_path, HEADER + "007\tNone\tneutral\tslate\n"))
    assert pairs[0] == {"id": "train-2", "premise": "007", "hypothesis": "None", "label": "neutral", "group": "slate"}


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_are_accepted(tmp_path, newline, mark):
    text = mark + (HEADER + "a b\tc\tneutral\tx\nd\te\tcontradiction\ty\n").replace("\n", newline)
    assert [r.group for r in read(tmp_path, text)] == ["x", "y"]


def test_what_is_dropped_or_mended_is_counted(tmp_path):
    counts: dict[str, int] = {}
    text = HEADER + "a\tb\t-\tx\na\tb\t-1\tx\n\tb\tneutral\tx\na\0c\tb\tneutral\tx\n"
    assert [r.premise for r in read(tmp_path, text, counts)] == ["ac"]
    assert counts == {
        "unlabelled pairs dropped": 2,
        "pairs with an empty sentence dropped": 1,
        "NUL bytes removed": 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("premise\tlabel\na\tneutral\n", "train.tsv, row 1: no column hypothesis or sentence2; found premise, label"),
        ("a,b,c\n1,2,3\n", "train.tsv, row 1: no column premise or sentence1"),
        ("label\tsentence1\tsentence2\tlabel\n", "train.tsv, row 1: column 'label' occurs twice"),
        (HEADER + "a\tb\tneutral\n", "train.tsv, row 2, column 1: 3 fields where the header has 4"),
        (HEADER + "a\tb\tneutral\tx\ty\n", "train.tsv, row 2, column 1: 5 fields where the header has 4"),
        (HEADER + "a\tb\tmaybe\tx\n", "train.tsv, row 2, column label: 'maybe' is not one of entailment"),
        (HEADER + "a\tb\t1\tx\n", "train.tsv, row 2, column label: '1' is not one of entailment"),
        (HEADER + "a\tb\t\tx\n", "train.tsv, row 2, column label: '' is not one of"),
        (HEADER + "a\tb\t-\tx\n", "train.tsv: no usable pair in it (1 unlabelled pairs dropped)"),
        (HEADER, "train.tsv: no usable pair in it (no rows)"),
        ("", "train.tsv, row 1: no column premise or sentence1; found nothing"),
        (b"sentence1\tsentence2\tlabel\ncaf\xe9\tb\tneutral\n", "train.tsv: byte 29 is not UTF-8 (0xe9)"),
        ("a\tb".encode("utf-16"), "train.tsv: starts with a UTF-16 byte-order mark"),
    ],
)
def test_a_defect_is_named_with_its_place(tmp_path, content, message):
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    assert message in str(error.value)


def test_the_first_ten_defects_are_shown_and_the_rest_counted(tmp_path):
    with pytest.raises(DataError) as error:
        read(tmp_path, HEADER + "a\tb\tmaybe\tx\n" * 13)
    lines = str(error.value).splitlines()
    assert len(lines) == 11 and "row 11," in lines[9] and lines[10] == "... and 3 more problems"


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"gone\.tsv: No such file"):
        read_tsv(tmp_path / "gone.tsv", Findings("gone.tsv"))


def test_the_hubs_integers_are_read_by_name(monkeypatch):
    import datasets

    rows = [{"premise": "p", "hypothesis": "h", "label": label, "genre": "g"} for label in (0, 1, 2, -1)]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_args, **_options: rows)
    examples = read_hub("train", Findings("hub"))
    assert [e.label for e in examples] == ["entailment", "neutral", "contradiction"]
    assert set(HUB_LABELS) == set(LABELS)


def test_an_unreachable_hub_says_what_to_do(monkeypatch):
    import datasets

    def fail(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError, match=r"ConnectionError .* MNLI_DIR"):
        read_hub("train", Findings("hub"))


def test_real_mnli_is_read_whole(mnli_dir):
    findings = Findings("dev_matched.tsv")
    examples = read_tsv(mnli_dir / "dev_matched.tsv", findings)
    counts = [sum(e.label == label for e in examples) for label in ("entailment", "neutral", "contradiction")]
    assert (len(examples), counts, dict(findings.counts)) == (5000, [1784, 1552, 1664], {})
