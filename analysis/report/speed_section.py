"""The section on speed, from the benchmark whose folder the report was given."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from analysis.claims.speed_verdicts import RATE, logarithms
from analysis.records.benchmark import SHARES, SPEED_UPS, TOLD, read_benchmark
from analysis.records.reading import RecordError, is_kind, lookup
from analysis.records.text import clean, count, number, span
from analysis.tables.document import Block, Paragraph, Table
from train.benchmark.record import batches_sentence

STEPS = {
    "ours.train": "pretrained",
    "ours.scratch": "scratch",
    "ours.bf16": "pretrained, bf16",
}
"""Contender -> the arm that it trains; the first is what the others are set against."""


def target_text(found: dict[str, Any], where: str) -> tuple[str, str]:
    """Returns a figure's target and whether it was met, as cells; both empty without a target.

    Raises:
        RecordError: the target is no number, or nothing says whether it was met.
    """
    for key in ("at_least", "at_most"):
        if found.get(key) is not None:
            if not is_kind(found[key], float) or not isinstance(found.get("met"), bool):
                raise RecordError(f"{where}: {key} should be a number, with met true or false")
            rounds = (
                f" (in {count(found['met_in_rounds'], 'round')})" if is_kind(found.get("met_in_rounds"), int) else ""
            )
            return f"{key.replace('_', ' ')} {found[key]:g}", ("met" if found["met"] else "not met") + rounds
    return "", ""


def ratio_table(record: dict[str, Any], source: str) -> Table | None:
    """Returns the benchmark's quotients with their targets; None without any.

    Raises:
        RecordError: a quotient has no meaning, or a malformed target.
    """
    rows = []
    alike = "ours.random" not in record["rounds"][0]["measured"]  # else ours had batches that the Trainer had not
    for name in (*SPEED_UPS, *SHARES, *TOLD):
        if (found := record.get(name)) is not None:
            if not is_kind(found.get("meaning"), str):
                raise RecordError(f"benchmark: {name}.meaning should say what is measured")
            bounds = f"{found['min']:.3g} to {found['max']:.3g}"
            judged = target_text(found, f"benchmark: {name}")
            rows.append((found["meaning"], f"{found['median']:.3g}", bounds, *(judged if alike else ("", ""))))
    columns = ("quotient", "median", "range over rounds", "target", "outcome")
    return Table("Speed and memory", columns, tuple(rows), source) if rows else None


def step_table(record: dict[str, Any], source: str) -> Table | None:
    """Returns the seconds of one training step by arm, and over the first arm's; None if the batch size is not known.

    Raises:
        RecordError: the batch size or a rate is no positive number.
    """
    if (batch := lookup(record, "sizes.batch_size")) is None:
        return None
    if not is_kind(batch, int) or batch < 1:
        raise RecordError("benchmark: sizes.batch_size should be a positive whole number")
    rates = {name: logarithms(record, f"{contender}.{RATE}") for contender, name in STEPS.items()}
    seconds = {name: [batch / math.exp(rate) for rate in found] for name, found in rates.items() if found}
    base = next(iter(seconds.values()), [])
    rows = tuple(
        (
            name,
            number(median(found), 3),
            span(min(found), max(found)),
            number(median(one / other for one, other in zip(found, base, strict=True)), 3),
        )
        for name, found in seconds.items()
    )
    columns = ("arm", "median", "range over rounds", f"over {next(iter(seconds), '')}, round by round")
    return Table(f"Seconds of one training step, batches of {batch}", columns, rows, source)


def speed_blocks(folders: Sequence[Path]) -> list[Block]:
    """Returns what benchmarks measured, the one first that the claims are judged on; nothing without one.

    Args:
        folders: each with a benchmark's record.json.

    Raises:
        RecordError: a record is missing or malformed.
    """
    judged = " What claims C3 and C9 say of seconds and memory is judged on these rounds."
    return [
        block for place, folder in enumerate(folders) for block in benchmark_blocks(folder, "" if place else judged)
    ]


def benchmark_blocks(folder: Path, use: str) -> list[Block]:
    """Returns what one benchmark measured, and what its rounds are used for."""
    record, name = read_benchmark(folder / "record.json"), clean(folder.resolve().name)
    source, machine = f"results/{name}/record.json", clean(str(lookup(record, "environment.cpu") or "not recorded"))
    text = (
        f"{count(len(record['rounds']), 'round')} of the benchmark, in each of which all contenders alternate on one "
        f"machine (widest instructions: {machine}); results/{name}/report.md has the rest. The peer is transformers' "
        f"Trainer, training the same model on the same pairs.{use} "
        f"{batches_sentence(record['rounds'][0]['measured'])}"
    )
    tables = [table for make in (ratio_table, step_table) if (table := make(record, source))]
    return [Paragraph(text), *tables] if tables else []
