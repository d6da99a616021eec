"""What the report on the seed report's recipes says and draws: known curves give known sentences, on either side."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.records.runs import load_run
from analysis.records.seed_report import SYSTEMS, seed_curves
from analysis.report.recipes.answer import cost_sentence, gain_sentence, not_run_sentence
from analysis.report.recipes.beside import AGREES, DIFFERS, OPEN, beside_text, points, scratch_text, seed_ending
from analysis.report.recipes.choice import choice_sentence, choices
from analysis.report.recipes.report import missing_text
from analysis.report.recipes.systems import REPORTED, System, open_systems, systems_of
from tests.recipe_runs import FLAT, FULL, GRADUAL, PAIRS, write_recipe
from tests.synthetic_runs import LABELS, edit


def follow(folder: Path, *runs: tuple[str, str], **curves: Any) -> System:
    """The system of runs with the same curves, each a recipe and an init."""
    return systems_of([load_run(write_recipe(folder, recipe, init, **curves)) for recipe, init in runs])[0]


def beside(folder: Path, system: str, **curves: Any) -> tuple[dict[str, str], str]:
    """What is said of the five points of a pretrained run as reported, in order, and the paragraph."""
    found = follow(folder, (f"{system}-as-reported", "pretrained"), **curves)
    told = points(found, found.arms[REPORTED, "pretrained"])
    return dict(zip(("start", "plateau", "shared", "after", "rule"), (p.outcome for p in told), strict=True)), (
        beside_text(found)
    )


@pytest.mark.parametrize("name", SYSTEMS.values())
def test_the_seed_reports_own_curve_agrees_with_itself(tmp_path: Path, name: str) -> None:
    curve = seed_curves()[name]
    test = [0.34, *curve["test_accuracy"].tolist()]
    right, reason = round(PAIRS * test[-1]), seed_ending(follow(tmp_path / "any", (name, "scratch"), **FLAT)).reason
    curves = {"losses": curve["train_loss"].tolist(), "test": test, "right": right, "reason": reason}
    curves |= {"optim__max_epochs": 50}
    outcomes, text = beside(tmp_path, name, **curves)
    assert set(outcomes.values()) == {AGREES}
    assert "agrees with the seed report in 5 of 5 points. It agrees: " in text
    assert "It differs" not in text and "too early" not in text
    assert "lie 0.000 nats apart in the mean, 0.000 at most" in text


@pytest.mark.parametrize(
    ("name", "epoch", "best", "reason"),
    [
        ("distilbert-frozen", 47, 44, "no better train_loss for 3 epochs"),
        (FULL, 8, 8, "training accuracy above 0.95"),
        (GRADUAL, 24, 24, "training accuracy above 0.95"),
    ],
)
def test_the_rule_ends_the_seed_reports_curve(tmp_path: Path, name: str, epoch: int, best: int, reason: str) -> None:
    ending = seed_ending(follow(tmp_path, (name, "scratch"), **FLAT))
    assert (ending.epoch, ending.best_epoch, ending.reason) == (epoch, best, reason)


def test_another_curve_differs_in_every_point(tmp_path: Path) -> None:
    """It starts below ln 3, off the plateau in epoch 1, learns nothing about test pairs, and its rule waits longer."""
    outcomes, text = beside(tmp_path, FULL, losses=[1.0] * 9, test=[0.3] * 10, right=120)
    assert set(outcomes.values()) == {DIFFERS}
    assert "in 0 of 5 points. It differs: " in text and "It agrees" not in text
    for part in (
        "lies above ln 3 = 1.0986 there (1.1059) and at or below it here (1.0000)",
        "in epoch 4 there and in epoch 1 here",
        "after epoch 8, the last that both have, is 0.7838 there, outside the 95% interval of 0.3000 here",
        "after training is 0.7838 there, outside the 95% interval of 0.3000 here",
        "after epoch 8 (training accuracy above 0.95) there and after epoch 9 (no better train_loss for 3 epochs) here",
        "Over the 8 epochs that both have",
    ):
        assert part in text


def test_test_accuracy_is_compared_at_the_last_epoch_that_both_have(tmp_path: Path) -> None:
    """The seed report has 0.3370 after epoch 10 and 0.7760 after its last, 24."""
    outcomes, text = beside(tmp_path, GRADUAL, losses=[1.1] * 10, test=[0.9] * 10 + [0.337], right=310)
    assert (outcomes["shared"], outcomes["after"]) == (AGREES, AGREES)
    assert "after epoch 10, the last that both have, is 0.3370 there, within the 95% interval of 0.3370 here" in text
    assert "after training is 0.7760 there, within the 95% interval of 0.7750 here" in text


def test_a_rule_that_ends_for_another_reason_differs(tmp_path: Path) -> None:
    outcomes, _ = beside(tmp_path, FULL, losses=[1.1] * 8, test=[0.3] * 9)
    assert outcomes["rule"] == DIFFERS


@pytest.mark.parametrize(
    ("name", "epochs", "plateau", "rule"),
    [("distilbert-frozen", 20, OPEN, OPEN), (FULL, 20, DIFFERS, DIFFERS), (GRADUAL, 20, DIFFERS, OPEN)],
)
def test_what_came_after_the_cut_is_left_open(tmp_path: Path, name: str, epochs: int, plateau: str, rule: str) -> None:
    """The seed report leaves the plateau in epoch 22, 4, 13 and ends in 47, 8, 24; ours is cut at 20, still on it."""
    cut = "20 of 50 epochs done, as asked"
    outcomes, text = beside(tmp_path, name, losses=[1.1] * epochs, test=[0.34] * (epochs + 1), reason=cut)
    assert (outcomes["plateau"], outcomes["rule"]) == (plateau, rule)
    assert "in none of 20 epochs here" in text
    assert "there and not within 20 epochs here" in text
    assert ("It ended too early to tell: " in text) == (rule == OPEN)


def test_a_run_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    found = follow(tmp_path, (FULL, "scratch"), **FLAT)
    assert beside_text(found).startswith("No pretrained run of roberta-full-as-reported is finished")
    assert "roberta-full-as-reported (pretrained), roberta-full (pretrained)" in missing_text([found], [])
    assert missing_text([found], ["later"]).endswith("Left out, not finished: later.")


@pytest.mark.parametrize(
    ("scratch", "pretrained", "chance", "told"),
    [
        (140, 260, "includes that of always giving the commonest", "without 0"),
        (240, 242, "lies above that of always giving the commonest", "which includes 0"),
        (80, 240, "lies below that of always giving the commonest", "without 0"),
        (300, 240, "lies above that of always giving the commonest", "without 0"),
    ],
)
def test_what_scratch_did(tmp_path: Path, scratch: int, pretrained: int, chance: str, told: str) -> None:
    recipe = f"{GRADUAL}-as-reported"
    for init, right in (("scratch", scratch), ("pretrained", pretrained)):
        write_recipe(tmp_path, recipe, init, losses=[1.1, 1.0], test=[0.3, 0.4, 0.5], right=right)
    systems, _ = open_systems(tmp_path)
    (text,) = scratch_text(systems[0])
    assert "has a mean training loss above ln 3 in its first epoch (1.1000), leaves the plateau in epoch 2" in text
    assert "starts" not in text, "where a run starts is the loss before its first update"
    assert f"test accuracy of {scratch / PAIRS:.4f}" in text and chance in text
    apart = abs(pretrained - scratch)
    gaps = np.repeat([np.sign(pretrained - scratch), 0.0], [apart, PAIRS - apart])
    low, high = stats.t.interval(0.95, PAIRS - 1, loc=100 * gaps.mean(), scale=100 * stats.sem(gaps))
    said = f"{100 * gaps.mean():.2f} points (95% interval {low:.2f} to {high:.2f}, {told})".replace("-", "−")
    assert f"pretrained minus scratch: {said}" in text
    assert f"roberta-gradual: {said}" in gain_sentence(systems)


def test_of_a_constant_answer_it_is_said_which(tmp_path: Path) -> None:
    run = write_recipe(tmp_path, f"{GRADUAL}-as-reported", "scratch", losses=[1.1], test=[0.3, 0.3], right=120)
    header, *lines = (run / "predictions.csv").read_text().splitlines()
    place = header.split(",").index("neutral")
    rows = [[*line.split(",")] for line in lines]
    for row in rows:
        row[3:6] = ["0.1"] * 3
        row[place] = "0.8"
    (run / "predictions.csv").write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    (text,) = scratch_text(open_systems(tmp_path)[0][0])
    assert "every pair is called neutral" in text and "lies below" not in text


@pytest.mark.parametrize(
    ("scratch", "pretrained", "labels", "level"),
    [
        (100, 140, (100, 100, 100), "chance, 1/3"),
        (
            160,
            100,
            (100, 140, 160),
            "that of always giving the commonest test label, 0.400",
        ),  # the better arm may be scratch
        (100, 155, (130, 140, 130), "that of always giving the commonest test label, 0.350"),
        (100, 155, (133, 134, 133), None),
        (155, 100, (100, 100, 100), None),
    ],
)
def test_a_gain_between_arms_that_learned_nothing_is_none(
    tmp_path: Path, scratch: int, pretrained: int, labels: tuple[int, int, int], level: str | None
) -> None:
    for init, right in (("scratch", scratch), ("pretrained", pretrained)):
        run = write_recipe(tmp_path, f"{GRADUAL}-as-reported", init, **FLAT, right=right)
        data = json.loads((run / "data.json").read_text())
        data["splits"]["test"]["labels"] = dict(zip(LABELS, labels, strict=True))
        edit(run / "data.json", splits=data["splits"])
    text = gain_sentence(open_systems(tmp_path)[0])
    low = stats.binomtest(max(scratch, pretrained), PAIRS).proportion_ci(method="wilson").low
    if level is None:
        assert low > max(1 / 3, max(labels) / sum(labels)) and "neither" not in text and "without 0" in text
    else:
        shares = f"pretrained {pretrained / PAIRS:.4f}, scratch {scratch / PAIRS:.4f}"
        assert f"roberta-gradual: neither arm is shown to have learned anything ({shares};" in text
        assert low <= max(1 / 3, max(labels) / sum(labels)) and f"not above {level})" in text and "points" not in text


@pytest.mark.parametrize(
    ("last", "corrected", "words"),
    [
        (0.62, 300, ("epoch 4, that costs 12.00 points", "corrected minus as reported is 25.00 points")),
        (0.43, 180, ("epoch 4, that gains 7.00 points", "corrected minus as reported is −5.00 points")),
        (0.5, 200, ("epoch 4, that costs nothing", "corrected minus as reported is 0.00 points")),
    ],
)
def test_what_choosing_by_training_loss_costs(
    tmp_path: Path, last: float, corrected: int, words: tuple[str, ...]
) -> None:
    """Training loss chose epoch 3; validation would have chosen epoch 2 of 4, though it was as good in epoch 4."""
    curves = {"losses": [1.1, 1.0, 0.9, 0.9], "test": [0.34, 0.40, 0.55, 0.50, 0.45]}
    chosen = {"best": 3, "last": last, "validation": [0.9, 0.4, 0.5, 0.4, 0.5]}
    write_recipe(tmp_path, f"{FULL}-as-reported", **curves, **chosen)
    write_recipe(tmp_path, FULL, **curves, right=corrected)
    systems, _ = open_systems(tmp_path)
    text = choice_sentence(choices(systems[0], "pretrained"))
    assert "training loss chose epoch 3" in text and all(part in text for part in words)
    assert "validation accuracy, of epoch 2, it costs 5.00 points on the 400 watched test pairs" in text
    cost = f"{100 * last - 50:.2f}".replace("-", "−")
    assert f"by the last weights {cost} to {cost}, by those of the best validation accuracy 5.00 to 5.00" in (
        cost_sentence(systems)
    )


def test_the_checkpoints_that_were_not_run_are_named(tmp_path: Path) -> None:
    kinds = [(FULL, "minilm"), (FULL, "roberta"), ("distilbert-frozen", "distilbert")]
    ours, full, frozen = (follow(tmp_path / each, (name, "scratch"), **FLAT, checkpoint=each) for name, each in kinds)
    assert not_run_sentence([ours]).startswith("Not run: distilbert and roberta, the seed report's own checkpoints;")
    assert not_run_sentence([full]).startswith("Not run: distilbert, ")
    assert (
        not_run_sentence([frozen, full]) == "The runs have the seed report's own checkpoints, distilbert and roberta."
    )


def test_near_ties_the_paired_difference_is_that_of_the_predictions(tmp_path: Path) -> None:
    """The summary counts one pair more than four decimals of its probabilities show."""
    for recipe, counted in ((f"{FULL}-as-reported", 0.5), (FULL, 0.5025)):
        run = write_recipe(tmp_path, recipe, **FLAT, right=200)
        evaluations = json.loads((run / "summary.json").read_text())["evaluations"]
        evaluations["after"]["test"]["accuracy"] = counted
        edit(run / "summary.json", evaluations=evaluations)
    systems, _ = open_systems(tmp_path)
    *_, repaired = choices(systems[0], "pretrained")
    assert (repaired.accuracy, repaired.points) == (0.5025, 0)
