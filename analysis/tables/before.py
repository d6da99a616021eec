"""Accuracy and loss before any update and after training, on training and test pairs, as the seed report has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from analysis.records.arms import Arm
from analysis.records.reading import is_kind, lookup
from analysis.records.runs import Run
from analysis.records.seed_report import SEED_SOURCE, seed_curves, seed_outcomes
from analysis.records.text import listing, number, span
from analysis.statistics.intervals import mean_interval
from analysis.tables.accuracy import test_splits
from analysis.tables.document import Table

TRAIN, PROBE = "train", "training probe"
"""First training pairs with the best weights; or, of runs that did not record those, the probe with the last."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What training changed in one run on one set of pairs."""

    pairs: int
    loss_before: float
    loss_after: float
    before: float
    """Accuracy; so is the next."""
    after: float

    @property
    def points(self) -> float:
        """Change of the accuracy in points."""
        return 100 * (self.after - self.before)


def change(run: Run, name: str) -> Change | None:
    """Returns what training changed on a split or on the training probe; None if either end was not recorded."""
    if name == PROBE:
        return probe_change(run)
    ends = [run.summary["evaluations"][when].get(name) for when in ("before", "after")]
    measured = [[lookup(end, key) for key in ("loss", "accuracy", "examples")] for end in ends]
    if not all(is_kind(value, float) for end in measured for value in end):
        return None
    (loss_before, before, _), (loss_after, after, pairs) = measured
    return Change(pairs=pairs, loss_before=loss_before, loss_after=loss_after, before=before, after=after)


def probe_change(run: Run) -> Change | None:
    """Returns the first and last look at the training probe, the same pairs with initial and last weights."""
    probe = run.evaluations.get("probe_train")
    pairs = lookup(run.config, "evaluation.probe_examples")
    if probe is None or not isinstance(pairs, int):
        return None
    loss, accuracy = probe["loss"], probe["accuracy"]
    return Change(
        pairs=min(pairs, run.training_examples),
        loss_before=float(loss[0]),
        loss_after=float(loss[-1]),
        before=float(accuracy[0]),
        after=float(accuracy[-1]),
    )


def changes(arms: Sequence[Arm]) -> dict[str, dict[str, list[Change]]]:
    """Returns name of the pairs -> arm -> what training changed, seed by seed, where every run of the arm has it.

    The training probe stands in where an arm has no `train`.
    """
    found: dict[str, dict[str, list[Change]]] = {}
    for name in (TRAIN, PROBE, *test_splits(arms)):
        for arm in arms:
            each = [seen for run in arm.runs if (seen := change(run, name))]
            if len(each) == len(arm.runs) and not (name == PROBE and arm.name in found.get(TRAIN, {})):
                found.setdefault(name, {})[arm.name] = each
    return found


def change_table(arms: Sequence[Arm]) -> Table | None:
    """Returns loss and accuracy before and after, and the change in points, mean over seeds; None without any."""
    rows = []
    for name, by_arm in changes(arms).items():
        for arm, found in by_arm.items():
            points = mean_interval([each.points for each in found])
            cells = [fmean(getattr(each, key) for each in found) for key in ("loss_before", "loss_after")]
            shares = [fmean(getattr(each, key) for each in found) for key in ("before", "after")]
            rows.append(
                (
                    *(name, arm, str(points.n), f"{max(each.pairs for each in found):,}"),
                    *(number(cell, 4) for cell in cells),
                    *(number(share) for share in shares),
                    *(signed(points.mean), span(points.low, points.high, 1)),
                )
            )
    measures = ("loss before", "loss after", "accuracy before", "accuracy after", "change in points", "95% interval")
    columns = ("measured on", "arm", "seeds", "pairs", *measures)
    caption = "Before the first update and after training (mean over seeds)"
    source = "runs/*/summary.json, runs/*/metrics.jsonl"
    return Table(caption, columns, tuple(rows), source) if rows else None


def signed(points: float) -> str:
    """Returns a change in points with its sign."""
    return ("+" if points > 0 else "") + number(points, 1)


def change_sentence(arms: Sequence[Arm]) -> str:
    """Says which pairs and weights the table is about."""
    found = changes(arms)
    runs = f"the runs of {listing(list(found.get(PROBE, ())))}" if TRAIN in found else "these runs"
    meant = {
        TRAIN: "the first training pairs with the best weights",
        PROBE: f"a fixed sample of training pairs with the last weights, since {runs} did not record training accuracy "
        "with the best ones",
    }
    parts = [f"{name}: {text}" for name, text in meant.items() if name in found]
    return "; ".join(["Test: all test pairs with the best weights", *parts, "all without dropout."])


def seed_table() -> Table:
    """Returns the seed report's own accuracies before and after."""
    rows: list[tuple[str, ...]] = []
    for name, outcome in seed_outcomes().items():
        curve = seed_curves()[name]
        for split in ("train", "test"):
            before, after = outcome[f"{split}_before"], float(curve[f"{split}_accuracy"][-1])
            points = signed(100 * (after - before))
            epochs = f"{curve['epoch'][-1]:.0f}"
            rows.append(
                (name, split, f"{outcome['train_examples']:,.0f}", epochs, f"{before:.4f}", f"{after:.4f}", points)
            )
    columns = ("system", "measured on", "training examples", "epochs", "before", "after", "change in points")
    caption = "Accuracy as reported by the seed report (one seed, last epoch)"
    return Table(caption, columns, tuple(rows), SEED_SOURCE)
