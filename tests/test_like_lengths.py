"""What batches of like length do is told from a study that has both, by its own predictions alone."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from analysis.records.study import open_study
from analysis.report.threats import threats
from tests.synthetic_runs import LABELS, RATES, edit, write_run

SEEDS = (0, 1, 2)


@pytest.fixture
def pools(tmp_path: Path) -> Path:
    """Both arms with pools of 1 and of 50; the rate, which differs too, gives them other answers."""
    for init in RATES:
        for pool, factor in ((1, 1), (50, 8 if init == "scratch" else 2)):
            for seed in SEEDS:
                run = write_run(
                    *(tmp_path / "pools", init, seed),
                    steps=40,
                    name=f"{init}-{pool}-{seed}",
                    rate=RATES[init] * factor,
                )
                edit(run / "config.json", optim={"learning_rate": 1e-4, "learning_rates": {}, "length_pool": pool})
    return tmp_path / "pools"


def accuracies(study: Path, init: str, pool: int) -> np.ndarray:
    """By seed, from the files."""
    found = []
    for seed in SEEDS:
        with (study / f"runs/{init}-{pool}-{seed}/predictions.csv").open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
        found.append(np.mean([max(LABELS, key=lambda label: float(row[label])) == row["gold"] for row in rows]))
    return np.array(found)


def told(main: Path, beside: Path) -> str:
    others = [open_study([beside], beside)]
    return next(line for line in threats(open_study([main], main), others) if line.startswith("A batch holds"))


@pytest.fixture
def main(tmp_path: Path) -> Path:
    for init in RATES:
        run = write_run(tmp_path / "main", init, steps=40)
        edit(run / "config.json", optim={"learning_rate": 1e-4, "learning_rates": {}, "length_pool": 50})
    return tmp_path / "main"


def test_the_cost_of_like_lengths_is_told_for_each_arm_and_for_the_gap(main: Path, pools: Path) -> None:
    words = told(main, pools)
    cost = {init: (accuracies(pools, init, 50) - accuracies(pools, init, 1)).mean() for init in RATES}
    assert abs(cost["scratch"] - cost["pretrained"]) > 0.01, "else the order of the arms could not show"
    figures = re.findall(r"([\d.\u2212]+) \(95% interval ([\d.\u2212]+) to ([\d.\u2212]+), 3 seeds\)", words)
    found = [[float(each.replace("\u2212", "-")) for each in row] for row in figures]
    expected = [cost["pretrained"], cost["scratch"], cost["pretrained"] - cost["scratch"]]
    assert [row[0] for row in found] == pytest.approx(expected, abs=5.1e-4)
    assert all(low < middle < high for middle, low, high in found)
    assert "for pretrained and" in words and "results/pools" in words and "pools of 50" in words


def test_a_study_that_lacks_an_arm_tells_nothing(main: Path, pools: Path) -> None:
    for path in pools.glob("runs/scratch-1-*/config.json"):
        edit(path, optim={"learning_rate": 1e-4, "learning_rates": {}, "length_pool": 50, "weight_decay": 0.1})
    assert "Measured" not in told(main, pools) and "length-pool.toml compares the two" in told(main, pools)
    assert "Measured" not in told(main, main)
