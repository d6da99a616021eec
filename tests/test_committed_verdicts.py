"""The main report's verdicts, worked out again from the committed records by other code: csv, json, numpy and scipy."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

RESULTS = Path(__file__).parent.parent / "results"
FULL, SCRATCH = "mnli/n5000-pretrained-lr1e-04", "mnli/n5000-scratch-lr3e-04"
FROZEN = "freezing/n5000-pretrained-lr1e-03"
COLD, COLD_SCRATCH = (f"optimization/n5000-{arm}-warmup-0.0" for arm in ("pretrained-lr1e-04", "scratch-lr3e-04"))
ADAM = "optimization/n5000-pretrained-lr1e-04-decay-l2"
LEVEL = math.log(3) - 0.05


@cache
def runs(arm: str, seeds: int = 5) -> list[Path]:
    study, name = arm.split("/")
    found = [RESULTS / study / "runs" / f"{name}-seed{seed}" for seed in range(seeds)]
    assert all(path.is_dir() for path in found)
    return found


def looks(run: Path, split: str) -> list[tuple[int, float]]:
    """Step and loss of every evaluation of a split."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    found = [each for each in lines if each["event"] == "evaluation" and each["split"] == split]
    return [(each["step"], each["loss"]) for each in found if each.get("weights") != "best"]


def start(run: Path) -> float:
    return looks(run, "validation")[0][1]


def stay(run: Path) -> float:
    """Share of the run until two looks at the validation probe in a row are below the plateau."""
    found = looks(run, "probe_validation")
    steps = [one for (one, first), (_, second) in pairwise(found) if max(first, second) < LEVEL]
    return min([*steps, found[-1][0]]) / found[-1][0]


def upward(run: Path) -> float:
    moves = np.diff([loss for _, loss in looks(run, "probe_train")])
    return moves[moves > 0].sum() / np.abs(moves).sum()


def right(arm: str, seeds: int = 5) -> np.ndarray:
    """1 where a run answers a test pair rightly: seeds, pairs."""
    table = []
    for run in runs(arm, seeds):
        with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
            rows = sorted((row for row in csv.DictReader(file) if row["split"] == "test"), key=lambda row: row["id"])
        labels = ("entailment", "contradiction", "neutral")
        table.append([max(labels, key=lambda label: float(row[label])) == row["gold"] for row in rows])
    return np.array(table, dtype=float)


def over_seeds(one: str, other: str, measure: Callable[[Path], float], coverage: float) -> tuple[float, float, float]:
    gaps = [measure(a) - measure(b) for a, b in zip(runs(one), runs(other), strict=True)]
    found = stats.ttest_1samp(gaps, 0).confidence_interval(coverage)
    return float(np.mean(gaps)), found.low, found.high


def over_seeds_and_items(one: str, other: str) -> tuple[float, float, float]:
    """By the mean squares of a two-way table without replication, the degrees averaged by the variances' shares."""
    gaps = right(one) - right(other)
    seeds, items = gaps.shape
    square_seed = items * gaps.mean(axis=1).var(ddof=1)
    square_item = seeds * gaps.mean(axis=0).var(ddof=1)
    total = ((gaps - gaps.mean()) ** 2).sum()
    square_rest = (total - (seeds - 1) * square_seed - (items - 1) * square_item) / ((seeds - 1) * (items - 1))
    by_seed = square_seed / (seeds * items)
    by_item = max(0.0, square_item - square_rest) / (seeds * items)
    variance = by_seed + by_item
    degrees = variance / (by_seed / (seeds - 1) + by_item / (items - 1))
    half = stats.t.ppf(0.975, degrees) * math.sqrt(variance)
    return gaps.mean(), gaps.mean() - half, gaps.mean() + half


def over_seeds_of_a_square(effect: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float, float]:
    """Of accuracies by examples (1,000 and 5,000), layers (3 and 6) and seed: a main effect of the 2 x 2."""
    names = [[f"n{size}-pretrained-lr1e-04{depth}" for depth in ("-depth-3", "")] for size in (1000, 5000)]
    cells = np.array([[right(f"size/{name}", 3) for name in row] for row in names])
    gaps = effect(cells.mean(axis=-1))
    found = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    return float(gaps.mean()), found.low, found.high


def higher(margin: float) -> Callable[[float, float], str]:
    return lambda low, high: "SUPPORTED" if low > margin else "REFUTED" if high < margin else "UNDECIDED"


def lower(margin: float) -> Callable[[float, float], str]:
    return lambda low, high: higher(margin)(-high, -low)


def equivalent(low: float, high: float) -> str:
    return "SUPPORTED" if high < -0.02 else "REFUTED" if low > -0.02 else "UNDECIDED"


@pytest.mark.parametrize(
    ("test", "found", "judge"),
    [
        ("C1a", lambda: over_seeds(FULL, SCRATCH, start, 0.9), equivalent),
        ("C2a", lambda: over_seeds(FULL, SCRATCH, stay, 0.95), lower(0.05)),
        ("C4a", lambda: over_seeds_and_items(FULL, FROZEN), higher(0.01)),
        ("C5a", lambda: over_seeds_of_a_square(lambda of: (of[:, 1] - of[:, 0]).mean(axis=0)), higher(0.01)),
        ("C5b", lambda: over_seeds_of_a_square(lambda of: (of[1] - of[0]).mean(axis=0)), higher(0.01)),
        ("C8a", lambda: over_seeds(FULL, COLD, upward, 0.95), lower(0.05)),
        ("C8b", lambda: over_seeds(SCRATCH, COLD_SCRATCH, upward, 0.95), lower(0.05)),
        ("C10a", lambda: over_seeds_and_items(FULL, ADAM), higher(0.005)),
        ("C12a", lambda: over_seeds(FROZEN, FULL, upward, 0.95), lower(0.05)),
    ],
)
def test_a_verdict_of_the_main_report(
    test: str, found: Callable[[], tuple[float, float, float]], judge: Callable[[float, float], str]
):
    difference, low, high = found()
    report = (RESULTS / "mnli" / "report.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    (row,) = re.findall(rf"^\| {test} \| .*$", report, re.M)
    _, _, verdict, shown, interval, *_ = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert (shown, interval.split(" (")[0]) == (f"{difference:.4f}", f"{low:.4f} to {high:.4f}")
    assert judge(low, high) in verdict


def test_the_headline():
    difference, low, high = over_seeds_and_items(FULL, SCRATCH)
    shown = f"{difference:.3f} ({low:.3f} to {high:.3f})"
    assert shown in (RESULTS.parent / "README.md").read_text(encoding="utf-8")
