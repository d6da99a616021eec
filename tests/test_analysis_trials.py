"""Claims about freezing, rates, dropout and the like: the right runs meet, fairly, and a verdict follows from them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.claims.findings import find
from analysis.claims.trial_verdicts import unasked
from analysis.claims.trials import TRIALS, upward_share
from analysis.compare import main
from analysis.records.arms import DEFAULTS, settings
from analysis.report.korean import LOGARITHMS, notes
from tests.trial_runs import CLAIMS, FROZEN, TESTS, change_config, judged, study, write_arm
from train.config import to_record
from train.study.plan import expand, read_study

STUDIES = Path(__file__).parent.parent / "train" / "studies"


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("mnli", "freezing", "frozen-head", "optimization")}


@cache
def planned() -> dict[str, list[Any]]:
    """Study -> the runs that the files which ship make of it, as their records describe them, at any chosen rates."""
    made: dict[str, list[Any]] = defaultdict(list)
    for path in STUDIES.glob("*.toml"):
        plan = read_study(path)
        rates = {block.name: {init: tried[0] for init, tried in block.rates.items()} for block in plan.blocks}
        for run in expand(plan, rates):
            encoder = {"num_hidden_layers": run.config.depth or 6, "classifier_dropout": run.config.dropout.classifier}
            config = to_record(run.config) | {"encoder": encoder}
            seen = {"init": run.config.init, "seed": run.config.seed, "learning_rate": run.rate}
            records = {"config": config, "certificate": {}, "environment": {}}
            made[plan.name].append(SimpleNamespace(id=run.name, **records, **seen))
    return made


def test_every_claim_beyond_the_third_has_a_trial_but_those_of_hardware() -> None:
    later = {test.id for claim in list(CLAIMS)[3:] for test in CLAIMS[claim].tests}
    assert later - set(TRIALS) == {"C9a", "C9b", "C13a"}
    assert set(TRIALS) <= later


def test_a_trial_asks_only_for_settings_that_runs_record() -> None:
    known = set(DEFAULTS) | {"learning_rate"}
    sides = [side for trial in TRIALS.values() for side in (trial.one, trial.other)]
    asked = {name for side in sides for wanted in side.groups for name in wanted}
    assert asked <= known, asked - known


@pytest.mark.parametrize("id", TRIALS)
def test_the_studies_that_ship_make_the_runs_of_every_trial(id: str) -> None:
    """Each group has runs, of as many seeds as the claim asks for, and they differ in nothing but the subject."""
    trial, made = TRIALS[id], planned()
    compared: list[Any] = []
    for side in (trial.one, trial.other):
        for wanted in side.groups:
            asked = [(run, settings(run) | {"init": run.init}) for run in made[side.study]]
            found = [run for run, setting in asked if wanted.items() <= setting.items()]
            assert len({run.seed for run in found}) >= TESTS[id].seeds, wanted
            compared += found
    assert unasked(compared, trial.subject) == []


def test_an_accuracy_is_compared_over_seeds_and_items(folders: dict[str, Path]) -> None:
    write_arm(folders["mnli"], "full", 3)
    write_arm(folders["freezing"], "frozen", 3, rate=4e-3, settings=FROZEN)
    found = judged("C4a", folders).found
    assert found is not None and (found.over, found.items, found.seeds) == ("seeds and items", 300, (3, 3))
    accuracies = {
        name: [run.accuracy("test") for run in sorted(study(folders[name]).runs, key=lambda run: run.seed)]
        for name in ("mnli", "freezing")
    }
    assert judged("C4a", folders).verdict == "SUPPORTED"
    assert found.difference > 0.05 and np.mean(accuracies["mnli"]) > np.mean(accuracies["freezing"])


def test_a_curve_s_upward_share_is_paired_over_seeds(folders: dict[str, Path]) -> None:
    write_arm(folders["mnli"], "warm", 5)
    write_arm(folders["optimization"], "cold", 5, rate=4e-4, settings={"optim.warmup": 0.0})
    shares = []
    for name in ("mnli", "optimization"):
        for run in sorted((folders[name] / "runs").iterdir()):
            events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            losses = [e["loss"] for e in events if e.get("split") == "probe_train"]
            moves = [b - a for a, b in pairwise(losses)]
            shares.append(sum(m for m in moves if m > 0) / sum(abs(m) for m in moves))
    theirs = stats.ttest_rel(shares[:5], shares[5:])
    found = judged("C8a", folders).found
    assert found is not None
    assert found.difference == pytest.approx(np.mean(shares[:5]) - np.mean(shares[5:]))
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval(0.95)))


@pytest.mark.parametrize(
    ("losses", "share"), [([3.0, 2.0, 1.0], 0.0), ([1.0, 2.0], 1.0), ([4.0, 1.0, 2.0], 0.25), ([1.0, 1.0], 0.0)]
)
def test_the_upward_share_of_known_curves(folders: dict[str, Path], losses: list[float], share: float) -> None:
    write_arm(folders["mnli"], "one", 1)
    (run,) = study(folders["mnli"]).runs
    run.evaluations["probe_train"]["loss"] = np.array(losses)
    assert upward_share(run) == pytest.approx(share)


def test_one_arm_can_be_measured_twice(folders: dict[str, Path]) -> None:
    write_arm(folders["frozen-head"], "calm", 5, size=1000, rate=2e-5, settings={**FROZEN, "dropout.classifier": 0.3})
    found = judged("C7b", folders).found
    expected = []
    for run in sorted(study(folders["frozen-head"]).runs, key=lambda run: run.seed):
        losses = run.evaluations["validation"]["loss"]
        expected.append(losses[-1] - min(losses[1:]))
    assert found is not None and found.difference == pytest.approx(np.mean(expected))


def test_a_missing_study_and_a_foreign_difference_leave_a_test_undecided(folders: dict[str, Path]) -> None:
    write_arm(folders["mnli"], "full", 3)
    assert judged("C4a", folders).remark == "study freezing: not given"
    write_arm(folders["freezing"], "other", 1)
    assert judged("C4a", folders).remark == "study freezing: the runs for it are not all there"
    write_arm(folders["freezing"], "frozen", 3, settings={**FROZEN, "optim.batch_size": 8})
    found = judged("C4a", folders)
    assert (found.verdict, found.remark) == ("UNDECIDED", "the arms also differ in optim.batch_size")
    for run in (folders["freezing"] / "runs").iterdir():
        change_config(run, {"optim.batch_size": 32})
        certificate = json.loads((run / "certificate.json").read_text())
        (run / "certificate.json").write_text(json.dumps({**certificate, "head_sha256": "c" * 64}))
    assert judged("C4a", folders).remark == "the arms also differ in head_sha256"


def test_the_rate_that_most_seeds_have_stands_for_an_arm(folders: dict[str, Path]) -> None:
    write_arm(folders["mnli"], "full", 3)
    write_arm(folders["freezing"], "tuned", 3, rate=1e-3, settings=FROZEN)
    write_arm(folders["freezing"], "tried", 1, rate=2e-3, settings=FROZEN)
    found = judged("C4a", folders).found
    assert found is not None and found.seeds == (3, 3)


def benchmark(folder: Path, *, bf16: bool) -> Path:
    """A record of four rounds, whose every other figure is absent."""
    rounds = []
    for k in range(4):
        measured = {
            "ours.train": {"examples_per_second": 80.0 + k, "peak_memory_mb": 1000.0},
            "ours.scratch": {"examples_per_second": 80.2 + k, "peak_memory_mb": 1000.0},
        }
        if bf16:
            measured["ours.bf16"] = {"examples_per_second": 160.0 + k, "peak_memory_mb": 990.0 + k}
        rounds.append({"order": list(measured), "measured": measured})
    growth = {name: [{"x": 1, "seconds": 1.0}] for name in ("examples", "sequence_length", "hidden_size")}
    folder.mkdir()
    record = {"schema_version": 1, "rounds": rounds, "growth": growth, "environment": {"device": "cpu"}}
    (folder / "record.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("bf16", [True, False])
def test_rounds_of_a_benchmark_decide_on_seconds_and_memory(
    folders: dict[str, Path], tmp_path: Path, bf16: bool
) -> None:
    write_arm(folders["mnli"], "one", 3)
    write_arm(folders["mnli"], "two", 3, init="scratch")
    found = find(study(folders["mnli"]), [], [benchmark(tmp_path / "benchmark", bf16=bf16)])
    assert list(found.verdicts) == list(CLAIMS)
    tests = {each.test.id: each for verdicts in found.verdicts.values() for each in verdicts}
    logs = [math.log((80.2 + k) / (80.0 + k)) for k in range(4)]
    step = tests["C3a"].found
    assert step is not None and step.difference == pytest.approx(np.mean(logs))
    assert tests["C3a"].verdict == "REFUTED", "equal within the margin is no faster"
    assert tests["C9a"].verdict == ("REFUTED" if bf16 else "UNDECIDED"), "one per cent of memory is below the margin"
    assert tests["C9b"].verdict == ("SUPPORTED" if bf16 else "UNDECIDED")
    assert "on cpu: another device may tell otherwise" in tests["C3a"].remark
    times = {"C9a": 990 / 1000, "C9b": 80 / 160}
    for name, quotient in times.items():
        assert (f"natural log: {quotient:.2f} times float32's" in tests[name].remark) == bf16
    assert (LOGARITHMS in notes(found)) == bf16, "in Korean too"
    assert tests["C13a"].verdict == "UNDECIDED" and "float16" in tests["C13a"].remark


def test_the_report_names_what_it_was_made_from(folders: dict[str, Path], tmp_path: Path) -> None:
    write_arm(folders["mnli"], "one", 3)
    write_arm(folders["mnli"], "two", 3, init="scratch")
    write_arm(folders["freezing"], "frozen", 3, rate=4e-3, settings=FROZEN)
    folder = benchmark(tmp_path / "benchmark", bf16=True)
    asked = [str(folders["mnli"]), "--beside", str(folders["freezing"]), "--benchmark", str(folder)]
    assert main(asked) == 0
    text = (folders["mnli"] / "report.md").read_text(encoding="utf-8")
    assert "analysis.compare results/mnli --beside results/freezing --benchmark results/benchmark" in text
    assert "full minus frozen" in text and text.count("| C13a |") == 1
