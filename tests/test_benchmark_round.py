"""The benchmark from end to end: one tiny round, its records, report and figures."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from filelock import FileLock

from analysis.records.benchmark import read_benchmark
from analysis.records.reading import RecordError
from analysis.speed import main as draw
from train.benchmark.command import QUICK, main
from train.benchmark.process import ChildError, Clock, run_child
from train.benchmark.record import FIGURES, PRODUCTS
from train.benchmark.report import write_report
from train.benchmark.rounds import CONTENDERS, measure, run_rounds
from train.benchmark.settings import STAGES, Settings
from train.config import NUMERICS_VERSION

ROOT = Path(__file__).parent.parent
PEERS_MISSING = [name for name in ("transformers", "accelerate") if importlib.util.find_spec(name) is None]


def quick(out: Path, checkpoint: Path, *flags: str) -> dict:
    with patch.dict(os.environ, {"OMP_NUM_THREADS": "1"}):
        os.environ.pop("MNLI_DIR", None)
        assert main(["--quick", "--checkpoint", str(checkpoint), "--max-tokens", "64", "--out", str(out), *flags]) == 0
    name = "agreement" if "--agreement" in flags else "record"
    return json.loads((out / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory, tiny_checkpoint):
    if PEERS_MISSING:
        pytest.skip(f"needs {', '.join(PEERS_MISSING)}")
    out = tmp_path_factory.mktemp("benchmark")
    return out, quick(out, tiny_checkpoint)


def test_a_round_measures_every_figure(benchmark):
    _, record = benchmark
    (found,) = record["rounds"]
    for name in FIGURES:
        if name.startswith("bf16") and "ours.bf16" not in found["measured"]:
            assert record[name] is None, "a processor without matrix units tells nothing about bf16"
            continue
        assert 0 < record[name]["min"] <= record[name]["median"] <= record[name]["max"] < math.inf, name
    ours, peer = found["measured"]["ours.train"], found["measured"]["trainer.train"]
    assert record["train_vs_trainer_ratio"]["median"] == pytest.approx(
        ours["examples_per_second"] / peer["examples_per_second"], rel=1e-5
    )
    assert (ours["examples"], peer["examples"]) == (64, 32)
    assert ours["tokens_per_example"] == pytest.approx(peer["tokens_per_example"], abs=1.0)
    assert ours["tokens_per_example"] == found["measured"]["trainer.grouped"]["tokens_per_example"]
    assert ours["first_step_seconds"] >= max(ours["stages"].values()) > 0 and 100 < ours["peak_memory_mb"] < 5_000
    for stages in (ours["stages"], peer["stages"]):
        assert tuple(stages) == STAGES and list(stages.values()) == sorted(stages.values())
    for shares in (ours["shares_of_time"], found["measured"]["ours.evaluate"]["shares_of_time"]):
        assert sum(shares.values()) == pytest.approx(1) and shares[PRODUCTS] > 0
    assert 0 < record["utilisation"]["median"] < 1
    assert 0.5 < ours["linear_share_of_flops"] < 1 and ours["gemm_after_over_before"] > 0
    assert ours["utilisation"] * ours["gemm_gflops_per_second"] == pytest.approx(ours["gflops_per_second"], rel=1e-5)
    assert (record["data"], record["checkpoint"]) == ("controlled", "tiny")
    for points in record["growth"].values():
        assert len(points) == 3 and all(point["seconds"] > 0 for point in points)


def told(figure: dict[str, Any] | None) -> str:
    """Some processors have not what a figure needs."""
    return f"{figure['median']:.3g}" if figure else "not measured"


def test_the_record_names_no_path_and_the_report_every_figure(benchmark):
    out, record = benchmark
    text = (out / "record.json").read_text(encoding="utf-8")
    assert "/tmp" not in text and "/home" not in text and str(ROOT) not in text
    assert record["environment"]["peers"].keys() == {"transformers", "accelerate"}
    report = (out / "report.md").read_text(encoding="utf-8")
    for name, figure in FIGURES.items():
        assert f"| {figure.meaning} | {told(record[name])} |" in report
    rates = report.split("## Measured rates")[1].split("##")[0]
    assert "buckets: batches of like length; scratch: random weights; " in rates
    assert ("bf16: " in rates) == ("ours.bf16" in record["rounds"][0]["measured"])
    assert "one epoch of 64 pairs (trainer.train: of every second of them), one evaluation of 48, and 3 epochs" in rates
    assert "| figure | median | range | target | outcome (rounds) |" in report


def test_a_record_of_earlier_code_is_called_one(benchmark, tmp_path):
    out, record = benchmark
    assert "earlier code" not in (out / "report.md").read_text(encoding="utf-8")
    older = json.loads(json.dumps(record))
    for each in older["rounds"]:
        del each["measured"]["ours.train"]["gemm_after_over_before"]
    (tmp_path / "record.json").write_text(json.dumps(older), encoding="utf-8")
    write_report(tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "**This record is of earlier code**" in report and "Within a step the products run at" not in report


def test_figures_are_drawn_from_the_record_alone(benchmark, tmp_path):
    _, record = benchmark
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert draw([str(tmp_path)]) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert sorted(first) == sorted(f"{n}.{e}" for n in ("growth", "rates", "ratios") for e in ("png", "svg"))
    assert draw([str(tmp_path)]) == 0
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    record["eval_ratio"]["median"] = "fast"
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(RecordError, match=r"eval_ratio\.median should be positive"):
        read_benchmark(tmp_path / "record.json")


def test_without_peers_ours_is_still_measured(benchmark, tmp_path, tiny_checkpoint, monkeypatch, capsys):
    measured = {**benchmark[1]["rounds"][0]["measured"], "ours.growth": benchmark[1]["growth"]}
    measured |= {"ours.bf16": {"unavailable": "no matrix units"}, "ours.machine": benchmark[1]["environment"]}
    asked = []
    monkeypatch.setattr("train.benchmark.rounds.PEERS", ("transformers", "no_such_library"))
    monkeypatch.setattr("train.benchmark.rounds.measure", lambda name, _: asked.append(name) or dict(measured[name]))
    record = quick(tmp_path, tiny_checkpoint)
    assert asked == [
        f"ours.{name}" for name in ("machine", "growth", "scratch", "train", "bf16", "buckets", "evaluate", "frozen")
    ]
    assert record["bf16_memory_ratio"] is None and "ours.bf16" not in record["rounds"][0]["measured"]
    assert record["train_vs_trainer_ratio"] is None and record["environment"]["peers"] == {}
    assert record["utilisation"] == benchmark[1]["utilisation"]
    assert "ours alone: transformers and no_such_library are not both installed" in capsys.readouterr().err
    assert "not measured" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert draw([str(tmp_path)]) == 0


def test_agreement_trains_both_paths_from_the_same_seeds(tmp_path, tiny_checkpoint, capfd):
    record = quick(tmp_path, tiny_checkpoint, "--agreement", "--seeds", "2", "--epochs", "1")
    assert [each["seed"] for each in record["seeds"]] == [0, 1]
    assert any(each["fast"] != each["plain"] for each in record["seeds"]), "the plain path is another path"
    assert record["settings"]["checkpoint"] == "tiny"
    assert record["settings"]["precision"] == record["environment"]["precision"] == "float32"
    told = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Fast path minus plain path" in told and "--agreement --seeds 2`" in told
    commit = json.loads((tmp_path / "agreement/runs/fast-seed0/environment.json").read_text(encoding="utf-8"))["commit"]
    assert record["commits"] == [commit] and f"commits {commit[:7]}, of numerics version {NUMERICS_VERSION}," in told
    summaries = {path: path.stat().st_mtime_ns for path in tmp_path.glob("agreement/runs/*/summary.json")}
    assert len(summaries) == 4
    found = json.loads((tmp_path / "agreement/runs/plain-seed1/summary.json").read_text(encoding="utf-8"))
    assert record["seeds"][1]["plain"] == found["evaluations"]["after"]["test"]["accuracy"]
    again = quick(tmp_path, tiny_checkpoint, "--agreement", "--seeds", "2", "--epochs", "1")
    assert again == record and summaries == {path: path.stat().st_mtime_ns for path in summaries}, "kept, not made anew"
    (tmp_path / "agreement/runs/plain-seed1/summary.json").unlink()
    older = {"numerics_version": NUMERICS_VERSION - 1}
    (tmp_path / "agreement/runs/fast-seed0/certificate.json").write_text(json.dumps(older), encoding="utf-8")
    flags = ["--quick", "--checkpoint", str(tiny_checkpoint), "--out", str(tmp_path), "--max-tokens", "64"]
    assert main([*flags, "--agreement", "--seeds", "2", "--epochs", "1"]) == 2
    assert f"fast-seed0: was made by numerics version {NUMERICS_VERSION - 1}" in capfd.readouterr().err


def test_agreement_leaves_a_run_to_the_process_that_has_it(tmp_path, tiny_checkpoint, capfd):
    flags = ["--quick", "--checkpoint", str(tiny_checkpoint), "--out", str(tmp_path)]
    flags += ["--max-tokens", "64", "--agreement", "--seeds", "2", "--epochs", "1"]
    held = tmp_path / "agreement/runs/plain-seed0"
    held.mkdir(parents=True)
    with FileLock(held / "run.lock"):
        assert main(flags) == 0
    said = capfd.readouterr().err
    assert "1 runs are with another process" in said and "--agreement --seeds 2" in said
    assert not (tmp_path / "agreement.json").exists()
    assert main([*flags[:-1], "2"]) == 2
    assert "was begun with " in capfd.readouterr().err


def test_rounds_alternate(monkeypatch):
    seeds = []
    monkeypatch.setattr("train.benchmark.rounds.measure", lambda _, asked: seeds.append(asked.seed) or {"seconds": 1.0})
    one, two = run_rounds(list(CONTENDERS), Settings(), range(1, 3), Clock(2 * len(CONTENDERS)))
    assert seeds == [1] * len(CONTENDERS) + [2] * len(CONTENDERS), "each round has its own batches, all in it the same"
    assert one["order"] == two["order"][::-1] == list(CONTENDERS)
    sides = [name.split(".")[0] for name in CONTENDERS]
    assert all("ours" in pair for pair in pairwise(sides)), "no two of the peers' processes follow each other"


def test_wider_instructions_are_kept_from_the_contenders(tiny_checkpoint, monkeypatch, capsys):
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("needs a processor with AVX2")
    settings = replace(QUICK, checkpoint=str(tiny_checkpoint), max_tokens=64, instructions="avx2")
    assert measure("ours.machine", settings)["cpu"] == "AVX2"
    assert "kept from them" in measure("ours.bf16", settings)["unavailable"]
    assert main(["--agreement", "--instructions", "avx2"]) == 2
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert main(["--instructions", "avx2"]) == 2
    assert capsys.readouterr().err.count("is for the measurement of speed, on an x86 processor") == 2


def test_a_child_that_fails_is_told_in_one_line(capsys, tmp_path):
    with pytest.raises(ChildError, match=r"^ours\.train failed with exit code 1: .*no checkpoint 'nowhere'"):
        settings = json.dumps({"checkpoint": "nowhere"})
        run_child("train.benchmark.tasks", ["train", settings], "ours.train")
    for flags in (["--rounds", "0"], ["--seeds", "1"], ["--data", str(tmp_path / "no")], ["--train-examples", "8"]):
        assert main(flags) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1


def test_the_peers_are_imported_in_one_place():
    users = [p.name for p in (ROOT / "train").rglob("*.py") if "from transformers" in p.read_text(encoding="utf-8")]
    assert users == ["peers.py"]


def test_help_needs_no_torch():
    code = "import sys; from train.benchmark.command import main\n"
    code += "try: main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
