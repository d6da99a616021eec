"""Rounds added to a benchmark's record; what an interrupted one keeps. Measured is what the committed record has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from train.benchmark.command import main
from train.benchmark.process import ChildError
from train.benchmark.record import FIGURES
from train.benchmark.rounds import CONTENDERS
from train.benchmark.settings import Settings

ROOT = Path(__file__).parent.parent
MADE = json.loads((ROOT / "results/benchmark/record.json").read_text(encoding="utf-8"))


class Machine:
    """Stands for the processes that measure: what the committed record's first round found, ours faster by round."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.fails_after = 1_000
        self.environment = MADE["environment"]

    def measure(self, name: str, settings: Settings) -> dict[str, Any]:
        if len(self.asked) == self.fails_after:
            raise ChildError("a process that measures failed")
        self.asked.append((name, settings.seed))
        if name == "ours.machine":
            return {key: value for key, value in self.environment.items() if key != "peers"}
        if name == "ours.growth":
            return dict(MADE["growth"])
        found = dict(MADE["rounds"][0]["measured"].get(name, {"unavailable": "no matrix units"}))
        if name == "ours.train":
            found["examples_per_second"] *= settings.seed
        return found


@pytest.fixture
def machine(monkeypatch) -> Machine:
    stand_in = Machine()
    monkeypatch.setattr("train.benchmark.rounds.measure", stand_in.measure)
    monkeypatch.setattr("train.benchmark.rounds.present_peers", lambda: MADE["environment"]["peers"])
    return stand_in


@pytest.fixture
def ask(tmp_path, tiny_checkpoint):
    flags = ["--quick", "--checkpoint", str(tiny_checkpoint), "--out", str(tmp_path)]
    return lambda *more: main([*flags, *more])


def read(out: Path) -> dict[str, Any]:
    return json.loads((out / "record.json").read_text(encoding="utf-8"))


def test_an_interrupted_benchmark_keeps_its_rounds_and_more_are_added(machine, ask, tmp_path):
    machine.fails_after = 2 + len(CONTENDERS) + 4
    assert ask("--rounds", "3") == 1
    one = read(tmp_path)
    assert [each["seed"] for each in one["rounds"]] == [1] and one["sizes"]["rounds"] == 1
    assert "Rounds: 1;" in (tmp_path / "report.md").read_text(encoding="utf-8")
    machine.asked, machine.fails_after = [], 1_000
    assert ask("--more", "--rounds", "2") == 0
    record = read(tmp_path)
    assert machine.asked[1:] == [(name, 2) for name in reversed(CONTENDERS)] + [(name, 3) for name in CONTENDERS]
    assert record["rounds"][0] == one["rounds"][0] and record["growth"] == one["growth"] == MADE["growth"]
    assert record["sizes"] == {**one["sizes"], "rounds": 3}
    alone = FIGURES["train_vs_trainer_ratio"].value(one["rounds"][0]["measured"])
    found = record["train_vs_trainer_ratio"]
    assert [found[name] / alone for name in ("min", "median", "max")] == pytest.approx([1, 2, 3], rel=1e-5)


def test_a_record_in_whose_place_another_is_begun_is_kept(machine, ask, tmp_path, capsys):
    assert ask("--rounds", "2") == 0
    before = (tmp_path / "record.json").read_bytes()
    for done, kept in ((1, "record.json"), (2 + len(CONTENDERS) + 4, "record-before.json")):
        machine.fails_after = len(machine.asked) + done
        assert ask("--rounds", "2") == 1
        assert (tmp_path / kept).read_bytes() == before
    assert len(read(tmp_path)["rounds"]) == 1
    assert "the record that was there is kept as " in capsys.readouterr().err


def test_the_report_tells_the_rounds_of_each_commit(machine, ask, tmp_path):
    assert ask() == 0
    assert "rounds by commit" not in (tmp_path / "report.md").read_text(encoding="utf-8")
    record = read(tmp_path)
    record["environment"] |= {"commit": "e" * 40, "dirty": False}
    for name in ("commit", "dirty"):
        del record["rounds"][0][name]  # as in records that nothing could be added to
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    machine.environment = {**record["environment"], "commit": "f" * 40, "dirty": True}
    assert ask("--more", "--rounds", "2") == 0
    told = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "rounds by commit: eeeeeee 1, fffffff with changes 2." in told
    alone = record["train_vs_trainer_ratio"]["median"]
    counts = [f"{factor * alone:.3g} ({met} of {of})" for factor, met, of in ((1, int(alone >= 3), 1), (2.5, 2, 2))]
    assert f"| at least 3 | {counts[0]} | {counts[1]} |" in told


def test_what_cannot_be_added_to_is_refused_and_kept(machine, ask, tmp_path, monkeypatch, capsys):
    def refused(*flags: str) -> str:
        assert ask(*flags) == 2
        return capsys.readouterr().err

    path = tmp_path / "record.json"
    assert "no record to add rounds to" in refused("--more")
    assert ask() == 0
    before = path.read_bytes()
    assert "batch size was 8 there, and is 4" in refused("--more", "--batch-size", "4")
    assert "--more adds rounds of the measurement of speed" in refused("--more", "--agreement")
    machine.environment = {**MADE["environment"], "cpu": "a laptop's"}
    assert f"cpu was {MADE['environment']['cpu']} there, and is a laptop's" in refused("--more")
    machine.environment = MADE["environment"]
    assert [name for name, _ in machine.asked].count("ours.train") == 1
    measured = MADE["rounds"][0]["measured"] | {"ours.bf16": MADE["rounds"][0]["measured"]["ours.train"]}
    with monkeypatch.context() as patched:
        patched.setitem(MADE, "rounds", [{"measured": measured}])
        assert "measured was [" in refused("--more") and path.read_bytes() == before
    older, lacking = json.loads(before), json.loads(before)
    older["rounds"][0]["order"].append("ours.random")
    del lacking["growth"]
    for damaged, told in ((older, "contenders was ["), (lacking, "can be added to"), ({}, "can be added to")):
        path.write_text(json.dumps(damaged), encoding="utf-8")
        assert told in refused("--more")
    path.write_text("{", encoding="utf-8")
    assert "is no record that rounds can be added to" in refused("--more")
    assert [name for name, _ in machine.asked].count("ours.train") == 2


def test_the_process_that_starts_the_others_has_no_torch(tmp_path, tiny_checkpoint):
    code = (
        "import sys; from tests.test_benchmark_more import Machine; from train.benchmark import command, rounds\n"
        "rounds.measure, rounds.present_peers = Machine().measure, dict\n"
        "code = command.main(sys.argv[1:])\n"
        "assert code == 0 and 'torch' not in sys.modules, code"
    )
    flags = ["--quick", "--checkpoint", str(tiny_checkpoint), "--out", str(tmp_path)]
    subprocess.run([sys.executable, "-c", code, *flags], cwd=ROOT, check=True, capture_output=True)
    assert read(tmp_path)["sizes"]["rounds"] == 1
