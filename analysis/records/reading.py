"""Reads the files of a run directory (record schema 1) as untrusted input: a fault names file and place."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.records.text import clean, clean_tree
from models.errors import DataError

SCHEMA_VERSION = 1

Columns = dict[str, NDArray[np.float64]]
"""Column name -> one float64 per event."""

REQUIRED: dict[str, dict[str, type]] = {
    "config.json": {
        "schema_version": int,
        "init": str,
        "seed": int,
        "data.dataset": str,
        "plan.steps": int,
        "plan.steps_per_epoch": int,
        "plan.learning_rate": float,
    },
    "environment.json": {},
    "certificate.json": {"numerics_version": int},
    "data.json": {"name": str, "splits": dict, "splits.train.examples": int, "tokens": dict},
    "summary.json": {
        "schema_version": int,
        "stop_reason": str,
        "steps": int,
        "epochs": float,
        "train_seconds": float,
        "best.epoch": float,
        "best.validation_accuracy": float,
        "best.validation_loss": float,
        "evaluations.before.validation.loss": float,
        "evaluations.before.test.accuracy": float,
        "evaluations.after.test.accuracy": float,
        "evaluations.after.test.examples": int,
    },
}
"""What the report cannot do without: file -> dotted key -> kind (float accepts whole numbers too)."""

CLOCKS = {"step": "steps", "examples_seen": "examples seen", "train_seconds": "seconds in training steps"}
"""Columns that tell the time of a run, and their units."""
TRAIN_COLUMNS = (*CLOCKS, "loss")
EVALUATION_COLUMNS = (*CLOCKS, "loss", "accuracy")
EPOCH_COLUMNS = ("step", "epoch", "train_loss", "train_accuracy")


class RecordError(DataError):
    """A record that cannot be read; the message says which file, where, and what would be right."""


def lookup(record: Any, dotted: str) -> Any:
    """Returns the value at a dotted path, or None where there is none, or no record."""
    value = record
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def is_kind(value: object, kind: type) -> bool:
    """Whether a JSON value is of a kind; a whole number is a float too, true and false are no numbers."""
    return isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)


def read_text(path: Path) -> str:
    """Returns a record's text.

    Raises:
        RecordError: the file is missing, unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: byte {error.start} is not UTF-8") from None


def parse_object(text: str, where: str) -> dict[str, Any]:
    """Returns one JSON object with every string cleaned.

    Raises:
        RecordError: not JSON, or not an object.
    """
    try:
        value = clean_tree(json.loads(text))
    except (ValueError, RecursionError):
        raise RecordError(f"{where}: not valid JSON") from None
    if not isinstance(value, dict):
        raise RecordError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def read_record(path: Path) -> dict[str, Any]:
    """Returns one JSON record, checked against `REQUIRED` and the schema version.

    Raises:
        RecordError: unreadable, another schema version, or a required value missing or of another kind.
    """
    record = parse_object(read_text(path), str(path))
    for dotted, kind in REQUIRED[path.name].items():
        if not is_kind(lookup(record, dotted), kind):
            found = json.dumps(lookup(record, dotted))[:60]
            raise RecordError(f"{path}: {dotted} should be a {kind.__name__}, found {found}")
    if record.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise RecordError(f"{path}: schema_version {record['schema_version']}, expected {SCHEMA_VERSION}")
    if path.name == "summary.json":
        check_outcomes(record, path)
    return record


def check_outcomes(summary: dict[str, Any], path: Path) -> None:
    """Refuses a summary with an accuracy that is no share, in any split, before or after training."""
    for when in ("before", "after"):
        for split, found in summary["evaluations"][when].items():
            accuracy = lookup(found, "accuracy")
            if not is_kind(accuracy, float) or not 0 <= accuracy <= 1:
                where = f"{path}: evaluations.{when}.{split}.accuracy"
                raise RecordError(f"{where} should lie in 0..1, found {json.dumps(accuracy)[:60]}")


def cell(event: dict[str, Any], name: str, where: str) -> float:
    """Returns one number of an event; null means not a number was measured (a diverged loss)."""
    value = event.get(name, "nothing")
    if value is None:
        return math.nan
    if not is_kind(value, float) or abs(value) > 1e300:
        raise RecordError(f"{where}: {name} should be a number, found {json.dumps(value)[:60]}")
    return float(value)


def to_columns(events: Sequence[tuple[str, dict[str, Any]]], names: Iterable[str]) -> Columns:
    """Returns events as columns.

    Raises:
        RecordError: a value is missing or no number, or the steps do not increase.
    """
    columns = {name: np.array([cell(event, name, at) for at, event in events]) for name in names}
    if not np.all(np.diff(columns["step"]) > 0):
        late = int(np.argmin(np.diff(columns["step"]) > 0)) + 1
        raise RecordError(f"{events[late][0]}: step {columns['step'][late]:g} does not follow the one before")
    return columns


def read_metrics(path: Path) -> tuple[Columns, Columns, dict[str, Columns]]:
    """Returns the training, epoch and per-split evaluation columns of metrics.jsonl.

    Evaluations with the best weights are left to summary.json: they belong to an earlier step.
    """
    lines = enumerate(read_text(path).split("\n"), start=1)
    events = [(f"{path}:{i}", parse_object(line, f"{path}:{i}")) for i, line in lines if line.strip()]
    kinds: dict[str, list[tuple[str, dict[str, Any]]]] = {"train": [], "epoch": []}
    splits: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for at, event in events:
        if event.get("event") == "evaluation" and event.get("weights") != "best":
            splits.setdefault(str(event.get("split")), []).append((at, event))
        elif event.get("event") in kinds:
            kinds[event["event"]].append((at, event))
    if not kinds["train"]:
        raise RecordError(f"{path}: no training step is recorded")
    evaluations = {split: to_columns(found, EVALUATION_COLUMNS) for split, found in splits.items()}
    return to_columns(kinds["train"], TRAIN_COLUMNS), to_columns(kinds["epoch"], EPOCH_COLUMNS), evaluations


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Returns the rows of predictions.csv with cleaned cells; a run without that file has none."""
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
    except csv.Error as error:
        raise RecordError(f"{path}: {error}") from None
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise RecordError(f"{path}:{line}: expected as many cells as the header has")
    return [{key: clean(value) for key, value in row.items()} for row in rows]
