"""Tables about test accuracy: by arm, between arms, by group, by learning rate and by number of examples."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from analysis.claims.findings import Findings
from analysis.records.arms import Arm
from analysis.records.groups import group_accuracy, majority_share
from analysis.records.reading import lookup
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import MISSING, listing, number, rate_text, span
from analysis.statistics.contrasts import accuracy_gap
from analysis.statistics.intervals import wilson
from analysis.statistics.measures import best_accuracy, best_loss
from analysis.statistics.paired import Comparison
from analysis.tables.claims import MEAN_COLUMNS, mean_cells
from analysis.tables.document import Table


def test_splits(arms: Sequence[Arm]) -> list[str]:
    """Returns the test splits that any run has, `test` first."""
    return sorted({split for arm in arms for run in arm.runs for split in run.test_splits})


def per_arm(arms: Sequence[Arm], measure: Callable[[Run], float], digits: int = 3) -> str:
    """Returns each arm's mean over seeds, as `0.52 (scratch) and 0.46 (pretrained)`."""
    return listing([f"{number(fmean(map(measure, arm.runs)), digits)} ({arm.name})" for arm in arms])


def accuracy_table(study: Study) -> Table:
    """Returns accuracy by test split: every arm, and what can be had without understanding both sentences."""
    rows: list[tuple[str, ...]] = []
    for split in test_splits(study.arms):
        for arm in (*study.arms, *study.one_sided):
            before = number(fmean(run.accuracy(split, "before") for run in arm.runs))
            rows.append((split, arm.name, *mean_cells([run.accuracy(split) for run in arm.runs]), before))
        rows += [(split, *cells, MISSING) for cells in yardstick_cells(study, split, study.arms[0].training_examples)]
    columns = ("split", "arm", *MEAN_COLUMNS, "before training")
    caption = "Accuracy with the best weights (interval: Student's t over seeds; of a baseline, Wilson's over items)"
    return Table(caption, columns, tuple(rows), f"runs/*/summary.json, {yardstick_source(study)}")


def yardstick_source(study: Study) -> str:
    """Returns where baselines were measured, and the label counts from which the best constant answer follows."""
    return "baselines.json, " * bool(study.yardsticks) + "runs/*/data.json"


def yardstick_cells(study: Study, split: str, size: int) -> list[tuple[str, ...]]:
    """Returns name and `MEAN_COLUMNS` of every baseline with this number of training examples, best constant last.

    A rule that always says one label can do no better than by the label that is commonest in the test.
    """
    found = [each for each in study.yardsticks if (each.split, each.train_examples) == (split, size)]
    rows = [(str(each), each.accuracy, span(each.low, each.high)) for each in found]
    run = study.arms[0].runs[0]
    if (share := majority_share(run, split)) is not None:
        bounds = wilson(share, max(1, run.examples(split)))
        rows.append(("commonest test label (the best constant answer)", share, span(bounds.low, bounds.high)))
    return [(name, MISSING, number(accuracy), interval, MISSING) for name, accuracy, interval in rows]


def contrasts(findings: Findings) -> list[tuple[Arm, Arm]]:
    """Returns the arms to be compared: pretrained and scratch, every other with scratch, each with one side alone."""
    pair, arms = findings.pair, findings.study.arms
    first = [pair] if pair else []
    others = [(arm, pair[1]) for arm in arms if arm not in pair] if pair else []
    sides = [(arm, side) for arm in arms for side in findings.study.halves(arm)]
    return [*first, *others, *sides]


def gaps(findings: Findings) -> list[tuple[str, Arm, Arm, Comparison]]:
    """Returns split, arms and difference for every contrast that the predictions allow."""
    found = [
        (split, one, other, accuracy_gap(one, other, split))
        for split in test_splits(findings.study.arms)
        for one, other in contrasts(findings)
    ]
    return [(split, one, other, gap) for split, one, other, gap in found if gap]


def gap_table(found: Sequence[tuple[str, Arm, Arm, Comparison]]) -> Table:
    """Returns the differences in accuracy, paired over seeds and test items."""
    rows = tuple(
        (
            split,
            f"{one.name} minus {other.name}",
            number(gap.difference),
            span(*gap.shown_interval()),
            gap.over,
            str(min(gap.seeds)),
            f"{gap.items:,}",
            number(gap.smallest_gap()),
        )
        for split, one, other, gap in found
    )
    columns = ("split", "arms", "difference", "95% interval", "over", "seeds", "items", "smallest detectable gap")
    caption = "Differences in test accuracy, paired (80% power for the smallest gap)"
    return Table(caption, columns, rows, "runs/*/predictions.csv")


def group_table(arms: Sequence[Arm], split: str) -> Table | None:
    """Returns accuracy by group of examples and arm, mean over seeds; None when no example has a group."""
    scores = {arm.name: [group_accuracy(run, split) for run in arm.runs] for arm in arms}
    sizes = {group: items for found in scores.values() for score in found for group, (_, items) in score.items()}
    if not sizes:
        return None
    rows = tuple(
        (
            group,
            f"{items:,}",
            *(number(fmean([s[group][0] for s in found if group in s] or [float("nan")])) for found in scores.values()),
        )
        for group, items in sorted(sizes.items())
    )
    columns = ("group", "examples", *scores)
    return Table(f"Accuracy on {split} by group (mean over seeds)", columns, rows, "runs/*/predictions.csv")


def shared_seeds(study: Study) -> set[int]:
    """Returns the seeds that every rate of a swept arm has: on these alone the rates can be compared."""
    swept = [arm for arms in study.rates.values() if len(arms) > 1 for arm in arms]
    return set.intersection(*({run.seed for run in arm.runs} for arm in swept)) if swept else set()


def is_chosen_by_accuracy(study: Study) -> bool:
    """Whether the records say that validation accuracy chose the compared rate of every arm of which several ran."""
    swept = [arm for arms in study.rates.values() if len(arms) > 1 for arm in arms]
    watched = {lookup(run.config, "stop.monitor") for arm in swept for run in arm.runs}
    chosen = {(choice.init, choice.chosen) for choice in study.choices}
    compared = {(arm.init, arm.learning_rate) for arm in swept if is_compared(study, arm)}
    return watched == {"validation_accuracy"} and compared <= chosen


def shared_column(study: Study, shared: set[int]) -> str:
    """Returns the heading of the accuracies that can be compared between rates, which may have chosen them."""
    if not shared:
        return "validation accuracy on a seed that all rates have"
    seeds = listing([f"seed {seed}" for seed in sorted(shared)])
    choosing = " (rates are chosen by it)" if is_chosen_by_accuracy(study) else ""
    return f"validation accuracy on {seeds}, which all rates have{choosing}"


def rate_table(study: Study) -> Table:
    """Returns what each learning rate gave, over all its seeds and over shared ones, and which one is compared."""
    shared = shared_seeds(study)
    rows = tuple(
        (
            init,
            rate_text(arm.learning_rate),
            str(len(arm.runs)),
            number(fmean(map(best_loss, arm.runs)), 4),
            number(fmean(map(best_accuracy, arm.runs))),
            number(fmean([best_accuracy(run) for run in arm.runs if run.seed in shared] or [math.nan])),
            "compared" if is_compared(study, arm) else "",
        )
        for init, arms in study.rates.items()
        for arm in arms
    )
    measures = ("validation loss", "validation accuracy", shared_column(study, shared))
    columns = ("arm", "learning rate", "seeds", *measures, "used")
    source = "runs/*/config.json, runs/*/summary.json"
    return Table("Learning rates tried, best epoch, mean over seeds", columns, rows, source)


def is_compared(study: Study, arm: Arm) -> bool:
    """Whether this learning rate is the one with which the arm's init is compared at its size."""
    used = study.sizes[arm.training_examples]
    return any((other.init, other.learning_rate) == (arm.init, arm.learning_rate) for other in used)


def size_table(study: Study) -> Table:
    """Returns test accuracy by number of training examples and arm."""
    rows: list[tuple[str, ...]] = []
    for size, arms in study.sizes.items():
        for arm in arms:
            cells = mean_cells([run.accuracy("test") for run in arm.runs])
            rows.append((f"{size:,}", arm.name, rate_text(arm.learning_rate), *cells))
        rows += [(f"{size:,}", name, MISSING, *cells) for name, *cells in yardstick_cells(study, "test", size)]
    columns = ("training examples", "arm", "learning rate", *MEAN_COLUMNS)
    source = f"runs/*/config.json, runs/*/summary.json, {yardstick_source(study)}"
    return Table("Test accuracy by number of training examples", columns, tuple(rows), source)


def worth_table(findings: Findings) -> Table:
    """Returns how many examples give scratch the accuracy of pretrained."""
    rows = tuple(
        (
            f"{size:,}",
            worth.text(worth.examples),
            f"{worth.text(worth.low)} to {worth.text(worth.high)}",
            worth.shift(worth.examples),
            f"{worth.shift(worth.low)} to {worth.shift(worth.high)}",
        )
        for size, worth in findings.worths.items()
    )
    columns = ("pretrained examples", "scratch examples", "95% interval", "doublings", "95% interval")
    caption = "Examples-worth: how many examples give scratch the accuracy of pretrained"
    return Table(caption, columns, rows, "runs/*/predictions.csv")
