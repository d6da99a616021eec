"""Which pairs go wrong: what is said instead, class by class, and the mistakes made with most confidence."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from analysis.records.arms import Arm
from analysis.records.quotes import Quotes
from analysis.records.reading import RecordError
from analysis.records.runs import Run, predicted
from analysis.records.text import MISSING, number
from analysis.tables.accuracy import test_splits
from analysis.tables.document import Table
from train.data.pairs import LABELS

MOST_MISTAKES = 14
"""Pairs of `MOST_QUOTED` that mistakes may take; the rest is left to pairs on which arms differ."""

MOST_PER_ARM = 5
"""Mistakes shown of one arm, as many as the seed report shows."""


def confusion(run: Run, split: str) -> NDArray[np.int64]:
    """Returns pairs by gold label (row) and label said (column), in the order of `LABELS`; zeros without predictions.

    Raises:
        RecordError: a gold label is unknown, or a probability is missing or no number.
    """
    counts = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    for row in run.predictions:
        if row.get("split") == split:
            if row.get("gold") not in LABELS:
                where = f"{run.id}/predictions.csv: example {row.get('id', '?')}"
                raise RecordError(f"{where}: gold should be one of {', '.join(LABELS)}")
            counts[LABELS.index(row["gold"]), LABELS.index(predicted(row, run.id))] += 1
    return counts


def shares(arm: Arm, split: str) -> NDArray[np.float64] | None:
    """Returns the share of each gold label's pairs that were called each label, mean over seeds.

    None if in some run a label has no pair.
    """
    counts = [confusion(run, split) for run in arm.runs]
    if any((each.sum(1) == 0).any() for each in counts):
        return None
    return np.mean([each / each.sum(1, keepdims=True) for each in counts], axis=0)


def all_shares(arms: Sequence[Arm], split: str) -> dict[str, NDArray[np.float64]]:
    """Returns arm -> `shares`, where they can be told."""
    return {arm.name: found for arm in arms if (found := shares(arm, split)) is not None}


def macro_f1(counts: NDArray[np.int64]) -> float:
    """Returns the mean over labels of 2 TP / (2 TP + FP + FN); a label without a true positive counts 0."""
    return float(np.mean(2 * np.diag(counts) / np.maximum(1, counts.sum(0) + counts.sum(1))))


def confusion_table(arms: Sequence[Arm], split: str) -> Table | None:
    """Returns what was said to pairs of each gold label; None without predictions."""
    rows = tuple(
        (name, label, *(number(share) for share in found[place]))
        for name, found in all_shares(arms, split).items()
        for place, label in enumerate(LABELS)
    )
    caption = f"What was said on {split}, as a share of each gold label's pairs (mean over seeds)"
    columns = ("arm", "gold label", *(f"said {label}" for label in LABELS))
    return Table(caption, columns, rows, "runs/*/predictions.csv") if rows else None


def class_table(arms: Sequence[Arm], split: str) -> Table | None:
    """Returns accuracy by gold label and macro F1, mean over seeds; None without predictions."""
    found = all_shares(arms, split)
    named = [arm for arm in arms if arm.name in found]
    if not named:
        return None
    pairs = confusion(named[0].runs[0], split).sum(1)
    rows = [
        (label, f"{pairs[place]:,}", *(number(each[place, place]) for each in found.values()))
        for place, label in enumerate(LABELS)
    ]
    scores = [fmean(macro_f1(confusion(run, split)) for run in arm.runs) for arm in named]
    rows.append(("macro F1", f"{pairs.sum():,}", *map(number, scores)))
    columns = ("gold label", "pairs", *found)
    caption = f"Accuracy on {split} by gold label (mean over seeds)"
    return Table(caption, columns, tuple(rows), "runs/*/predictions.csv")


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test pair for which the mean of an arm's seeds says something else than the gold label."""

    arm: str
    split: str
    id: str
    group: str
    gold: str
    said: str
    probability: float
    """What the seeds gave to the wrong label, mean over seeds."""


def mistakes(arm: Arm, split: str) -> list[Mistake]:
    """Returns an arm's mistakes, the most confident first; of equals the first by id.

    Raises:
        RecordError: a probability is missing or no number.
    """
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for run in arm.runs:
        for row in run.predictions:
            if row.get("split") == split and predicted(row, run.id):
                rows[row.get("id", "")].append(row)
    found = []
    for id, seeds in rows.items():
        means = {label: fmean(float(row[label]) for row in seeds) for label in LABELS}
        said, gold, group = max(LABELS, key=lambda label: means[label]), seeds[0].get("gold", ""), seeds[0].get("group")
        if said != gold:
            about = {"arm": arm.name, "split": split, "id": id, "group": group or MISSING}
            found.append(Mistake(**about, gold=gold, said=said, probability=means[said]))
    return sorted(found, key=lambda each: (-each.probability, each.id))


def shown_mistakes(arms: Sequence[Arm]) -> list[Mistake]:
    """Returns each arm's most confident mistakes on the first test split, `MOST_MISTAKES` in all."""
    most = min(MOST_PER_ARM, MOST_MISTAKES // len(arms))
    return [each for split in test_splits(arms)[:1] for arm in arms for each in mistakes(arm, split)[:most]]


def mistake_table(arms: Sequence[Arm], quotes: Quotes | None) -> Table | None:
    """Returns the most confident mistakes, with their sentences where those were looked up; None without any."""
    found = shown_mistakes(arms)
    if not found:
        return None
    texts = {} if quotes is None else quotes.pairs
    sides = () if quotes is None else ("premise", "hypothesis")
    rows = tuple(
        (
            *(each.arm, each.id, each.group, each.gold, each.said, number(each.probability)),
            *(texts.get(each.id, (MISSING, MISSING)) if sides else ()),
        )
        for each in found
    )
    columns = ("arm", "pair", "group", "gold label", "said", "probability", *sides)
    caption = f"Most confident mistakes on {found[0].split} (probability of the label said, mean over seeds)"
    return Table(caption, columns, rows, "runs/*/predictions.csv" + ", quotes.json" * bool(sides))
