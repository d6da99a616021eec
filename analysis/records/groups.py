"""Accuracy within groups of test examples: genres of MNLI, phenomena of the controlled corpus."""

from collections import defaultdict

from analysis.records.runs import Run


def group_accuracy(run: Run, split: str) -> dict[str, tuple[float, int]]:
    """Returns group -> (accuracy, examples) for one test split; examples without a group are left out."""
    answers = run.answers.get(split, {})
    right: dict[str, list[bool]] = defaultdict(list)
    for row in run.predictions:
        if row.get("split") == split and row.get("group"):
            right[row["group"]].append(answers[row.get("id", "")])
    return {group: (sum(hits) / len(hits), len(hits)) for group, hits in sorted(right.items())}


def majority_share(run: Run, split: str) -> float | None:
    """Returns the share of the commonest label in a split: the accuracy of always naming it."""
    found = run.data["splits"].get(split)
    labels = found.get("labels") if isinstance(found, dict) else None
    counts = [c for c in labels.values() if isinstance(c, int)] if isinstance(labels, dict) else []
    return max(counts) / sum(counts) if counts and sum(counts) else None
