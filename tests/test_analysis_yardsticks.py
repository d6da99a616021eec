"""Baselines stand beside the arms where they were measured on the same pairs, and damaged ones are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.figures import outcome_figures
from analysis.figures.plots import OTHER_COLOUR
from analysis.records.reading import RecordError
from analysis.records.study import Study, open_study
from analysis.tables.accuracy import accuracy_table, size_table
from analysis.tables.remarks import level_sentences, words_sentences
from tests.synthetic_runs import write_run

HASH = "b" * 64
"""Of the training and test pairs of every synthetic run."""


def row(sees: str, accuracy: Any, size: int = 5000, split: str = "test") -> dict[str, Any]:
    name = "majority class" if sees == "neither" else "bag of words"
    found = {"baseline": name, "sees": sees, "train_examples": size, "split": split, "examples": 300}
    return found | {"accuracy": accuracy, "low": 0.3, "high": 0.6}


def study_with(folder: Path, *rows: Any, **changes: Any) -> Study:
    for size in (500, 5000):
        if not (folder / f"runs/{size}").exists():
            write_run(folder, "scratch", 0, name=str(size), size=size, steps=40)
    data = {"name": "mnli-tsv", "train_sha256": {"500": HASH, "5000": HASH}, "sha256": {"test": HASH}}
    record = {"schema_version": 1, "data": data, "baselines": list(rows)} | changes
    (folder / "baselines.json").write_text(json.dumps(record))
    return open_study([folder], folder)


def test_baselines_of_the_same_size_are_lines_of_the_tables(tmp_path: Path) -> None:
    rows = (row("neither", 0.357), row("hypothesis only", 0.431), row("both", 0.402, size=500))
    study = study_with(tmp_path, *rows)
    assert [cells for cells in accuracy_table(study).rows if cells[0] == "test" and cells[1] != "scratch"] == [
        ("test", "majority class of training", "n/a", "0.357", "0.300 to 0.600", "n/a", "n/a"),
        ("test", "bag of words, hypothesis only", "n/a", "0.431", "0.300 to 0.600", "n/a", "n/a"),
        ("test", "commonest test label (the best constant answer)", "n/a", "0.375", "0.334 to 0.418", "n/a", "n/a"),
    ]
    assert ("500", "bag of words, both", "n/a", "n/a", "0.402", "0.300 to 0.600", "n/a") in size_table(study).rows


def test_an_arm_no_better_than_words_of_the_hypothesis_is_named(tmp_path: Path) -> None:
    accuracy = study_with(tmp_path).arms[0].runs[0].accuracy("test")
    for found, named in ((accuracy + 0.001, True), (accuracy - 0.001, False)):
        sentences = words_sentences(study_with(tmp_path, row("hypothesis only", found), row("both", 0.9)))
        assert bool(sentences) == named
    (sentence,) = words_sentences(study_with(tmp_path, row("hypothesis only", 0.9)))
    assert sentence.startswith(f"scratch, test: its accuracy, {accuracy:.3f}, is below that of the bag of words")


def test_an_accuracy_that_words_of_the_hypothesis_give_needs_no_inference(tmp_path: Path) -> None:
    assert level_sentences(0.45, study_with(tmp_path, row("hypothesis only", 0.449), row("both", 0.9))) == []
    (sentence,) = level_sentences(0.45, study_with(tmp_path, row("hypothesis only", 0.451)))
    assert "An accuracy of 0.45" in sentence and "0.451 (bag of words, hypothesis only)" in sentence
    hidden = write_run(tmp_path, "scratch", 1, hide="premise", name="blind", steps=40)
    accuracy = json.loads((hidden / "summary.json").read_text())["evaluations"]["after"]["test"]["accuracy"]
    for level, said in ((accuracy - 0.001, True), (accuracy + 0.001, False)):
        assert bool(level_sentences(level, study_with(tmp_path))) == said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "expected schema_version 1 and a list of baselines"),
        ({"baselines": {}}, "expected schema_version 1 and a list of baselines"),
        ({"baselines": [3]}, "baselines[0].baseline should be a str, found null"),
        ({"baselines": [row("both", 40.2)]}, "baselines[0].accuracy should be a float, found 40.2"),
        ({"data": {"sha256": {"test": "c" * 64}}}, "measured on other test pairs than 500"),
        ({"data": {"train_sha256": {"5000": "c" * 64}}}, "measured on other train pairs than 5000"),
    ],
)
def test_baselines_that_are_damaged_or_of_other_pairs_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecordError) as error:
        study_with(tmp_path, **changes)
    assert str(error.value).startswith(f"{tmp_path / 'baselines.json'}: ")
    assert message in str(error.value)


def test_words_of_the_hypothesis_are_drawn_at_every_size_by_rising_size(tmp_path: Path) -> None:
    rows = (row("hypothesis only", 0.46), row("both", 0.5), row("hypothesis only", 0.41, size=500))
    found = study_with(tmp_path, *rows, row("hypothesis only", 0.3, split="other"))
    assert list(found.words("test").items()) == [(500, 0.41), (5000, 0.46)] and found.words("none") == {}
    (line,) = [line for line in outcome_figures.test_accuracy(found).axes[0].lines if line.get_color() == OTHER_COLOUR]
    assert set(line.get_xdata()) == {found.words("test")[found.arms[0].training_examples]}
    axes = outcome_figures.sizes(found).axes[0]
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn["bag of words, hypothesis only"] == [0.41, 0.46]


def test_a_study_without_baselines_has_none(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0, steps=40)
    assert open_study([tmp_path], tmp_path).yardsticks == ()
