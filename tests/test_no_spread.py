"""Arms between which nothing varies: no interval and no smallest gap is told, and a sentence says why."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.compare import main
from analysis.statistics.equivalence import equivalence
from analysis.statistics.intervals import mean_interval
from analysis.statistics.paired import compare_items, compare_values
from tests.report_text import section, table
from tests.synthetic_runs import LABELS, write_run


def test_no_spread_finds_no_gap_and_shows_no_interval() -> None:
    for found in (compare_values(np.ones(3), np.ones(3)), compare_items(np.ones((3, 9)), np.ones((3, 9)))):
        assert math.isnan(found.smallest_gap()) and all(map(math.isnan, found.shown_interval()))
        assert equivalence(found, 0.01).outcome == "equivalent", "with a head of zeros no spread is exact"
    assert math.isnan(mean_interval([0.333] * 3).low)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Embeddings answer just as scratch does, shuffled is right on the same pairs, pretrained is better."""
    for seed in range(3):
        for init in ("scratch", "pretrained", "embeddings", "shuffled"):
            write_run(tmp_path, init, seed, steps=40)
        for init in ("embeddings", "shuffled"):
            for name in ("predictions.csv", "summary.json"):
                shutil.copy(tmp_path / f"runs/scratch-seed{seed}" / name, tmp_path / f"runs/{init}-seed{seed}" / name)
        path = tmp_path / f"runs/shuffled-seed{seed}/predictions.csv"
        header, *lines = path.read_text().splitlines()
        path.write_text("\n".join([header, *map(turn_mistake, lines)]) + "\n")
    return tmp_path


def turn_mistake(line: str) -> str:
    """The same row with the other wrong label, where the label is wrong."""
    split, id, gold, *shares, group = line.split(",")
    place, said = LABELS.index(gold), shares.index("0.8000")
    if said != place:
        other = 3 - said - place
        shares[said], shares[other] = shares[other], shares[said]
    return ",".join([split, id, gold, *shares, group])


def test_the_report_says_that_nothing_varies(study: Path) -> None:
    assert main([str(study)]) == 0
    report = (study / "report.md").read_text()
    rows = {row["arms"]: row for row in table(report, "Differences in test accuracy, paired") if row["split"] == "test"}
    for arm in ("embeddings", "shuffled"):
        row = rows[f"{arm} minus scratch"]
        assert (row["difference"], row["95% interval"], row["smallest detectable gap"]) == ("0.000", "n/a", "n/a")
    assert rows["pretrained minus scratch"]["95% interval"] != "n/a"
    ladder = section(report, "How much of the gain do parts of the weights give?")
    same = "embeddings and scratch give every pair of test the same answer in every seed."
    alike = "shuffled and scratch are right on the same pairs of test in every seed."
    for part in (section(report, "Test accuracy"), ladder):
        assert same in part and alike in part and "pretrained and scratch give" not in part
    shares = {row["arm"]: row for row in table(ladder, "Share of the gap")}
    assert (shares["embeddings"]["share"], shares["embeddings"]["95% interval"]) == ("0.00", "n/a")


def test_the_short_answer_says_so_too(study: Path) -> None:
    for seed in range(3):
        here, there = (study / f"runs/{init}-seed{seed}" for init in ("pretrained", "scratch"))
        shutil.copy(there / "predictions.csv", here / "predictions.csv")
    assert main([str(study)]) == 0
    screen = (study / "report.md").read_text().split("\n## ")[0]
    assert "Pretrained minus scratch is 0.000, 95% interval over seeds and items n/a" in screen
    assert "80% power" not in screen and "80% 검정력" not in (study / "report.ko.md").read_text(encoding="utf-8")
    assert "pretrained and scratch give every pair of test the same answer in every seed." in screen
