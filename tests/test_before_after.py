"""Before and after: the report's figures are those of the records, and a run records them for training pairs too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scipy import stats

from analysis.compare import main
from analysis.records.runs import load_run
from analysis.records.seed_report import seed_curves
from analysis.records.study import open_study
from analysis.tables.before import PROBE, TRAIN, change, change_sentence, changes
from tests.report_text import number, section, table
from tests.running import metrics, record, train
from tests.synthetic_runs import edit, write_run
from train import session


def with_train(run: Path, before: float, after: float) -> Path:
    """The run, as if it had evaluated training pairs too."""
    evaluations = json.loads((run / "summary.json").read_text())["evaluations"]
    for when, accuracy in (("before", before), ("after", after)):
        evaluations[when]["train"] = {"loss": 1 - accuracy, "accuracy": accuracy, "examples": 1000}
    edit(run / "summary.json", evaluations=evaluations)
    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scratch recorded training pairs, pretrained only its probe."""
    folder = tmp_path_factory.mktemp("study")
    for seed, (before, after) in enumerate([(0.30, 0.90), (0.36, 0.80), (0.34, 0.85)]):
        with_train(write_run(folder, "scratch", seed), before, after)
        run = write_run(folder, "pretrained", seed)
        edit(run / "config.json", evaluation={"probe_examples": 128})
    assert main([str(folder)]) == 0
    return folder


def test_the_table_has_the_means_and_the_change_in_points(study: Path) -> None:
    part = section((study / "report.md").read_text(), "Before and after")
    rows = {(row["measured on"], row["arm"]): row for row in table(part, "Before the first update")}
    assert set(rows) == {
        *((split.replace("_", r"\_"), arm) for split in ("test", "test_unseen") for arm in ("scratch", "pretrained")),
        *(("train", "scratch"), ("training probe", "pretrained")),
    }
    row = rows["train", "scratch"]
    found = [number(row[key]) for key in ("loss before", "loss after", "accuracy before", "accuracy after")]
    assert found == pytest.approx([2 / 3, 0.15, 1 / 3, 0.85], abs=5.1e-4)
    points = [60, 44, 51]
    bounds = stats.t.interval(0.95, 2, loc=51.6667, scale=stats.sem(points))
    assert row["change in points"] == "+51.7" and row["pairs"] == "1,000"
    assert [number(bound) for bound in row["95% interval"].split(" to ")] == pytest.approx(bounds, abs=0.06)


def test_the_probe_stands_in_with_its_first_and_last_look(study: Path) -> None:
    run = study / "runs" / "pretrained-seed1"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    looks = [line for line in lines if line.get("split") == "probe_train"]
    found = change(load_run(run), PROBE)
    assert found is not None and found.pairs == 128
    assert (found.before, found.after) == (looks[0]["accuracy"], looks[-1]["accuracy"])
    assert (found.loss_before, found.loss_after) == (looks[0]["loss"], looks[-1]["loss"])
    assert change(load_run(run), TRAIN) is None


def test_the_sentence_says_which_runs_did_not_record_training_pairs(study: Path) -> None:
    arms = open_study([study], study).arms
    train = "train: the first training pairs with the best weights"
    probe = "training probe: a fixed sample of training pairs with the last weights, since {} did not record training "
    said = {arm.name: change_sentence([arm]) for arm in arms}
    assert train in said["scratch"] and "training probe" not in said["scratch"]
    assert probe.format("these runs") in said["pretrained"] and "train:" not in said["pretrained"]
    assert f"{train}; {probe.format('the runs of pretrained')}" in change_sentence(arms)


def test_an_arm_in_which_one_run_lacks_it_is_left_out(tmp_path: Path) -> None:
    with_train(write_run(tmp_path, "scratch", 0), 0.3, 0.9)
    write_run(tmp_path, "scratch", 1)
    assert TRAIN not in changes(open_study([tmp_path], tmp_path).arms)


def test_the_seed_reports_figures_are_its_own(study: Path) -> None:
    part = section((study / "report.md").read_text(), "Before and after")
    rows = {(row["system"], row["measured on"]): row for row in table(part, "Accuracy as reported by the seed report")}
    said = {"distilbert-frozen": (0.2870, 0.3200, 0.5490, 0.3870), "roberta-full": (0.3362, 0.3438, 0.9660, 0.7838)}
    for run, (train_before, test_before, train_after, test_after) in said.items():
        for split, before, after in (("train", train_before, train_after), ("test", test_before, test_after)):
            row = rows[run, split]
            assert (number(row["before"]), number(row["after"])) == (before, after)
            assert number(row["change in points"]) == pytest.approx(100 * (after - before), abs=0.051)
    assert {run for run, _ in rows} == set(seed_curves())
    assert rows["roberta-gradual", "test"]["epochs"] == "24", "the name that the recipes have"


def test_a_run_evaluates_its_first_training_pairs_with_initial_and_best_weights(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TRAIN_PAIRS", 40)
    flags = ("--init", "pretrained", "--learning-rate", "0.01", "--epochs", "4")
    run = train(tmp_path, tiny_checkpoint, *flags)
    found = [line for line in metrics(run, "evaluation") if line["split"] == "train"]
    assert [(line["step"], line["weights"], line["examples"]) for line in found] == [
        (0, "initial", 40),
        (24, "best", 40),
    ]
    ends = record(run, "summary")["evaluations"]
    assert (ends["before"]["train"]["loss"], ends["after"]["train"]["loss"]) == (found[0]["loss"], found[1]["loss"])
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from train.cli import parse_run
    from train.data.pairs import LABELS
    from train.data.splits import load_splits

    config = parse_run(["--train-examples", "96", "--validation-examples", "48"]).config
    pairs = load_splits(config.data, 0).train[:40]
    model, tokenizer = (
        kind.from_pretrained(run / "export") for kind in (AutoModelForSequenceClassification, AutoTokenizer)
    )
    batch = tokenizer([p.premise for p in pairs], [p.hypothesis for p in pairs], padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(pair.label) for pair in pairs])
    with torch.inference_mode():
        loss = torch.nn.functional.cross_entropy(model.eval()(**batch).logits, labels).item()
    assert loss == pytest.approx(ends["after"]["train"]["loss"], abs=1e-5)


def test_evaluating_training_pairs_changes_no_number(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = train(tmp_path, tiny_checkpoint, name="one")
    monkeypatch.setattr(session, "TRAIN_PAIRS", 1)
    other = train(tmp_path, tiny_checkpoint, name="other")
    assert metrics(one, "train") == metrics(other, "train")
    assert record(one, "summary")["weights_sha256"] == record(other, "summary")["weights_sha256"]
    assert (one / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()
