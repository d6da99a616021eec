"""Reads the benchmark's record, results/benchmark/record.json, as untrusted input."""

import json
from pathlib import Path
from typing import Any

from analysis.records.reading import SCHEMA_VERSION, RecordError, is_kind, lookup, parse_object, read_text

SPEED_UPS = {
    "train_vs_trainer_ratio": "training",
    "train_vs_grouped_ratio": "training, Trainer grouping by length",
    "buckets_vs_random_ratio": "training, ours in buckets against ours at random",
    "bf16_vs_float32_ratio": "training, ours in bf16 against ours",
    "eval_ratio": "evaluation, same batch size",
    "eval_own_batches_ratio": "evaluation, our own batches",
    "eval_vs_sorted_ratio": "evaluation, Trainer on sorted pairs",
    "frozen_10_epochs_ratio": "frozen encoder, all epochs",
    "frozen_later_epochs_ratio": "frozen encoder, later epochs",
}
"""Figures of which more is better, without bound."""

SHARES = {
    "peak_memory_ratio": "peak memory\n(less is better)",
    "first_step_ratio": "time to first update\n(less is better)",
    "utilisation": "utilisation\n(more is better)",
}
TOLD = ("bf16_memory_ratio",)
"""Figures that the report tells and no plot draws: this share can pass one."""

RATES = {
    "training": ("ours.train", "ours.buckets", "ours.random", "trainer.train", "trainer.grouped"),
    "evaluation": ("ours.evaluate", "trainer.evaluate"),
}
"""Kind of work -> contenders whose rates are drawn."""

GROWTH = ("examples", "sequence_length", "hidden_size")
"""What the cost is told to grow with."""


def read_benchmark(path: Path) -> dict[str, Any]:
    """Returns the record, checked as far as the figures use it.

    Raises:
        RecordError: unreadable, another schema version, or a number missing or of another kind.
    """
    record = parse_object(read_text(path), str(path))
    if record.get("schema_version") != SCHEMA_VERSION:
        found = json.dumps(record.get("schema_version"))[:60]
        raise RecordError(f"{path}: schema_version {found}, expected {SCHEMA_VERSION}")
    for name in (*SPEED_UPS, *SHARES, *TOLD):
        for part in ("median", "min", "max") if record.get(name) is not None else ():
            value = lookup(record, f"{name}.{part}")
            if not is_kind(value, float) or not 0 < value < 1e9:
                raise RecordError(f"{path}: {name}.{part} should be positive, found {json.dumps(value)[:60]}")
    check_rounds(record, path)
    for name in GROWTH:
        points = lookup(record, f"growth.{name}")
        if not isinstance(points, list) or not all(is_point(point) for point in points):
            raise RecordError(f"{path}: growth.{name} should be a list of x and seconds")
    return record


def check_rounds(record: dict[str, Any], path: Path) -> None:
    """Refuses rounds without the rates that are drawn."""
    rounds = record.get("rounds")
    if not isinstance(rounds, list) or not rounds:
        raise RecordError(f"{path}: rounds should be a list of at least one round")
    for number, each in enumerate(rounds):
        measured = lookup(each, "measured")
        for contender in (name for names in RATES.values() for name in names):
            found = measured.get(contender) if isinstance(measured, dict) else {}
            if found is not None and not is_kind(lookup(found, "examples_per_second"), float):
                raise RecordError(f"{path}: rounds[{number}].measured.{contender} has no examples_per_second")


def is_point(point: object) -> bool:
    """Whether a value is a point of a growth curve."""
    return all(is_kind(lookup(point, name), float) for name in ("x", "seconds"))
