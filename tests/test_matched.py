"""Equal training loss: where a curve comes down to it, and what the report says the arms reach there."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.records.runs import Run, load_run
from analysis.records.study import open_study
from analysis.report.beyond_sections import matched_blocks, matched_sentence
from analysis.statistics.matched import at_training_loss, match
from analysis.statistics.paired import compare_values
from tests.blocks import any_plots, drawn, headings, rows_of, text_of
from tests.report_text import number
from tests.synthetic_runs import write_run


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for init in ("scratch", "pretrained"):
        for seed in range(3):
            write_run(folder, init, seed, steps=400)
    return folder


def with_curves(run: Run, train: list[float], validation: list[float], accuracy: list[float] | None = None) -> Run:
    def curve(losses: list[float], right: list[float]) -> dict[str, np.ndarray]:
        steps = np.arange(len(losses), dtype=float)
        return {"step": steps, "loss": np.array(losses), "accuracy": np.array(right)}

    right = accuracy or [0.5] * len(train)
    curves = {"probe_train": curve(train, right), "probe_validation": curve(validation, right)}
    return replace(run, evaluations=run.evaluations | curves)


def test_a_level_is_met_on_the_straight_line_of_its_first_crossing(tmp_path: Path) -> None:
    run = with_curves(load_run(write_run(tmp_path)), [1.1, 0.9, 0.95, 0.5], [1.1, 1.0, 1.2, 1.4], [0.3, 0.4, 0.5, 0.8])
    assert at_training_loss(run, 1.0, "loss") == pytest.approx(1.05)
    assert at_training_loss(run, 0.92, "loss") == pytest.approx(1.1 - 0.1 * 0.9)
    assert at_training_loss(run, 0.8, "loss") == pytest.approx(1.2 + 0.2 / 3)
    assert at_training_loss(run, 0.8, "accuracy") == pytest.approx(0.6)
    assert at_training_loss(run, 0.5, "loss") == pytest.approx(1.4)
    assert math.isnan(at_training_loss(run, 0.49, "loss"))
    assert at_training_loss(run, 1.2, "loss") == pytest.approx(1.1), "below from the first evaluation on"
    assert math.isnan(at_training_loss(replace(run, evaluations={}), 1.0, "loss"))


def test_only_seeds_of_which_both_arms_come_there_are_compared(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        for seed in range(3):
            write_run(tmp_path, init, seed)
    arms = open_study([tmp_path], tmp_path).arms
    low = {"scratch": (0.9, 0.7, 0.7), "pretrained": (0.7, 0.7, 0.9)}
    arms = [
        replace(arm, runs=tuple(with_curves(r, [1.1, low[arm.init][r.seed]], [1.1, 1.0 + r.seed]) for r in arm.runs))
        for arm in arms
    ]
    found = match((arms[1], arms[0]), 0.7, "loss")
    assert found is not None and (found.reached, found.gap.seeds) == ((2, 2), (1, 1))
    assert found.means == (2.0, 2.0), "seed 1 alone"
    assert match((arms[1], arms[0]), 0.6, "loss") is None


def from_file(study: Path, init: str, seed: int, level: float, measure: str) -> float:
    """By numpy's interpolation between the two evaluations around the first crossing."""
    lines = (study / "runs" / f"{init}-seed{seed}" / "metrics.jsonl").read_text().splitlines()
    events = [event for line in lines if "weights" not in (event := json.loads(line))]
    train, validation = ([e for e in events if e.get("split") == f"probe_{s}"] for s in ("train", "validation"))
    for k, event in enumerate(train):
        if event["loss"] <= level:
            ends = [train[k]["loss"], train[k - 1]["loss"]]
            return float(np.interp(level, ends, [validation[k][measure], validation[k - 1][measure]]))
    return math.nan


def test_the_table_has_differences_at_equal_loss(study: Path) -> None:
    blocks = matched_blocks(open_study([study], study), any_plots())
    rows = rows_of(blocks, "Validation probe at equal loss")
    assert [row["training loss"] for row in rows[::2]] == ["1.0", "0.9", "0.8", "0.7", "0.6"]
    for row in rows:
        level, measure = float(row["training loss"]), row["on validation"]
        ours, theirs = (
            [from_file(study, init, seed, level, measure) for seed in range(3)] for init in ("pretrained", "scratch")
        )
        assert [row["pretrained: seeds there"], row["scratch: seeds there"], row["seeds"]] == ["3", "3", "3"]
        assert number(row["pretrained"]) == pytest.approx(np.mean(ours), abs=5.1e-4)
        assert number(row["scratch"]) == pytest.approx(np.mean(theirs), abs=5.1e-4)
        bounds = stats.ttest_rel(ours, theirs).confidence_interval()
        assert [number(end) for end in row["95% interval"].split(" to ")] == pytest.approx(tuple(bounds), abs=5.1e-4)
    last = next(row for row in rows if (row["training loss"], row["on validation"]) == ("0.6", "loss"))
    said = text_of(blocks).split("Where the training probe's loss is 0.6, ")[1].split(" (95% interval")[0]
    assert said == f"the loss on the validation probe, pretrained minus scratch, is {last['difference']}"
    assert f"at 0.6, {last['pretrained']} and {last['scratch']}." in drawn(study, "matched_loss")
    assert "Does it only fit faster?" in headings(study)


@pytest.mark.parametrize(
    ("ours", "reading"),
    [
        ([0.5, 0.6, 0.7], "carries over better"),
        ([1.6, 1.8, 1.7], "carries over less"),
        ([0.5, 1.2, 1.0], "not shown to do more than fit faster"),
        ([0.5], "one seed allows no interval"),
        ([0.5, 0.6, 0.55], "seeds that do not differ allow no interval"),
    ],
)
def test_the_sentence_says_what_the_interval_allows(study: Path, ours: list[float], reading: str) -> None:
    pair = open_study([study], study).arms[::-1]
    found = match((pair[0], pair[1]), 0.7, "loss")
    assert found is not None
    gap = compare_values(np.array(ours), np.array([1.0, 1.1, 1.05][: len(ours)]))
    assert reading in matched_sentence((pair[0], pair[1]), [replace(found, gap=gap)])


def test_one_arm_has_no_such_section(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert matched_blocks(open_study([tmp_path], tmp_path), {}) == []
