"""Rounds added to a benchmark's record; what an interrupted one keeps. Measured is what the committed record has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train.benchmark.command import main
from train.benchmark.process import ChildError
from train.benchmark.record import FIGURES
from train.benchmark.rounds import CONTENDERS
from train.benchmark.settings import Settings

MADE = json.loads((Path(__file__).parent.parent / "results/benchmark/record.json").read_text(encoding="utf-8"))


class Machine:
    """Stands for the processes that measure: what the committed record's first round found, ours faster by round."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.fails_after = 1_000

    def measure(self, name: str, settings: Settings) -> dict[str, Any]:
        if len(self.asked) == self.fails_after:
            raise ChildError("a process that measures failed")
        self.asked.append((name, settings.seed))
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
    machine.fails_after = 1 + len(CONTENDERS) + 4
    assert ask("--rounds", "3") == 1
    one = read(tmp_path)
    assert [each["seed"] for each in one["rounds"]] == [1] and one["sizes"]["rounds"] == 1
    machine.asked, machine.fails_after = [], 1_000
    assert ask("--more", "--rounds", "2") == 0
    record = read(tmp_path)
    assert machine.asked == [(name, 2) for name in reversed(CONTENDERS)] + [(name, 3) for name in CONTENDERS]
    assert record["rounds"][0] == one["rounds"][0] and record["growth"] == one["growth"] == MADE["growth"]
    assert record["sizes"] == {**one["sizes"], "rounds": 3}
    alone = FIGURES["train_vs_trainer_ratio"].value(one["rounds"][0]["measured"])
    found = record["train_vs_trainer_ratio"]
    assert [found[name] / alone for name in ("min", "median", "max")] == pytest.approx([1, 2, 3], rel=1e-5)


@pytest.mark.usefixtures("machine")
def test_the_report_counts_the_rounds_of_each_commit(ask, tmp_path, monkeypatch):
    assert ask() == 0
    assert "rounds by commit" not in (tmp_path / "report.md").read_text(encoding="utf-8")
    elsewhere = {**read(tmp_path)["environment"], "commit": "f" * 40}
    monkeypatch.setattr("train.benchmark.rounds.describe_machine", lambda: elsewhere)
    assert ask("--more", "--rounds", "2") == 0
    first = (read(tmp_path)["rounds"][0]["commit"] or "unknown")[:7]
    assert f"rounds by commit: {first} 1, fffffff 2." in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("machine")
def test_what_cannot_be_added_to_is_refused_and_kept(ask, tmp_path, monkeypatch, capsys):
    def refused(*flags: str) -> str:
        assert ask("--more", *flags) == 2
        return capsys.readouterr().err

    path = tmp_path / "record.json"
    assert "no record to add rounds to" in refused()
    assert ask() == 0
    before = path.read_bytes()
    assert "batch_size was 8 there, and is 4" in refused("--batch-size", "4")
    assert "--more adds rounds of the measurement of speed" in refused("--agreement")
    monkeypatch.setitem(MADE["rounds"][0]["measured"]["ours.train"], "cpu", "a laptop's")
    assert f"cpu was {MADE['environment']['cpu']} there, and is a laptop's" in refused()
    assert path.read_bytes() == before
    older = json.loads(before)
    older["rounds"][0]["order"].append("ours.random")
    path.write_text(json.dumps(older), encoding="utf-8")
    assert "contenders was [" in refused()
    for text in ("{", "[]", "{}"):
        path.write_text(text, encoding="utf-8")
        assert "is no record that rounds can be added to" in refused()
