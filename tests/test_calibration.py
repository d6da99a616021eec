"""Calibration: the fit against scipy, scores against a few lines of their own, the report against the files."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from analysis.records.predictions import Predicted, predicted_pairs
from analysis.records.reading import RecordError
from analysis.records.runs import load_run
from analysis.records.study import open_study
from analysis.report.calibration_section import calibration_blocks
from analysis.statistics.calibration import (
    HOTTEST,
    LEAST_SHARE,
    calibration,
    cross_fitted,
    fit_temperature,
    half,
    positive,
)
from tests.blocks import any_plots, drawn, headings, rows_of, text_of
from tests.report_text import number
from tests.synthetic_runs import LABELS, scramble, write_run

COMMITTED = Path(__file__).parent.parent / "results" / "mnli" / "runs"


def draws(pairs: int, seed: int = 0, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Random probabilities, and labels drawn from blunter ones: an overconfident model."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(pairs, 3))
    gold = np.array([generator.choice(3, p=row) for row in softmax(logits)])
    return softmax(sharpness * logits), gold


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def scipy_temperature(shares: np.ndarray, gold: np.ndarray) -> float:
    def loss(logarithm: float) -> float:
        return log_loss(gold, softmax(np.log(shares) / math.exp(logarithm)), labels=[0, 1, 2])

    bound = math.log(HOTTEST)
    return math.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-9}).x)


def calibration_error(shares: np.ndarray, gold: np.ndarray) -> float:
    """Fifteen bins (low, high], one after the other."""
    confidence, right, found = shares.max(1), shares.argmax(1) == gold, 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            found += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return found


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_logits_times_a_temperature_give_it_back(temperature: float) -> None:
    """Labels come exactly as often as the true probabilities say, so that no sampling blurs the minimum."""
    truths = np.array([(0.5, 0.3, 0.2), (0.7, 0.2, 0.1), (0.1, 0.1, 0.8)])
    gold = np.concatenate([np.repeat([0, 1, 2], np.round(10 * truth).astype(int)) for truth in truths])
    sharpened = np.repeat(truths, 10, axis=0) ** temperature
    shares = sharpened / sharpened.sum(axis=1, keepdims=True)
    assert fit_temperature(shares, gold) == pytest.approx(temperature, rel=1e-9)


@pytest.mark.parametrize(("seed", "sharpness"), [(0, 2.0), (1, 0.5), (2, 7.0)])
def test_the_fit_is_that_of_scipy(seed: int, sharpness: float) -> None:
    shares, gold = draws(500, seed, sharpness)
    assert fit_temperature(shares, gold) == pytest.approx(scipy_temperature(shares, gold), rel=1e-6)


def test_a_model_that_is_mostly_wrong_gets_the_hottest_temperature_and_one_always_right_the_coldest() -> None:
    shares, _ = draws(50)
    assert fit_temperature(shares, shares.argmin(axis=1)) == pytest.approx(HOTTEST)
    assert fit_temperature(shares, shares.argmax(axis=1)) == pytest.approx(1 / HOTTEST)


def test_each_half_gets_the_temperature_of_the_other() -> None:
    shares, gold = draws(400)
    shares = positive(shares)
    ids = tuple(f"dev-{k}" for k in range(400))
    after, temperatures = cross_fitted(Predicted(ids=ids, groups=ids, gold=gold, shares=shares))
    side = np.array([int(sha256(id.encode()).hexdigest(), 16) % 2 for id in ids])
    assert 150 < side.sum() < 250
    for k in (0, 1):
        expected = scipy_temperature(shares[side != k], gold[side != k])
        assert temperatures[k] == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(after[side == k], softmax(np.log(shares[side == k]) / expected), rtol=1e-5)
    assert (after.argmax(axis=1) == shares.argmax(axis=1)).all()


def test_scores_are_those_of_their_definitions() -> None:
    shares, gold = draws(2000)
    found = calibration(shares, gold)
    assert found.error == pytest.approx(calibration_error(shares, gold), abs=1e-12)
    assert found.nll == pytest.approx(log_loss(gold, shares, labels=[0, 1, 2]), rel=1e-12)
    assert found.brier == pytest.approx(((shares - np.eye(3)[gold]) ** 2).sum(axis=1).mean(), rel=1e-12)
    assert found.overconfidence == pytest.approx(shares.max(1).mean() - (shares.argmax(1) == gold).mean(), abs=1e-12)
    assert found.overconfidence > 0.05, "sharpened logits are overconfident"


def test_the_upper_end_of_a_bin_belongs_to_it() -> None:
    shares = np.array([[0.6, 0.3, 0.1], [0.58, 0.3, 0.12], [0.62, 0.3, 0.08]])
    gold = np.array([1, 0, 0])  # 0.6 = 9 / 15 shares the bin of 0.58, where one is right and one wrong
    assert calibration(shares, gold).error == pytest.approx((abs(1.18 - 1) + abs(0.62 - 1)) / 3)


def test_true_probabilities_err_by_chance_about_as_much_as_said() -> None:
    shares, _ = draws(3000)
    generator = np.random.default_rng(5)
    cumulative = shares.cumsum(axis=1)[:, :2]
    errors = [calibration_error(shares, (generator.random((3000, 1)) > cumulative).sum(axis=1)) for _ in range(200)]
    room = 4 * np.std(errors) / math.sqrt(len(errors))
    assert calibration(shares, np.zeros(3000, int)).by_chance == pytest.approx(np.mean(errors), abs=room)


def test_the_table_has_the_means_over_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    for place, init in enumerate(("scratch", "pretrained")):
        for seed in range(3):
            scramble(write_run(folder, init, seed), 10 * place + seed)
    blocks = calibration_blocks(open_study([folder], folder), any_plots())
    gaps = []
    for init in ("scratch", "pretrained"):
        errors, losses = [], []
        for seed in range(3):
            with (folder / "runs" / f"{init}-seed{seed}" / "predictions.csv").open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
            shares = positive(np.array([[float(row[label]) for label in LABELS] for row in rows]))
            gold = np.array([LABELS.index(row["gold"]) for row in rows])
            errors.append(calibration_error(shares, gold))
            losses.append(log_loss(gold, shares, labels=[0, 1, 2]))
        found = {row["probabilities"]: row for row in rows_of(blocks, "Calibration on test ") if row["arm"] == init}
        before, after = found["as trained"], found["after temperature"]
        assert number(before["calibration error"]) == pytest.approx(np.mean(errors), abs=5.1e-4)
        assert number(before["NLL"]) == pytest.approx(np.mean(losses), abs=5.1e-4)
        assert number(after["NLL"]) < number(before["NLL"])
        assert number(after["calibration error"]) < number(before["calibration error"])
        assert before["seeds"] == "3" and before["temperature (range over seeds)"] == "1"
        gaps.append(errors)
    low, high = stats.ttest_rel(gaps[1], gaps[0]).confidence_interval()
    said = text_of(blocks).split("pretrained minus scratch: ")[1].split(" as trained (95% interval ")
    assert number(said[0]) == pytest.approx(np.mean(gaps[1]) - np.mean(gaps[0]), abs=5.1e-4)
    assert [number(end) for end in said[1].split(",")[0].split(" to ")] == pytest.approx([low, high], abs=5.1e-4)
    shown = rows_of(blocks, "Calibration on test ")[0]["calibration error"]
    assert f"Expected calibration error: scratch {shown} as trained" in drawn(folder, "calibration")
    assert "Are the probabilities right?" in headings(folder)


def test_a_zero_of_the_record_is_less_than_its_last_decimal() -> None:
    shares = positive(np.array([[1.0, 0.0, 0.0], [0.3333, 0.3333, 0.3333]]))
    assert shares[0, 1] == pytest.approx(LEAST_SHARE, rel=2e-4)
    assert calibration(shares, np.array([1, 0])).nll == pytest.approx(-np.log([LEAST_SHARE, 1 / 3]).mean(), rel=1e-4)


@pytest.mark.parametrize("cells", ["-0.1,0.6,0.5", "0,0,0", "nan,0.5,0.5", "inf,0,0"])
def test_what_is_no_probability_is_refused(tmp_path: Path, cells: str) -> None:
    run = write_run(tmp_path)
    with (run / "predictions.csv").open("a") as file:
        file.write(f"test,new,neutral,{cells},\n")
    with pytest.raises(RecordError, match=r"example new: .* should be probabilities"):
        predicted_pairs(load_run(run), "test")


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path))
    ours, theirs = (predicted_pairs(each, "test") for each in (run, replace(run, predictions=run.predictions[::-1])))
    assert ours.ids == theirs.ids and (ours.shares == theirs.shares).all() and (ours.right == theirs.right).all()
    assert dict(zip(ours.ids, ours.right, strict=True)) == run.answers["test"]


def test_too_few_pairs_for_two_halves_have_no_temperature() -> None:
    ids = [f"x{k}" for k in range(20)]
    same = tuple(id for id in ids if half(id) == 0)[:3]
    shares, gold = draws(3)
    assert cross_fitted(Predicted(ids=same, groups=same, gold=gold, shares=shares)) is None


@pytest.mark.parametrize("name", ["n5000-scratch-lr3e-04-seed0", "n5000-pretrained-lr1e-04-seed0"])
def test_committed_probabilities_have_the_loss_that_the_run_recorded(name: str) -> None:
    found = predicted_pairs(load_run(COMMITTED / name), "test")
    loss = json.loads((COMMITTED / name / "summary.json").read_text())["evaluations"]["after"]["test"]["loss"]
    shares = positive(found.shares)
    given = shares[np.arange(len(found.gold)), found.gold]
    room = np.mean(LEAST_SHARE / (given - LEAST_SHARE)) + 3 * LEAST_SHARE  # four decimals, and a sum of three
    assert calibration(shares, found.gold).nll == pytest.approx(loss, abs=room)
