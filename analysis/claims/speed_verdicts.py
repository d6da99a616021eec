"""Verdicts on what rounds of one benchmark decide: seconds of a step and memory, by arm and by arithmetic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.claims.register import ClaimTest
from analysis.claims.verdicts import UNDECIDED, Verdict, judge
from analysis.records.benchmark import read_benchmark
from analysis.records.reading import RecordError, is_kind, lookup
from analysis.statistics.paired import compare_values

RATE, MEMORY = "examples_per_second", "peak_memory_mb"


@dataclass(frozen=True, kw_only=True)
class Quotient:
    """A test's effect in one round: the logarithm of one measurement over another."""

    of: str
    """Contender and measurement, with a dot between."""
    by: str


TIMED: Mapping[str, Quotient] = {
    # seconds of a step are the inverse of the rate, as all have the same batches
    "C3a": Quotient(of=f"ours.scratch.{RATE}", by=f"ours.train.{RATE}"),
    "C9a": Quotient(of=f"ours.bf16.{MEMORY}", by=f"ours.train.{MEMORY}"),
    "C9b": Quotient(of=f"ours.train.{RATE}", by=f"ours.bf16.{RATE}"),
}
"""Test -> its first arm over its second."""


def logarithms(record: Mapping[str, Any], measurement: str) -> list[float]:
    """Returns the logarithm of a measurement in every round; empty if a round has none.

    Raises:
        RecordError: it is not positive.
    """
    contender, _, name = measurement.rpartition(".")
    found = [each["measured"].get(contender) for each in record["rounds"]]
    if None in found:
        return []
    values = [lookup(each, name) for each in found]
    if not all(is_kind(value, float) and value > 0 for value in values):
        raise RecordError(f"benchmark: {measurement} should be positive in every round")
    return [math.log(value) for value in values]


def timed_verdict(test: ClaimTest, folder: Path | None) -> Verdict:
    """Returns the verdict on a test of `TIMED`, paired over rounds.

    Args:
        folder: with the benchmark's record.json; None leaves the test undecided.

    Raises:
        RecordError: the record is missing or malformed.
    """
    if folder is None:
        return Verdict(test=test, verdict=UNDECIDED, remark="needs the benchmark's rounds: --benchmark DIR")
    record, asked = read_benchmark(folder / "record.json"), TIMED[test.id]
    one, other = logarithms(record, asked.of), logarithms(record, asked.by)
    if not one or not other:
        return Verdict(test=test, verdict=UNDECIDED, remark="the benchmark's machine could not measure it")
    device = lookup(record, "environment.device") or "an unknown device"
    found = compare_values(np.array(one), np.array(other))
    remark = (
        f"natural log: {math.exp(found.difference):.2f} times {test.arms[1]}'s; seeds are rounds of the benchmark, on "
        f"{device}: another device may tell otherwise"
    )
    return judge(test, found, remark)
