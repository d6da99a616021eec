"""What the benchmark's report says of the accuracy of fast and plain path."""

from __future__ import annotations

from typing import Any

from train.benchmark.markdown import table, verdict
from train.benchmark.record import PLANNED_SEEDS


def agreement_text(record: dict[str, Any]) -> str:
    """What the fast path costs in accuracy: the interval, the verdict, where the runs come from, and every seed."""
    margin, asked = record["margin"], record["settings"]
    rows = [(str(s["seed"]), f"{s['fast']:.4f}", f"{s['plain']:.4f}") for s in record["seeds"]]
    sentence = (
        f"Fast path minus plain path (library dropout, full last layer, padded attention, batches never cut), the best "
        f"of {asked['epochs']} epochs with {asked['train_examples']:,} pairs of {asked['data']}, test accuracy in "
        f"points over {len(rows)} seeds: {points(record['difference'])}, over seeds alone; target: within "
        f"±{100 * margin:g}, {verdict(record['met'])}."
    )
    return f"{sentence}{planned_sentence(record)}{origin(record)}\n\n{table(('seed', 'fast', 'plain'), rows)}"


def planned_sentence(record: dict[str, Any]) -> str:
    """What the seeds say that were planned, where more were run."""
    if len(record["seeds"]) <= PLANNED_SEEDS:
        return ""
    return (
        f" The first {PLANNED_SEEDS}, which were planned, say by themselves: {points(record['planned_seeds_alone'])}. "
        "More were run since those settled nothing, and an interval that is looked at again and again holds less often "
        "than 95%."
    )


def origin(record: dict[str, Any]) -> str:
    """The command, and the code that made the runs, which may be older than the code whose speed is shown.

    Nothing of a record that was made before it told so.
    """
    if "commits" not in record:
        return ""
    asked = record["settings"]
    data = f" --data DIR --train-examples {asked['train_examples']}" if asked["data"] == "MNLI" else ""
    commits = ", ".join(commit[:7] for commit in record["commits"])
    versions = ", ".join(map(str, record["numerics_versions"]))
    return (
        f" By `python -m train.benchmark --agreement{data} --seeds {len(record['seeds'])}`; the runs are of commits "
        f"{commits}, of numerics version {versions}, within which numbers change by rounding alone."
    )


def points(found: dict[str, float]) -> str:
    """A difference in accuracy with its interval, in points."""
    mean, low, high = (100 * found[name] for name in ("mean", "low", "high"))
    return f"mean {mean:+.2f}, 95% interval {low:+.2f} to {high:+.2f}"
