"""Accuracy within groups of test examples: genres of MNLI, phenomena of the controlled corpus."""

from collections import defaultdict

from analysis.records import RecordError
from analysis.runs import Run

LABELS = ("entailment", "contradiction", "neutral")


def predicted(row: dict[str, str], run_id: str) -> str:
    """Returns the label of highest probability, the first of them at a tie.

    Raises:
        RecordError: a probability is missing or no number.
    """
    try:
        return max(LABELS, key=lambda label: float(row[label]))
    except (KeyError, ValueError):
        where = f"{run_id}/predictions.csv: example {row.get('id', '?')}"
        raise RecordError(f"{where}: the columns {', '.join(LABELS)} should hold probabilities") from None


def group_accuracy(run: Run, split: str) -> dict[str, tuple[float, int]]:
    """Returns group -> (accuracy, examples) for one test split; examples without a group are left out."""
    right: dict[str, list[bool]] = defaultdict(list)
    for row in run.predictions:
        if row.get("split") == split and row.get("group"):
            right[row["group"]].append(predicted(row, run.id) == row.get("gold"))
    return {group: (sum(hits) / len(hits), len(hits)) for group, hits in sorted(right.items())}


def majority_share(run: Run, split: str) -> float | None:
    """Returns the share of the commonest label in a split: the accuracy of always naming it."""
    found = run.data["splits"].get(split)
    labels = found.get("labels") if isinstance(found, dict) else None
    counts = [c for c in labels.values() if isinstance(c, int)] if isinstance(labels, dict) else []
    return max(counts) / sum(counts) if counts and sum(counts) else None
