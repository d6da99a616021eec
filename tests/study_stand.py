"""Stand-ins for the runs of a study: records written at once, and the exit code that a test wants."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from train.config import RunConfig, to_record
from train.study import command as study

SWEEP = """
name = "s"
[[block]]
name = "sweep"
init = ["scratch", "pretrained"]
rate.scratch = [1e-4, 2e-4, 4e-4]
rate.pretrained = [1e-5, 2e-5, 4e-5]
[[block]]
seed = [0, 1]
init = ["scratch", "pretrained"]
learning_rate = "best"
tune_on = "sweep"
"""


class Stand:
    """Stands in for `python -m train.run`: writes a run's records at once and leaves with the code it is told to."""

    def __init__(self, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.results = results
        self.codes: dict[str, int] = {}
        self.losses: dict[str, float] = {}
        self.accuracies: dict[str, float] = {}
        self.made: list[str] = []
        monkeypatch.setattr(study, "command_of", self.make)

    def make(self, config: RunConfig, directory: Path) -> list[str]:
        self.made.append(directory.name)
        code = self.codes.get(directory.name, 0)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config.json").write_text(json.dumps({"schema_version": 1, **to_record(config), "plan": {}}))
        events = [{"step": 0}, {"step": 1}, {"step": 1, "weights": "best"}]
        lines = (json.dumps({"event": "evaluation", "examples": 10, **event}) + "\n" for event in events)
        (directory / "metrics.jsonl").write_text("".join(lines))
        if code == 0:
            (directory / "summary.json").write_text(json.dumps(self.summary(directory.name)))
        leave = f"os.kill(os.getpid(), {-code})" if code < 0 else f"os._exit({code})"
        return [sys.executable, "-S", "-c", f"import os\n{leave}"]

    def summary(self, name: str) -> dict:
        best = {"validation_loss": self.losses.get(name, 1.0), "validation_accuracy": self.accuracies.get(name, 0.4)}
        clocks = {"seconds": 3.0, "train_seconds": 2.0, "examples_seen": 100}
        return {**clocks, "best": best, "evaluations": {"after": {"test": {"examples": 50}}}}

    def run(self, text: str, *flags: str) -> int:
        """The exit code of `python -m train.study` on a file with this text; `made` are the runs that it began."""
        path = self.results.parent / "s.toml"
        path.write_text(text, encoding="utf-8")
        self.made.clear()
        return study.main([str(path), "--results", str(self.results), *flags])
