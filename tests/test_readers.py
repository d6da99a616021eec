"""The readers: every format gives the same pairs, text stays text, labels go by name. Defects: test_bad_data.py."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DataError, UserError
from train.config import DataConfig
from train.data.findings import Findings
from train.data.naming import HUB_LABELS, find_files, parse_columns, parse_label_names
from train.data.pairs import LABELS, Example, to_dataset
from train.data.readers import read_hub, read_pairs
from train.data.sources import read_source

MULTINLI = ["gold_label", "sentence1_binary_parse", "sentence1", "sentence2", "promptID", "genre", "label1"]
"""Some of the columns of multinli_1.0_train.txt, in its order."""

Pairs = list[tuple[str, str, str]]


def write(path: Path, pairs: Pairs, names: tuple[str, str, str] = ("premise", "hypothesis", "label")) -> Path:
    """The pairs in the format that the path's name says, written by other people's code where there is some."""
    rows = [dict(zip(names, pair, strict=True)) for pair in pairs]
    if path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        columns = {name: pyarrow.array([row[name] for row in rows], pyarrow.string()) for name in names}
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    elif path.suffix == ".csv":
        text = io.StringIO(newline="")
        csv.writer(text).writerows([names, *pairs])
        path.write_bytes(text.getvalue().encode())
    else:
        path.write_bytes("".join("\t".join(cells) + "\n" for cells in (names, *pairs)).encode())
    return path


def read(path: Path, columns: str | None = None, names: tuple[str, ...] = ()) -> list[Example]:
    findings = Findings(path.name)
    examples = read_pairs(path, findings, parse_columns(columns), names)
    assert not findings.kinds, findings.problems
    return examples


def triples(examples: list[Example]) -> Pairs:
    return [(e.premise, e.hypothesis, e.label) for e in examples]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\t\r\n"), min_size=1).filter(
    lambda t: t.strip() == t
)
some_pairs = st.lists(st.tuples(words, words, st.sampled_from(LABELS)), min_size=1, max_size=8)


@pytest.mark.parametrize("kind", ["tsv", "txt", "csv", "jsonl", "parquet"])
@given(pairs=some_pairs)
@settings(max_examples=40)
def test_what_was_written_is_read(kind, pairs):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"p.{kind}", pairs)
        assert triples(read(path)) == pairs


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
@given(content=st.binary(max_size=200) | st.text('premis,hyotlab\t"\n{}[]:1-neutral').map(str.encode), data=st.data())
@settings(max_examples=60)
def test_whatever_a_file_holds_nothing_but_findings_comes_of_it(kind, content, data):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"p.{kind}", [("a b", "c", "neutral"), ("d", "e", "entailment")])
        good = path.read_bytes()
        cut = data.draw(st.integers(0, len(good)))
        path.write_bytes(data.draw(st.sampled_from([content, good[:cut] + content + good[cut:], good[:cut]])))
        findings = Findings("p")
        examples = read_pairs(path, findings)
        assert examples or findings.kinds
        for example in examples:
            assert example.premise.strip() and example.hypothesis.strip() and example.label in LABELS
        assert all(str(p).isprintable() and str(p).startswith("p") for p in findings.problems)


def test_multinlis_own_formats_give_the_same_pairs(tmp_path):
    rows = [
        dict(zip(MULTINLI, ("neutral", "( a b )", 'a "b', "c", "7", "slate", "neutral"), strict=True)),
        dict(zip(MULTINLI, ("-", "( x )", "x", "y", "8", "fiction", "neutral"), strict=True)),
        dict(zip(MULTINLI, ("entailment", "( d )", "d", "n/a", "9", "travel", "neutral"), strict=True)),
    ]
    text = "".join("\t".join(cells) + "\n" for cells in (MULTINLI, *(row.values() for row in rows)))
    (tmp_path / "multinli_1.0_train.txt").write_text(text)
    annotated = "".join(json.dumps({"annotator_labels": ["neutral"], **row}) + "\n" for row in rows)
    (tmp_path / "multinli_1.0_train.jsonl").write_text(annotated)
    for kind, first in (("txt", 2), ("jsonl", 1)):
        findings = Findings("f")
        found = read_pairs(tmp_path / f"multinli_1.0_train.{kind}", findings)
        assert triples(found) == [('a "b', "c", "neutral"), ("d", "n/a", "entailment")]
        assert [(e.id, e.row, e.group) for e in found] == [
            (f"multinli_1.0_train-{first}", first, "slate"),
            (f"multinli_1.0_train-{first + 2}", first + 2, "travel"),
        ]
        assert findings.counts == {"unlabelled pairs dropped": 1}


def test_text_stays_text_in_the_dataset(tmp_path):
    pairs = to_dataset(read(write(tmp_path / "t.tsv", [("007", "None", "neutral")])))
    assert pairs[0] == {"id": "t-2", "premise": "007", "hypothesis": "None", "label": "neutral", "group": ""}


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_columns_go_by_the_names_that_are_given(tmp_path, kind):
    path = write(tmp_path / f"p.{kind}", [("a", "b", "neutral")], ("text", "claim", "label"))
    assert triples(read(path, "premise=text,hypothesis=claim")) == [("a", "b", "neutral")]
    findings = Findings("p")
    assert read_pairs(path, findings, {"premise": "text", "hypothesis": "gone"}) == []
    assert "expected a column gone" in str(findings.problems[0])


def test_integers_mean_what_their_source_says(tmp_path):
    pairs = [("a", "b", "0"), ("c", "d", "1"), ("e", "f", "2"), ("g", "h", "-1")]
    labels = [e.label for e in read(write(tmp_path / "p.csv", pairs), names=("neutral", "contradiction", "entailment"))]
    assert labels == ["neutral", "contradiction", "entailment"]


def test_a_parquet_file_of_the_hub_says_what_its_integers_mean(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features(premise=Value("string"), hypothesis=Value("string"), label=ClassLabel(names=list(HUB_LABELS)))
    rows = {"premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"], "label": [0, 1, 2]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "p.parquet")
    assert [e.label for e in read(tmp_path / "p.parquet")] == ["entailment", "neutral", "contradiction"]
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "silent.parquet")
    findings = Findings("silent.parquet")
    assert read_pairs(tmp_path / "silent.parquet", findings) == [] and findings.kinds == {"unknown label": 3}


@pytest.mark.parametrize("text", ["premise", "premise=", "text=a", "premise=a,premise=b", "premise=a,label=a", ""])
def test_columns_that_say_nothing_are_a_usage_error(text):
    with pytest.raises(UserError, match="write premise=NAME") as error:
        DataConfig(columns=text)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("text", ["entailment", "entailment,neutral,neutral", "0,1,2", ""])
def test_label_names_are_the_three_labels(text):
    with pytest.raises(UserError, match="in the order of the integers"):
        DataConfig(label_names=text)
    assert parse_label_names("neutral, entailment, contradiction") == ("neutral", "entailment", "contradiction")


def test_a_file_that_is_not_there_or_of_no_known_kind_is_a_problem(tmp_path):
    (tmp_path / "p.xlsx").write_text("x")
    for name, told in (("gone.tsv", "found No such file"), ("p.xlsx", "found a name that ends in '.xlsx'")):
        findings = Findings(name)
        assert read_pairs(tmp_path / name, findings) == [] and told in str(findings.problems[0])


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_blank_lines_are_dropped_and_counted_and_move_no_row(tmp_path, kind):
    path = write(tmp_path / f"p.{kind}", [("a", "b", "neutral"), ("c", "d", "neutral")])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], "", lines[-1]]) + "\n\n")
    findings = Findings("p")
    assert [e.row for e in read_pairs(path, findings)] == ([1, 3] if kind == "jsonl" else [2, 4])
    assert findings.counts == {"blank lines dropped": 2}


def test_a_sentence_that_may_be_many_rows_is_counted(tmp_path):
    findings = Findings("p.tsv")
    long = "a" * 10_001
    assert read_pairs(write(tmp_path / "p.tsv", [(long, "b", "neutral")]), findings)[0].premise == long
    assert findings.counts == {"sentences longer than 10,000 characters": 1}


def test_the_hubs_integers_are_read_by_name(monkeypatch):
    import datasets

    rows = [{"premise": "p", "hypothesis": "h", "label": label, "genre": "g"} for label in (0, 1, 2, -1)]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_args, **_options: rows)
    findings = Findings("hub")
    examples = read_hub("train", findings)
    assert [(e.id, e.label) for e in examples] == [(f"train-{i}", label) for i, label in enumerate(HUB_LABELS)]
    assert findings.counts["unlabelled pairs dropped"] == 1 and set(HUB_LABELS) == set(LABELS)


def test_the_hubs_matched_pairs_are_the_test_set(monkeypatch):
    import datasets

    def load(name, split):
        row = {"premise": f"of {name}", "hypothesis": split, "label": 0, "genre": "g"}
        return [{**row, "premise": f"{row['premise']} {number}"} for number in range(40)]

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.delenv("MNLI_DIR", raising=False)
    source = read_source(DataConfig(dataset="mnli"))
    splits = {split: {pair.hypothesis for pair in pairs} for split, pairs in source.pairs.items()}
    assert splits == {"train": {"train"}, "test": {"validation_matched"}} and source.name == "mnli-hub"


@pytest.mark.parametrize("name", ["validation", "dev", "val", "valid"])
def test_validation_pairs_go_by_their_usual_names(tmp_path, name):
    for split in ("train", name, "test"):
        (tmp_path / f"{split}.csv").write_text("")
    found = {split: path.name for split, path in find_files(tmp_path).paths.items()}
    assert found == {"train": "train.csv", "validation": f"{name}.csv", "test": "test.csv"}


def test_an_unreachable_hub_says_what_to_do(monkeypatch):
    import datasets

    def fail(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError, match=r"ConnectionError .*\(no network\); .* MNLI_DIR"):
        read_hub("train", Findings("hub"))


def test_real_mnli_is_read_whole(mnli_dir):
    findings = Findings("dev_matched.tsv")
    examples = read_pairs(mnli_dir / "dev_matched.tsv", findings)
    counts = [sum(e.label == label for e in examples) for label in ("entailment", "neutral", "contradiction")]
    assert (len(examples), counts, dict(findings.kinds)) == (5000, [1784, 1552, 1664], {})
