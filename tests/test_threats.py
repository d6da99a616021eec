"""Threats to validity appear where the records give cause, and the speed section has the benchmark's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.records.reading import RecordError
from analysis.records.study import open_study
from analysis.report.speed_section import speed_blocks
from analysis.report.threats import threats
from tests.blocks import headings, rows_of, text_of
from tests.report_text import number
from tests.synthetic_runs import edit, write_run

BENCHMARK = Path(__file__).parent.parent / "results" / "benchmark-amx"  # has every figure


def said(folder: Path) -> str:
    return "\n".join(threats(open_study([folder], folder)))


def add(folder: Path, file: str, **changes: Any) -> None:
    for path in folder.glob(f"runs/*/{file}"):
        edit(path, **changes)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for init in ("scratch", "pretrained"):
        for seed in (0, 1):
            write_run(tmp_path / "s", init, seed, steps=40)
    return tmp_path / "s"


def test_a_bare_record_gives_cause_for_few_threats(study: Path) -> None:
    assert "was trained to be read by the mean over its tokens" in said(study), "of MiniLM"
    add(
        study,
        "config.json",
        data={"dataset": "other"},
        checkpoint="tiny",
        plan={"steps": 1, "steps_per_epoch": 1, "learning_rate": 1e-4},
    )
    add(study, "data.json", name="other")
    few, rates, shared, many, seconds, passage = (line.split(":")[0] for line in said(study).splitlines())
    assert (few, rates, shared) == ("Few seeds", "No learning rate was tuned", "Test pairs count as independent")
    assert "3,000 pairs share 2,980 premises" in said(study) and "None is corrected for the number of tests" in many
    assert seconds.startswith("Seconds come from runs") and passage.startswith("A first passage")


@pytest.mark.parametrize(
    ("file", "changes", "sentence"),
    [
        ("environment.json", {"precision": "bf16", "device": "cpu"}, "Trained in bf16 arithmetic (device: cpu)"),
        (
            "config.json",
            {"encoder": {"num_hidden_layers": 6, "hidden_size": 384}},
            "One small model: 6 layers of width 384",
        ),
        ("config.json", {"data": {"dataset": "controlled"}}, "made from templates"),
        ("data.json", {"name": "mnli-hub"}, ""),
    ],
)
def test_a_threat_follows_the_records(study: Path, file: str, changes: dict[str, Any], sentence: str) -> None:
    before = said(study)
    assert "in the Penn Treebank manner" in before and "One data set, MultiNLI" in before
    assert not sentence or sentence not in before
    add(study, file, **changes)
    assert sentence in said(study)
    assert ("in the Penn Treebank manner" in said(study)) == (file != "data.json")


def test_the_budget_says_in_how_many_runs_scratch_was_still_rising(study: Path) -> None:
    assert "One budget for both arms, 4 epochs at 5,000 examples" in said(study)
    assert "its best in 2 of 2 runs at 5,000 examples; where" in said(study)
    best = json.loads((study / "runs/scratch-seed1/summary.json").read_text())["best"]
    edit(study / "runs/scratch-seed1/summary.json", best=best | {"epoch": 2})
    assert "its best in 1 of 2 runs" in said(study)
    write_run(study, "scratch", 0, size=19_000, name="larger", steps=40)
    assert "its best in 1 of 2 runs at 5,000 examples and 1 of 1 run at 19,000 examples; where" in said(study)
    edit(study / "runs/scratch-seed0/summary.json", best=best | {"epoch": 2})
    assert "its best in 0 of 2 runs at 5,000 examples and" in said(study)
    plan = json.loads((study / "runs/scratch-seed1/config.json").read_text())["plan"]
    for seed in (0, 1):
        edit(study / f"runs/scratch-seed{seed}/config.json", plan=plan | {"epochs": 8})
    assert "One budget" not in said(study)


def test_a_sweep_on_one_seed_is_said_to_be_one(study: Path) -> None:
    assert "Learning rates were chosen" not in said(study)
    for rate in (1e-3, 2e-3):
        write_run(study, "scratch", 0, steps=40, rate=rate, name=f"swept-{rate}")
    assert "Learning rates were chosen with seed 0 alone. Another" in said(study)
    write_run(study, "scratch", 0, steps=40, size=500, name="small")
    assert "with seed 0 alone, and at 5,000 examples alone: 500 examples use the same rates." in said(study)
    write_run(study, "scratch", 1, steps=40, rate=1e-3, name="swept-again")
    assert "Learning rates were chosen" not in said(study)


def test_the_smallest_arm_shown_counts(study: Path) -> None:
    assert "Few seeds: 2 seeds in the smallest arm" in said(study)
    write_run(study, "scratch", 0, steps=40, hide="premise", name="blind")
    assert "Few seeds: 1 seed in the smallest arm" in said(study) and "over test items alone" in said(study)
    write_run(study, "scratch", 1, steps=40, hide="premise", name="blind-1")
    assert "Few seeds: 2 seeds" in said(study) and "over test items alone" not in said(study)
    write_run(study, "scratch", 0, steps=40, size=500, name="small")
    assert "Few seeds: 1 seed in the smallest arm" in said(study)


@pytest.mark.parametrize(("sample", "same"), [("first", True), ("seeded", False)])
def test_one_sample_of_training_pairs_is_a_threat(study: Path, sample: str, same: bool) -> None:
    add(study, "config.json", data={"dataset": "mnli", "sample": sample})
    assert ("Every seed trains on the same pairs, the first of the training set" in said(study)) == same


@pytest.mark.parametrize(("optim", "said_so"), [({"length_pool": 1}, False), ({"length_pool": 50}, True), ({}, True)])
def test_batches_of_like_length_are_a_threat(study: Path, optim: dict[str, int], said_so: bool) -> None:
    """Records from before the setting existed have it, too."""
    add(study, "config.json", optim={"learning_rate": 1e-4, "learning_rates": {}} | optim)
    assert ("A batch holds pairs of like length (sorted in pools of 50 batches)" in said(study)) == said_so


def test_only_rates_of_which_several_ran_are_called_tuned(study: Path) -> None:
    assert "No learning rate was tuned: each arm ran at its recipe's" in said(study)
    write_run(study, "scratch", 0, steps=40, rate=1e-3, name="swept")
    assert "Only scratch has a tuned learning rate; another rate may help pretrained." in said(study)
    write_run(study, "pretrained", 0, steps=40, rate=1e-3, name="swept-too")
    assert "tuned" not in said(study) and "borrow" not in said(study)
    write_run(study, "mlm", 0, steps=40)
    assert "Only scratch and pretrained have a tuned learning rate; the other arms borrow theirs." in said(study)
    assert "1 seed in the smallest arm" in said(study)


def test_the_speed_section_has_the_benchmarks_numbers(study: Path) -> None:
    blocks = speed_blocks([BENCHMARK])
    record = json.loads((BENCHMARK / "record.json").read_text())
    rows = {row["quotient"]: row for row in rows_of(blocks, "Speed and memory")}
    for each in record.values():
        if isinstance(each, dict) and (each.get("at_least") or each.get("at_most")):
            row = rows[each["meaning"]]
            assert number(row["median"]) == pytest.approx(each["median"], rel=5e-3)
            assert row["outcome"] == row["target"] == "", "ours had batches that the Trainer had not"
    memory = record["bf16_memory_ratio"]
    assert number(rows[memory["meaning"]]["median"]) == pytest.approx(memory["median"], rel=5e-3)
    steps = {row["arm"]: row for row in rows_of(blocks, "Seconds of one training step")}
    for arm, contender in (
        ("pretrained", "ours.train"),
        ("scratch", "ours.scratch"),
        ("pretrained, bf16", "ours.bf16"),
    ):
        rates = np.array([each["measured"][contender]["examples_per_second"] for each in record["rounds"]])
        others = np.array([each["measured"]["ours.train"]["examples_per_second"] for each in record["rounds"]])
        assert number(steps[arm]["median"]) == pytest.approx(np.median(32 / rates), abs=5.1e-4)
        assert number(steps[arm]["over pretrained, round by round"]) == pytest.approx(
            np.median(others / rates), abs=5.1e-4
        )
    assert "5 rounds of the benchmark" in text_of(blocks) and "results/benchmark-amx/report.md" in text_of(blocks)
    assert "Speed" in headings(study, BENCHMARK)
    both = text_of(speed_blocks([BENCHMARK, BENCHMARK.with_name("benchmark")]))
    assert both.count("are judged") + both.count("is judged on these rounds") == 1, "on those of the first"
    assert "widest instructions: AVX512" in both and "widest instructions: AVX2)" in both


def test_a_benchmark_in_which_both_drew_at_random_is_judged() -> None:
    folder = BENCHMARK.with_name("benchmark")
    rows = {row["quotient"]: row for row in rows_of(speed_blocks([folder]), "Speed and memory")}
    for each in json.loads((folder / "record.json").read_text()).values():
        if isinstance(each, dict) and (target := each.get("at_least") or each.get("at_most")):
            rounds = f"{each['met_in_rounds']} round{'s' * (each['met_in_rounds'] != 1)}"
            row = rows[each["meaning"]]
            assert row["outcome"] == f"{'met' if each['met'] else 'not met'} (in {rounds})"
            assert number(row["target"].split()[-1]) == target


def test_without_a_benchmark_there_is_no_speed_section(study: Path) -> None:
    assert speed_blocks([]) == []
    assert "Speed" not in headings(study) and "Threats to validity" in headings(study)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("eval_ratio", {"meaning": 3}, "eval_ratio.meaning"),
        ("bf16_memory_ratio", {"median": -1}, "bf16_memory_ratio.median should be positive"),
        ("eval_ratio", {"met": None}, "eval_ratio: at_least should be a number, with met"),
        ("sizes", {"batch_size": 0}, "sizes.batch_size"),
    ],
)
def test_a_malformed_benchmark_is_refused(tmp_path: Path, name: str, change: dict[str, Any], message: str) -> None:
    record = json.loads((BENCHMARK / "record.json").read_text())
    (tmp_path / "record.json").write_text(json.dumps(record | {name: record[name] | change}))
    with pytest.raises(RecordError, match=message):
        speed_blocks([tmp_path])
