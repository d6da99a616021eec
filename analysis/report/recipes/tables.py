"""Tables of the report on the seed report's recipes: outcomes, what is different on purpose, runs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analysis.records.arms import flatten, settings
from analysis.records.runs import Run
from analysis.records.seed_report import SEED_SOURCE
from analysis.records.text import MISSING, listing, number, rate_text, span
from analysis.report.recipes.beside import seed_ending
from analysis.report.recipes.systems import System, best_epoch, epochs_of, recipe_of, rule_ended, run_of
from analysis.statistics.intervals import wilson
from analysis.tables.document import Table
from train.config import to_record
from train.recipes import RECIPES

SEED_ROW = "the seed report's own"


def ended_by(run: Run) -> str:
    """Returns what ended a run, in its record's own words."""
    return f"{'its rule' if rule_ended(run) else 'the limit'}: {run.summary['stop_reason']}"


def test_cells(run: Run) -> tuple[str, str]:
    """Returns the test accuracy with the best weights, and its interval over test pairs."""
    found = wilson(run.accuracy("test"), run.examples("test"))
    return number(found.mean, 4), span(found.low, found.high)


def outcome_table(system: System) -> Table:
    """Returns how each run of a system ended, below the seed report's own."""
    ending, curve = seed_ending(system), system.curve
    after = {split: number(float(curve[f"{split}_accuracy"][-1]), 4) for split in ("train", "test")}
    rows: list[tuple[str, ...]] = [
        (
            *(SEED_ROW, "pretrained", f"{len(curve['epoch'])}", f"its rule: {ending.reason}", str(ending.best_epoch)),
            *(number(system.before["train"], 4), after["train"], number(system.before["test"], 4), after["test"]),
            MISSING,
        )
    ]
    for (practice, init), arm in system.arms.items():
        run = run_of(arm)
        train = [number(run.accuracy("train", when), 4) for when in ("before", "after")]
        tests = (number(run.accuracy("test", "before"), 4), *test_cells(run))
        rows.append((practice, init, str(epochs_of(run)), ended_by(run), str(best_epoch(run)), *train, *tests))
    columns = ("recipe", "arm", "epochs", "ended by", "best epoch by its rule", "train before", "train after")
    caption = f"{system.name}: accuracy before any update and with the best weights (the seed report: with its last)"
    ends = ("test before", "test after", "95% interval over test pairs")
    return Table(caption, (*columns, *ends), tuple(rows), f"runs/*/summary.json, {SEED_SOURCE}")


def summary_table(systems: Iterable[System], name: str | None) -> Table:
    """Returns the outcomes of all systems in few columns.

    Args:
        name: the study's folder below results/.
    """
    rows: list[tuple[str, ...]] = []
    for system in systems:
        curve = system.curve
        reported = number(float(curve["test_accuracy"][-1]), 4)
        ended = f"its rule: {seed_ending(system).reason}"
        rows.append((system.name, SEED_ROW, "pretrained", f"{len(curve['epoch'])}", ended, reported, MISSING))
        for (practice, init), arm in system.arms.items():
            run = run_of(arm)
            rows.append((system.name, practice, init, str(epochs_of(run)), ended_by(run), *test_cells(run)))
    columns = ("system", "recipe", "arm", "epochs", "ended by", "test accuracy", "95% interval over test pairs")
    source = f"results/{name}/runs/*/summary.json, {SEED_SOURCE}"
    return Table("The seed report's recipes (one seed)", columns, tuple(rows), source)


def setting_table(runs: Sequence[Run]) -> Table | None:
    """Returns the settings in which runs differ from their recipes; None where none does."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for run in runs:
        asked = flatten(to_record(RECIPES[recipe_of(run)]))
        for key, value in sorted(settings(run).items()):
            if asked.get(key, value) != value and recipe_of(run) not in found[key, asked[key], value]:
                found[key, asked[key], value].append(recipe_of(run))
    rows = tuple((*where, listing(recipes)) for where, recipes in found.items() if recipes)
    columns = ("setting", "recipe", "here", "in")
    source = "train/recipes.py, runs/*/config.json"
    return Table("Settings that are not the recipe's", columns, rows, source) if rows else None


def seconds_text(seconds: float) -> str:
    """Returns whole seconds; of fewer than ten, which a head on cached features may take, one decimal too."""
    return number(seconds, 1 if seconds < 10 else 0)


def run_table(runs: Sequence[Run]) -> Table:
    """Returns one row for each run: where its records are, and what it took."""
    rows = tuple(
        (
            *(run.id, recipe_of(run), run.init, str(run.seed), rate_text(run.learning_rate)),
            *(str(run.environment.get("precision", MISSING)), f"{run.summary['steps']:,}"),
            seconds_text(run.summary["train_seconds"]),
        )
        for run in runs
    )
    columns = ("run", "recipe", "arm", "seed", "learning rate", "precision", "steps", "seconds of training")
    source = "runs/*/config.json, runs/*/environment.json, runs/*/summary.json"
    return Table("Runs", columns, rows, source, tuple(run.path / "summary.json" for run in runs))
