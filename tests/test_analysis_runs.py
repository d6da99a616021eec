"""Records are loaded as written, and every damaged record is refused with its place."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.records.reading import RecordError
from analysis.records.runs import load_run, load_study
from tests.synthetic_runs import edit, write_run


def test_a_run_is_loaded_as_written(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path, "pretrained", 2, steps=80))
    lines = [json.loads(x) for x in (tmp_path / "runs/pretrained-seed2/metrics.jsonl").read_text().splitlines()]
    assert (run.init, run.seed) == ("pretrained", 2)
    assert run.training["loss"] == pytest.approx([x["loss"] for x in lines if x["event"] == "train"])
    probes = [x for x in lines if x.get("split") == "probe_validation"]
    assert run.evaluations["probe_validation"]["accuracy"] == pytest.approx([x["accuracy"] for x in probes])
    assert np.array_equal(run.evaluations["validation"]["step"], [0, 20, 40, 60, 80])
    assert (
        run.accuracy("test")
        == json.loads((tmp_path / "runs/pretrained-seed2/summary.json").read_text())["evaluations"]["after"]["test"][
            "accuracy"
        ]
    )


def test_evaluations_with_the_best_weights_stay_out_of_the_curves(tmp_path: Path) -> None:
    assert load_run(write_run(tmp_path)).evaluations["test"]["step"] == pytest.approx([0])


def test_an_unfinished_run_is_left_out_and_named(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    write_run(tmp_path, "scratch", 1, finished=False)
    runs, unfinished = load_study([tmp_path])
    assert [run.seed for run in runs] == [0]
    assert unfinished == ["scratch-seed1"]


def test_a_run_given_twice_counts_once(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    assert len(load_study([tmp_path, run, run])[0]) == 1


@pytest.mark.parametrize("make", [lambda p: p / "missing", lambda p: p, lambda p: (p / "runs").mkdir() or p])
def test_nothing_to_load_is_an_error(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(RecordError):
        load_study([make(tmp_path)])


def outcomes(accuracy: float, **more: object) -> dict[str, object]:
    found = {"test": {"accuracy": accuracy, "examples": 9}, "validation": {"loss": 1.1, "accuracy": 0.3}, **more}
    return {"before": found, "after": found}


def replace_line(path: Path, number: int, line: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n")


def test_a_run_is_named_after_its_directory_wherever_it_is_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_run(tmp_path))
    assert load_run(Path()).id == "scratch-seed0"


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no certificate": (lambda run: (run / "certificate.json").unlink(), "certificate.json: No such file"),
    "not JSON": (lambda run: (run / "config.json").write_text("{"), "config.json: not valid JSON"),
    "a list": (lambda run: (run / "data.json").write_text("[]"), "data.json: expected a JSON object, found list"),
    "deep": (lambda run: (run / "data.json").write_text("[" * 100_000), "data.json: not valid JSON"),
    "not UTF-8": (lambda run: (run / "config.json").write_bytes(b'{"a": "\xff"}'), "byte 7 is not UTF-8"),
    "other schema": (lambda run: edit(run / "config.json", schema_version=2), "schema_version 2, expected 1"),
    "seed as text": (lambda run: edit(run / "config.json", seed="0"), 'seed should be a int, found "0"'),
    "seed as truth": (lambda run: edit(run / "config.json", seed=True), "seed should be a int, found true"),
    "no plan": (lambda run: edit(run / "config.json", plan=None), "plan.steps should be a int, found null"),
    "torn line": (lambda run: replace_line(run / "metrics.jsonl", 9, '{"ev'), "metrics.jsonl:9: not valid JSON"),
    "loss as text": (
        lambda run: replace_line(
            run / "metrics.jsonl",
            6,
            '{"event": "train", "step": 1, "examples_seen": 32, "train_seconds": 0, "loss": "low"}',
        ),
        'metrics.jsonl:6: loss should be a number, found "low"',
    ),
    "a step twice": (
        lambda run: replace_line(
            run / "metrics.jsonl",
            7,
            '{"event": "train", "step": 1, "examples_seen": 32, "train_seconds": 0, "loss": 1}',
        ),
        "metrics.jsonl:7: step 1 does not follow",
    ),
    "accuracy in per cent": (
        lambda run: edit(run / "summary.json", evaluations=outcomes(66.1)),
        "evaluations.before.test.accuracy should lie in 0..1, found 66.1",
    ),
    "accuracy as text": (
        lambda run: edit(run / "summary.json", evaluations=outcomes(0.6, test_unseen={"accuracy": "0.6"})),
        'evaluations.before.test_unseen.accuracy should lie in 0..1, found "0.6"',
    ),
    "no steps": (lambda run: (run / "metrics.jsonl").write_text(""), "no training step"),
    "short row": (
        lambda run: (run / "predictions.csv").write_text("split,id,gold\ntest,1\n"),
        "predictions.csv:2: expected as many cells",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_record_is_refused_with_its_place(tmp_path: Path, fault: str) -> None:
    run = write_run(tmp_path)
    damage, message = FAULTS[fault]
    damage(run)
    with pytest.raises(RecordError) as error:
        load_run(run)
    assert message in str(error.value)


def test_a_loss_that_is_not_a_number_is_kept_as_such(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    event = '{"event": "train", "step": 1, "examples_seen": 32, "train_seconds": 0, "loss": null}'
    replace_line(run / "metrics.jsonl", 6, event)
    assert np.isnan(load_run(run).training["loss"][0])


def test_control_characters_do_not_survive_loading(tmp_path: Path) -> None:
    run = write_run(tmp_path, groups=("red\x1b[31m", "\u202eturned", "two\nlines"))
    edit(run / "environment.json", device="cpu\x07\ud800")
    loaded = load_run(run)
    assert {row["group"] for row in loaded.predictions} == {"red[31m", "turned", "two lines"}
    assert loaded.environment["device"] == "cpu"
