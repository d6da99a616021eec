"""The figures beyond accuracy, with the words that go with them."""

import math

from analysis.figures import beyond_figures
from analysis.figures.picture import Picture
from analysis.records.study import Study
from analysis.records.text import number, span
from analysis.statistics.calibration import calibrated_arms
from analysis.statistics.contrasts import headline_pair
from analysis.statistics.intervals import mean_interval
from analysis.statistics.ladder import rungs
from analysis.statistics.matched import matches
from analysis.tables.accuracy import test_splits


def calibration_alt(study: Study) -> str:
    parts = []
    for arm, runs in calibrated_arms(study.arms, test_splits(study.arms)[0]).items():
        means = [mean_interval([getattr(run, when).error for run in runs]).mean for when in ("before", "after")]
        parts.append(f"{arm} {number(means[0])} as trained, {number(means[1])} after temperature")
    return f"Share right against confidence, one panel for each arm. Expected calibration error: {'; '.join(parts)}."


def matched_loss_alt(study: Study) -> str:
    pair = headline_pair(study.arms)
    found = [each for each in matches(pair) if each.measure == "loss"] if pair else []
    parts = [f"at {each.level:.1f}, {number(each.means[0])} and {number(each.means[1])}" for each in found]
    said = f" Pretrained and scratch, mean over seeds: {'; '.join(parts)}." if parts else ""
    return f"Loss on the validation probe against loss on the training probe, one line for each seed.{said}"


def ladder_alt(study: Study) -> str:
    parts = [
        f"{each.arm.name} {number(each.share, 2)}, {span(each.low, each.high, 2)}"
        for each in rungs(study)
        if math.isfinite(each.share)
    ]
    return f"Share of the gap from scratch (0) to pretrained (1) that each arm closes: {'; '.join(parts)}."


BEYOND: dict[str, Picture[Study]] = {
    "calibration": Picture(
        draw=beyond_figures.calibration,
        alt=calibration_alt,
        source="runs/*/predictions.csv",
        caption="Pairs of all seeds in 15 bins of equal width by the probability of the label said; the larger a mark, "
        "the more pairs. On the dotted line probabilities are right, below it too high.",
    ),
    "matched_loss": Picture(
        draw=beyond_figures.matched_loss,
        alt=matched_loss_alt,
        source="runs/*/metrics.jsonl",
        caption="One line for each seed, from step 0 on; training runs to the right, a diamond ends it. Fixed samples "
        "in evaluation mode. Dotted: ln 3, and where both losses are equal.",
    ),
    "ladder": Picture(
        draw=beyond_figures.ladder,
        alt=ladder_alt,
        source="runs/*/predictions.csv",
        caption="Diamond: share of the gap, paired over seeds and test items, with its 95% interval (Fieller). "
        "Dotted: both ends.",
    ),
}
