"""The section on calibration: whether probabilities are right, as trained and after one temperature."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from analysis.records.arms import Arm
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import count, listing, number, span
from analysis.statistics.calibration import BINS, HOTTEST, Calibrated, calibrated, calibrated_arms
from analysis.statistics.contrasts import headline_pair, value_gap
from analysis.statistics.intervals import mean_interval
from analysis.tables.accuracy import test_splits
from analysis.tables.claims import mean_cells
from analysis.tables.document import Block, Paragraph, Plot, Table

STATES = {"before": "as trained", "after": "after temperature"}

CALIBRATION_TEXT = (
    f"Expected calibration error: how far confidence, the probability of the label said, is from the share right, in "
    f"{BINS} bins of equal width, weighted by their pairs (Guo et al. 2017). The sampling of pairs alone would give "
    "true probabilities about the error “by chance”. NLL is the mean negative log likelihood (nats), Brier the mean "
    "squared distance over the three labels. After temperature, logits are divided by one number, fitted on the "
    "NLL of pairs that it is not applied to: the records hold no probabilities of validation pairs, so test pairs are "
    "cut in two by the sha256 of their id, and each half gets the temperature of the other. The records hold ids "
    "alone, so a premise may have pairs in both halves. A temperature changes no label. Probabilities are recorded to "
    f"four decimals; temperatures end at {HOTTEST:g} and its inverse."
)
"""How the table of calibration is made."""


def calibration_rows(name: str, runs: Sequence[Calibrated]) -> list[tuple[str, ...]]:
    """Returns an arm's calibration as trained and after temperature."""
    heat = mean_interval([fmean(run.temperatures) for run in runs])
    temperatures = {"before": "1", "after": f"{number(heat.mean, 2)} ({span(heat.least, heat.most, 2)})"}
    rows: list[tuple[str, ...]] = []
    for when, state in STATES.items():
        found = [getattr(run, when) for run in runs]
        error, nll, brier = (
            mean_cells([getattr(each, key) for each in found])[1:3] for key in ("error", "nll", "brier")
        )
        chance = number(fmean(each.by_chance for each in found))
        over = number(fmean(each.overconfidence for each in found))
        rows.append((name, state, str(len(runs)), temperatures[when], *error, chance, *nll, *brier, over))
    return rows


def calibration_table(arms: Sequence[Arm], split: str) -> Table | None:
    """Returns calibration error, likelihood and Brier score of every arm; None without predictions."""
    rows = [row for name, runs in calibrated_arms(arms, split).items() for row in calibration_rows(name, runs)]
    interval = "95% interval"
    columns = (
        "arm",
        "probabilities",
        "seeds",
        "temperature (range over seeds)",
        "calibration error",
        interval,
        "by chance",
    )
    ends = ("NLL", interval, "Brier", interval, "confidence minus accuracy")
    caption = f"Calibration on {split} (mean over seeds, Student's t)"
    return Table(caption, (*columns, *ends), tuple(rows), "runs/*/predictions.csv") if rows else None


def error_of(split: str, when: str) -> Callable[[Run], float]:
    """Returns the measure of a run's calibration error `before` or `after` temperature; NaN without predictions."""

    def error(run: Run) -> float:
        found = calibrated(run, split)
        return math.nan if found is None else (found.before if when == "before" else found.after).error

    return error


def calibration_sentence(study: Study) -> list[str]:
    """Says which of the two arms has the better probabilities, as trained and after temperature."""
    pair, split = headline_pair(study.arms), test_splits(study.arms)[0]
    if not pair or len(calibrated_arms(pair, split)) < len(pair):
        return []
    gaps = {state: value_gap(pair[0].runs, pair[1].runs, error_of(split, when)) for when, state in STATES.items()}
    parts = [
        f"{number(gap.difference)} {state} (95% interval {span(*gap.shown_interval())}, {count(gap.seeds[0], 'seed')})"
        for state, gap in gaps.items()
        if gap
    ]
    return [f"Calibration error on {split}, {pair[0].name} minus {pair[1].name}: {listing(parts)}."] if parts else []


def calibration_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns whether probabilities are right, before and after one temperature."""
    tables = [table for split in test_splits(study.arms) if (table := calibration_table(study.arms, split))]
    if not tables:
        return []
    return [plots["calibration"], *tables, *map(Paragraph, calibration_sentence(study)), Paragraph(CALIBRATION_TEXT)]
