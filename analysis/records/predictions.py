"""What a run said to each pair of a test split, as arrays in one order for all runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records.reading import RecordError
from analysis.records.runs import Run
from train.data.pairs import LABELS

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """One run's probabilities for the pairs of one split, sorted by id."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    """Empty where a pair has none."""
    gold: NDArray[np.int64]
    """`(I,)`, place in `LABELS`."""
    shares: Array
    """`(I, 3)`, in the order of `LABELS`, to the four decimals of the record."""

    @property
    def said(self) -> NDArray[np.int64]:
        """`(I,)`, the label of highest probability; the first of them at a tie."""
        return self.shares.argmax(axis=1)

    @property
    def right(self) -> NDArray[np.bool_]:
        """`(I,)`."""
        return self.said == self.gold


def predicted_pairs(run: Run, split: str) -> Predicted | None:
    """Returns what a run said to the pairs of a split; None without predictions for it.

    Raises:
        RecordError: a gold label is unknown, a probability is missing or none, or a pair is there twice.
    """
    if not run.answers.get(split):
        return None
    rows = sorted((row for row in run.predictions if row["split"] == split), key=lambda row: row.get("id", ""))
    shares = np.array([[float(row[label]) for label in LABELS] for row in rows])
    for row, found in zip(rows, shares, strict=True):
        where = f"{run.id}/predictions.csv: example {row.get('id', '?')}"
        if row.get("gold") not in LABELS:
            raise RecordError(f"{where}: gold should be one of {', '.join(LABELS)}")
        if not (found.min() >= 0 and 0 < found.sum() < np.inf):
            raise RecordError(f"{where}: {', '.join(LABELS)} should be probabilities")
    return Predicted(
        ids=tuple(row.get("id", "") for row in rows),
        groups=tuple(row.get("group", "") for row in rows),
        gold=np.array([LABELS.index(row["gold"]) for row in rows]),
        shares=shares,
    )
