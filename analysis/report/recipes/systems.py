"""The seed report's three systems: runs of their recipes, checked and laid beside the report's own curves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from analysis.records.arms import Arm, arm_rank
from analysis.records.fairness import certificate_differences, setting_differences
from analysis.records.reading import Columns, RecordError, is_kind, lookup
from analysis.records.runs import Run, load_study
from analysis.records.seed_report import SYSTEMS, seed_curves, seed_outcomes
from models.errors import command
from train.config import RunConfig
from train.recipes import RECIPES

REPORTED, CORRECTED = "as reported", "corrected"
PRACTICES = {REPORTED: "-as-reported", CORRECTED: ""}
"""How a recipe is carried out -> the end of its name."""
PLACES = {f"{name}{end}": (name, practice) for name, (practice, end) in product(SYSTEMS.values(), PRACTICES.items())}
"""Recipe -> its system, and how it is carried out."""
ENDS = ("train", "test")
"""The splits that the seed report tells accuracies of, before and after training."""
WATCHED = ("watched_train", "watched_test")
"""The first pairs of training and of test, evaluated at step 0 and after every epoch by the recipes as reported."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of the seed report: its own numbers, and our runs of its recipes, one seed."""

    name: str
    arms: Mapping[tuple[str, str], Arm]
    """How the recipe was carried out and init -> an arm of one run; as reported first, inits in `ARM_ORDER`."""
    curve: Columns
    """The seed report's own figures, one entry an epoch."""
    before: Mapping[str, float]
    """`train` and `test` -> the seed report's accuracy before training."""

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run_of(arm) for arm in self.arms.values()]

    @property
    def recipe(self) -> RunConfig:
        """The seed report's recipe."""
        return RECIPES[f"{self.name}{PRACTICES[REPORTED]}"]


def run_of(arm: Arm) -> Run:
    """Returns an arm's only run."""
    return arm.runs[0]


def recipe_of(run: Run) -> str:
    return str(run.config.get("recipe"))


def epochs_of(run: Run) -> int:
    """Returns how many epochs a run has trained."""
    return int(run.summary["epochs"])


def best_epoch(run: Run) -> int:
    """Returns the epoch that the run's rule chose, counted from 1."""
    return int(run.summary["best"]["epoch"])


def rule_ended(run: Run) -> bool:
    """Whether a run's own rule ended it, before the steps that it was given were done."""
    return int(run.summary["steps"]) < int(run.config["plan"]["steps"])


def watched_pairs(run: Run) -> int:
    """Returns how many test pairs were evaluated after every epoch."""
    return min(int(run.config["evaluation"]["watched"]), run.examples("test"))


def follow_recipes(runs: Iterable[Run]) -> bool:
    """Whether these runs follow several of the seed report's recipes and no other."""
    recipes = {recipe_of(run) for run in runs}
    return len(recipes) > 1 and recipes <= set(PLACES)


def refuse_recipes(runs: Iterable[Run], folder: str) -> None:
    """One comparison can hold these runs: they do not follow several of the seed report's recipes.

    Raises:
        RecordError: they do; the message has the command that reports them.
    """
    if follow_recipes(runs):
        raise RecordError(
            "these runs follow several recipes of the seed report, which differ in far more than init; their report is "
            f"made by: {command('analysis.recipes', folder)}"
        )


def is_share(value: object) -> bool:
    return isinstance(value, int | float) and is_kind(value, float) and 0 <= value <= 1


def faults(run: Run) -> list[str]:
    """Returns what a run's records lack for this report."""
    summary, epochs = run.summary, run.summary["epochs"]
    ends = [f"evaluations.{when}.{split}.accuracy" for when, split in product(("before", "after", "last"), ENDS)]
    found = [f"summary.json: {dotted} is no accuracy" for dotted in ends if not is_share(lookup(summary, dotted))]
    if not 1 <= summary["best"]["epoch"] <= epochs:
        found.append(f"summary.json: best.epoch {summary['best']['epoch']:g} is none of its {epochs:g} epochs")
    if len(run.epochs["epoch"]) != epochs:
        found.append(f"metrics.jsonl: {len(run.epochs['epoch'])} epochs, where summary.json has {epochs:g}")
    if len(run.answers.get("test", ())) != max(2, run.examples("test")):
        found.append(f"predictions.csv: not the {run.examples('test'):,} test pairs of summary.json")
    reported = PLACES[recipe_of(run)][1] == REPORTED
    for split in ("validation", *(WATCHED if reported else ())):
        curve = run.evaluations.get(split, {"accuracy": ()})["accuracy"]
        if len(curve) != epochs + 1 or not all(map(is_share, curve)):
            found.append(f"metrics.jsonl: no accuracy of {split} at step 0 and after each of {epochs:g} epochs")
    if reported and not (isinstance(pairs := lookup(run.config, "evaluation.watched"), int) and pairs >= 1):
        found.append("config.json: evaluation.watched should count the pairs evaluated after every epoch")
    return found


def check_run(run: Run) -> None:
    """The run's records have all that this report shows.

    Raises:
        RecordError: they lack something, or the run follows another recipe.
    """
    if recipe_of(run) not in PLACES:
        raise RecordError(f"{run.id}: recipe {recipe_of(run)} is none of the seed report's; see analysis.compare")
    if found := faults(run):
        raise RecordError(f"{run.id}/{found[0]}")


def check_fair(arms: Mapping[tuple[str, str], Arm]) -> None:
    """Runs of one system share data, batches, head and shapes; those of one recipe differ in init alone.

    Args:
        arms: (practice, init) -> arm of one system.

    Raises:
        RecordError: they do not.
    """
    differences = certificate_differences([run_of(arm) for arm in arms.values()])
    for practice in PRACTICES:
        if group := [arm for (carried, _), arm in arms.items() if carried == practice]:
            differences += setting_differences(group)
    if differences:
        listed = "; ".join(map(str, differences))
        raise RecordError(f"no fair comparison, runs of one system differ in more than recipe and init: {listed}")


def system_of(name: str, runs: Iterable[Run]) -> System:
    """Returns one system with its runs.

    Raises:
        RecordError: two runs follow one recipe with one init, or a comparison would be unfair.
    """
    arms: dict[tuple[str, str], Arm] = {}
    order = list(PLACES)
    for run in sorted(runs, key=lambda run: (order.index(recipe_of(run)), arm_rank(run.init), run.id)):
        practice = PLACES[recipe_of(run)][1]
        arm = Arm(name=f"{run.init}, {practice}", init=run.init, runs=(run,))
        other = arms.setdefault((practice, run.init), arm)
        if other is not arm:
            raise RecordError(f"runs {run_of(other).id} and {run.id} are the same recipe and init; leave one out")
    check_fair(arms)
    outcome = seed_outcomes()[name]
    return System(
        name=name,
        arms=arms,
        curve=seed_curves()[name],
        before={split: outcome[f"{split}_before"] for split in ENDS},
    )


def systems_of(runs: Sequence[Run]) -> tuple[System, ...]:
    """Returns the systems that these runs are of, in the seed report's order.

    Raises:
        RecordError: a run lacks something or follows another recipe, or the runs are not of one seed.
    """
    for run in runs:
        check_run(run)
    if len(seeds := sorted({run.seed for run in runs})) > 1:
        raise RecordError(f"runs of seeds {', '.join(map(str, seeds))}: this report is about one seed")
    by_system = {name: [run for run in runs if PLACES[recipe_of(run)][0] == name] for name in SYSTEMS.values()}
    return tuple(system_of(name, found) for name, found in by_system.items() if found)


def open_systems(folder: Path) -> tuple[tuple[System, ...], list[str]]:
    """Returns the systems of a study folder, and the names of its runs that are not finished.

    Raises:
        RecordError: a record is missing or malformed, or the runs are not those of the recipes.
    """
    runs, left_out = load_study([folder])
    return systems_of(runs), left_out
