"""An accuracy is held against what needs no learning: a guess, or always the label that is commonest in the test."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.compare import main
from analysis.records.study import open_study
from analysis.tables.remarks import chance_sentences
from tests.synthetic_runs import LABELS, edit, write_run


def test_no_better_than_one_label_is_said_to_be_nothing_learned(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    evaluations = {"validation": {"loss": 1.1, "accuracy": 0.34}, "test": {"accuracy": 0.34, "examples": 900}}
    edit(run / "summary.json", evaluations={"before": evaluations, "after": evaluations})
    floor = "0.310 to 0.372, includes that of always giving the commonest test label, 0.353."
    labels = dict(zip(LABELS, (353, 300, 347), strict=True))
    data = json.loads((run / "data.json").read_text())
    edit(run / "data.json", splits=data["splits"] | {"test": {"examples": 1000, "labels": labels}})
    assert main([str(tmp_path)]) == 0
    report = (tmp_path / "report.md").read_text()
    weak = "scratch, test: its accuracy is not shown to be more than what needs no learning."
    assert f"{weak} The 95% interval of its mean over test items, {floor}\n" in report
    assert "| test | commonest test label (the best constant answer) | n/a | 0.353 |" in report
    header, *lines = (run / "predictions.csv").read_text().splitlines()
    constant = [",".join([*line.split(",")[:3], "0.1", "0.1", "0.8", line.split(",")[-1]]) for line in lines]
    (run / "predictions.csv").write_text("\n".join([header, *constant]) + "\n")
    assert main([str(tmp_path)]) == 0
    nothing = "scratch, test: it has learned nothing that this can show."
    assert f"{nothing} Each run gives all pairs one label, neutral." in (tmp_path / "report.md").read_text()


def test_above_chance_but_not_above_one_label_is_not_learned(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    found = {"validation": {"loss": 1.1, "accuracy": 0.37}, "test": {"accuracy": 0.3604, "examples": 5000}}
    edit(run / "summary.json", evaluations={"before": found, "after": found})
    splits = json.loads((run / "data.json").read_text())["splits"]
    for commonest, learned in ((0.357, False), (1 / 3, True)):
        labels = {
            "entailment": round(6000 * commonest),
            "contradiction": 2000,
            "neutral": 4000 - round(6000 * commonest),
        }
        edit(run / "data.json", splits=splits | {"test": {"examples": 6000, "labels": labels}})
        assert main([str(tmp_path)]) == 0
        assert ("is not shown to be more than what needs no" not in (tmp_path / "report.md").read_text()) == learned


def test_seeds_that_have_learned_something_by_themselves_are_counted(tmp_path: Path) -> None:
    """One seed that failed widens the interval of the mean; it does not undo what the others show."""
    for seed, accuracy in enumerate((0.39, 0.40, 0.39, 0.33)):
        found = {"validation": {"loss": 1.1, "accuracy": accuracy}, "test": {"accuracy": accuracy, "examples": 5000}}
        edit(write_run(tmp_path, seed=seed) / "summary.json", evaluations={"before": found, "after": found})
    (sentence,) = chance_sentences(open_study([tmp_path], tmp_path).arms)
    assert "its accuracy is not shown to be more than what needs no learning" in sentence
    assert sentence.endswith("For 3 of 4 single runs the interval over test items lies above it.")
