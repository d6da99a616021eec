"""A study as the report sees it: arms of one size and one rate side by side, the rest in sections of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from analysis.records.arms import Arm, arm_rank, group_arms, settings
from analysis.records.choices import Choice, Choices, chosen_rates, read_choices
from analysis.records.inside import Inside, read_probes
from analysis.records.outlook import Outlook, read_outlook
from analysis.records.quotes import Quotes, read_quotes
from analysis.records.runs import Run, load_study
from analysis.records.text import clean
from analysis.records.yardsticks import Yardstick, read_yardsticks

SIDES = {"premise": "hypothesis only", "hypothesis": "premise only"}
"""Hidden side -> what is left to learn from."""


class Cell(NamedTuple):
    """What runs must share to be compared."""

    hidden: str | None
    """The side of the pairs that they did not see."""
    size: int
    """Number of training examples."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Finished runs, arranged; an arm never mixes sizes, hidden sides or learning rates."""

    arms: tuple[Arm, ...]
    """The main comparison: the size with the most seeds, every arm at its chosen rate."""
    sizes: Mapping[int, tuple[Arm, ...]]
    """Number of training examples, rising -> one arm for each init at its chosen rate there."""
    rates: Mapping[str, tuple[Arm, ...]]
    """Init -> one arm for each learning rate, rising, at the size where most were tried; empty without a sweep."""
    one_sided: tuple[Arm, ...]
    """Arms that saw one sentence of each pair."""
    cells: Mapping[Cell, tuple[Run, ...]]
    """All runs."""
    name: str | None = None
    """Folder below results/; None for runs of several studies."""
    left_out: tuple[str, ...] = ()
    """Runs that are not finished."""
    outlook: Outlook | None = None
    """What is planned, where that was written down."""
    choices: tuple[Choice, ...] = ()
    """Which rates were tried, and which were chosen, where the study wrote that down."""
    yardsticks: tuple[Yardstick, ...] = ()
    """Baselines."""
    quotes: Quotes | None = None
    """Sentences of the mistakes that the report shows."""
    inside: Mapping[str, Inside] = field(default_factory=dict)
    """What the probes found inside the models, by probe."""

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for runs in self.cells.values() for run in runs)

    def halves(self, arm: Arm) -> list[Arm]:
        """Returns the arms that saw one side of the pairs of which `arm` saw both."""
        mine = arm.init, arm.training_examples
        return [side for side in self.one_sided if (side.init, side.training_examples) == mine]

    def words(self, split: str) -> dict[int, float]:
        """Returns number of training examples -> accuracy on a split of a bag of the hypothesis's words, rising."""
        found = [each for each in self.yardsticks if (each.split, each.sees) == (split, "hypothesis only")]
        return {each.train_examples: each.accuracy for each in sorted(found, key=lambda each: each.train_examples)}


def from_folder(runs: Iterable[Run]) -> bool:
    """Returns whether some of the runs read MNLI from a folder, which may hold other pairs than the hub."""
    return any(str(run.data["name"]).startswith("mnli-") and run.data["name"] != "mnli-hub" for run in runs)


def by_rate(runs: Iterable[Run]) -> dict[tuple[str, ...], dict[float, list[Run]]]:
    """Returns (init, every setting but the rate) -> learning rate -> runs."""
    found: dict[tuple[str, ...], dict[float, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        others = sorted(f"{key} {value}" for key, value in settings(run).items() if key != "learning_rate")
        found[run.init, *others][run.learning_rate].append(run)
    return found


def validation_loss(runs: Sequence[Run]) -> float:
    """Returns the mean over runs of the lowest validation loss."""
    return fmean(run.summary["best"]["validation_loss"] for run in runs)


def at_chosen_rates(runs: Iterable[Run], choices: Choices) -> list[Run]:
    """Returns the runs of each arm at one rate: the chosen one, else that of most seeds, else of the lowest loss."""
    kept = []
    for (init, *_), rates in by_rate(runs).items():
        chosen = choices.get(init, frozenset())
        kept += max(rates.items(), key=lambda found: (found[0] in chosen, len(found[1]), -validation_loss(found[1])))[1]
    return kept


def largest_arms(arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Returns one arm for each init, the one with most seeds, named by its init."""
    largest: dict[str, Arm] = {}
    for arm in arms:
        if arm.init not in largest or len(arm.runs) > len(largest[arm.init].runs):
            largest[arm.init] = replace(arm, name=arm.init)
    return tuple(largest.values())


def sweep(runs: Iterable[Run]) -> dict[str, tuple[Arm, ...]]:
    """Returns init -> one arm for each rate, under the settings with which most rates were tried."""
    widest: dict[str, dict[float, list[Run]]] = {}
    for (init, *_), rates in sorted(by_rate(runs).items(), key=lambda found: (arm_rank(found[0][0]), found[0])):
        if len(rates) > len(widest.get(init, ())):
            widest[init] = rates
    arms = {init: (group_arms(found)[0] for _, found in sorted(rates.items())) for init, rates in widest.items()}
    return {init: tuple(replace(arm, name=init) for arm in found) for init, found in arms.items()}


def one_side(cell: Cell, arm: Arm, size: int) -> Arm:
    """Returns an arm that saw one side, named so; with its size if that is not the main one."""
    side = SIDES.get(cell.hidden or "", f"without {cell.hidden}")
    return replace(arm, name=f"{arm.name}, {side}" + (f", {cell.size:,} examples" if cell.size != size else ""))


def arrange(runs: Iterable[Run], choices: Choices) -> Study:
    """Returns the study that these runs make.

    Raises:
        RecordError: two runs are the same arm and seed.
    """
    cells: dict[Cell, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (arm_rank(run.init), run.learning_rate, run.seed, run.id)):
        cells[Cell(run.hidden, run.training_examples)].append(run)
    kept = {cell: group_arms(at_chosen_rates(found, choices)) for cell, found in cells.items()}
    seeds = {cell: sum(len(arm.runs) for arm in arms) for cell, arms in kept.items()}
    main = max(cells, key=lambda cell: (cell.hidden is None, seeds[cell], cell.size))
    whole = sorted((cell for cell in cells if cell.hidden == main.hidden), key=lambda cell: cell.size)
    others = sorted(
        (cell for cell in cells if cell.hidden != main.hidden), key=lambda cell: (str(cell.hidden), cell.size)
    )
    sweeps = [sweep(cells[cell]) for cell in sorted(whole, key=lambda cell: cell != main)]
    widest = max(sweeps, key=lambda found: sum(map(len, found.values())))
    return Study(
        arms=tuple(kept[main]),
        sizes={cell.size: largest_arms(kept[cell]) for cell in whole},
        rates=widest if max(map(len, widest.values())) > 1 else {},
        one_sided=tuple(one_side(cell, arm, main.size) for cell in others for arm in largest_arms(kept[cell])),
        cells={cell: tuple(cells[cell]) for cell in (*whole, *others)},
    )


def open_study(paths: Iterable[Path], folder: Path | None) -> Study:
    """Returns the finished runs at these paths, arranged.

    Args:
        paths: run directories or study folders.
        folder: the study folder that they all belong to, if there is one; it may hold choices, plans, quotes and more.

    Raises:
        RecordError: a record is missing or malformed, or two runs are the same arm and seed.
    """
    runs, left_out = load_study(paths)
    if folder is None:
        return replace(arrange(runs, {}), left_out=tuple(left_out))
    choices = read_choices(folder / "choices.json")
    return replace(
        arrange(runs, chosen_rates(choices)),
        name=clean(folder.resolve().name),
        left_out=tuple(left_out),
        outlook=read_outlook(folder),
        choices=choices,
        yardsticks=read_yardsticks(folder / "baselines.json", runs),
        quotes=read_quotes(folder / "quotes.json", runs),
        inside=read_probes(folder / "probes", runs),
    )


def with_probes_of(study: Study, beside: Iterable[Study]) -> Study:
    """Returns a study that shows what was found inside the models of those beside it, where it has not its own."""
    found = dict(study.inside)
    for other in beside:
        for probe, inside in other.inside.items():
            source = f"results/{other.name}/{inside.source}"
            found.setdefault(probe, replace(inside, source=source, study=other.name))
    return replace(study, inside=found)
