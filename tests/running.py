"""Run a tiny training in this process and read its records."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.cli import parse_run
from train.session import run

TINY = (
    *("--train-examples", "96", "--validation-examples", "48", "--test-examples", "48", "--max-tokens", "64"),
    *("--epochs", "2", "--batch-size", "16", "--threads", "1", "--precision", "float32"),
    *("--set", "optim.learning_rate=1e-3"),
    *("--set", "evaluation.probes=3", "--set", "evaluation.probe_examples=16"),
)
NO_DROPOUT = tuple(f for name in ("hidden", "attention", "classifier") for f in ("--set", f"dropout.{name}=0.0"))


def train(results: Path, checkpoint: Path, *flags: str, name: str = "run") -> Path:
    """The run directory of a finished tiny run."""
    arguments = ["--checkpoint", str(checkpoint), *TINY, "--results", str(results), "--study", "s", "--name", name]
    request = parse_run([*arguments, *flags])
    run(request)
    return request.directory


def record(directory: Path, name: str) -> dict[str, Any]:
    """One JSON record of a run."""
    return json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))


def metrics(directory: Path, event: str | None = None) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without their clocks."""
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if event in (None, line["event"])]
    return [{k: v for k, v in line.items() if k not in ("seconds", "train_seconds")} for line in kept]


def predictions(directory: Path) -> Sequence[dict[str, str]]:
    """Rows of predictions.csv."""
    with (directory / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Crash(Exception):
    """Something that no part of the program expects."""


def crash():
    raise Crash


def resume(directory, checkpoint, *flags):
    run(parse_run(["--resume", str(directory), "--checkpoint", str(checkpoint), *flags]))
