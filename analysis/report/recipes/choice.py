"""What it costs, in points of test accuracy, to stop and to choose the best epoch by training loss."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.records.reading import lookup
from analysis.records.text import MISSING, number, span
from analysis.report.recipes.beside import lead, lead_text
from analysis.report.recipes.systems import CORRECTED, REPORTED, System, best_epoch, epochs_of, run_of, watched_pairs
from analysis.statistics.intervals import wilson
from analysis.statistics.paired import Comparison
from analysis.tables.document import Table


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Other weights, held against those that training loss chose in a run as reported."""

    system: str
    init: str
    what: str
    """What the other weights are."""
    epoch: int
    """The epoch of the other weights, counted from 1; the next is that of the chosen ones."""
    chosen_epoch: int
    accuracy: float
    """Test accuracy of the other weights; the next is that of the chosen ones, on as many pairs."""
    chosen_accuracy: float
    pairs: int
    gap: Comparison | None = None
    """Other minus chosen, paired over test pairs; None where the answers of one were not kept."""

    @property
    def points(self) -> float:
        """What the choice by training loss costs; below 0 it gains."""
        return 100 * (self.gap.difference if self.gap else self.accuracy - self.chosen_accuracy)


def validation_epoch(accuracies: Sequence[float]) -> int:
    """Returns the first epoch of the highest validation accuracy; entry 0 is from before training."""
    return 1 + max(range(len(accuracies) - 1), key=lambda index: accuracies[index + 1])


def choices(system: System, init: str) -> list[Choice]:
    """Returns what could have been had in place of what the recipe as reported chose: without, and with its repair."""
    arm, other = system.arms[REPORTED, init], system.arms.get((CORRECTED, init))
    run = run_of(arm)
    watched, validation = (run.evaluations[split]["accuracy"] for split in ("watched_test", "validation"))
    asked = validation_epoch(validation.tolist())
    of_run: dict[str, Any] = {"system": system.name, "init": init, "chosen_epoch": best_epoch(run)}
    on_all: dict[str, Any] = {"chosen_accuracy": run.accuracy("test"), "pairs": run.examples("test")}
    last = Choice(
        **of_run,
        **on_all,
        what="the last weights",
        epoch=epochs_of(run),
        accuracy=float(lookup(run.summary, "evaluations.last.test.accuracy")),
    )
    by_validation = Choice(
        **of_run,
        what="the epoch of the best validation accuracy",
        epoch=asked,
        accuracy=float(watched[asked]),
        chosen_accuracy=float(watched[best_epoch(run)]),
        pairs=watched_pairs(run),
    )
    if other is None:
        return [last, by_validation]
    repaired = Choice(
        **of_run,
        **on_all,
        what="the recipe, corrected",
        epoch=best_epoch(run_of(other)),
        accuracy=run_of(other).accuracy("test"),
        gap=lead(other, arm),
    )
    return [last, by_validation, repaired]


def choices_by_run(systems: Iterable[System]) -> list[list[Choice]]:
    """Returns the choices of every run as reported."""
    return [choices(system, init) for system in systems for practice, init in system.arms if practice == REPORTED]


def accuracy_cell(accuracy: float, pairs: int) -> str:
    """Returns an accuracy with its interval over test pairs."""
    found = wilson(accuracy, pairs)
    return f"{number(accuracy, 4)} ({span(found.low, found.high)})"


def interval_cell(each: Choice) -> str:
    """Returns the interval of the difference in points, `n/a` where answers were not kept or are all as good."""
    if each.gap is None:
        return MISSING
    low, high = each.gap.shown_interval()
    return span(100 * low, 100 * high, 2)


def choice_table(found: Iterable[Choice]) -> Table:
    """Returns one row for each choice that could have been made."""
    rows = tuple(
        (
            *(each.system, each.init, each.what, str(each.epoch), str(each.chosen_epoch), f"{each.pairs:,}"),
            *(accuracy_cell(accuracy, each.pairs) for accuracy in (each.accuracy, each.chosen_accuracy)),
            *(number(each.points, 2), interval_cell(each)),
        )
        for each in found
    )
    columns = (
        *("system", "arm", "in place of the choice by training loss", "its epoch", "epoch chosen", "test pairs"),
        *("its accuracy (95% interval)", "accuracy chosen (95% interval)", "difference in points", "95% interval"),
    )
    caption = "Other choices in the runs as reported (one seed: intervals over test pairs alone)"
    source = "runs/*/summary.json, runs/*/metrics.jsonl, runs/*/predictions.csv"
    return Table(caption, columns, rows, source)


def cost_words(points: float) -> str:
    """Returns what the choice by training loss costs or gains."""
    if round(points, 2) == 0:
        return "costs nothing"
    return f"{'costs' if points > 0 else 'gains'} {number(abs(points), 2)} points"


def choice_sentence(found: Sequence[Choice]) -> str:
    """Says what the choice by training loss costs in one run as reported."""
    last, by_validation, *repaired = found
    parts = [
        f"against the last weights, of epoch {last.epoch}, that {cost_words(last.points)}",
        f"against those of the best validation accuracy, of epoch {by_validation.epoch}, it "
        f"{cost_words(by_validation.points)} on the {by_validation.pairs:,} watched test pairs",
    ]
    parts += [f"corrected minus as reported is {lead_text(each.gap)}" for each in repaired if each.gap]
    return f"{last.system}, {last.init}: training loss chose epoch {last.chosen_epoch}; {'; '.join(parts)}."
