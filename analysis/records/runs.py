"""Finds finished runs and loads their records."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.records.reading import REQUIRED, Columns, RecordError, read_metrics, read_predictions, read_record
from analysis.records.text import clean
from train.data.pairs import LABELS
from train.kinds import completed


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """The records of one finished run."""

    id: str
    """The directory's name, cleaned: a label, never a source of facts."""
    path: Path
    """The directory itself."""
    config: dict[str, Any]
    environment: dict[str, Any]
    certificate: dict[str, Any]
    data: dict[str, Any]
    summary: dict[str, Any]
    training: Columns
    """`TRAIN_COLUMNS`, one entry per optimizer step; the loss of step k is measured before update k."""
    epochs: Columns
    """`EPOCH_COLUMNS`, one entry per epoch."""
    evaluations: dict[str, Columns] = field(default_factory=dict)
    """Split -> `EVALUATION_COLUMNS`, in evaluation mode, from step 0 on."""
    predictions: list[dict[str, str]] = field(default_factory=list)
    """Rows of predictions.csv: split, id, gold, one probability per label, group."""

    @property
    def init(self) -> str:
        return str(self.config["init"])

    @property
    def seed(self) -> int:
        return int(self.config["seed"])

    @property
    def hidden(self) -> str | None:
        """The side of each pair that was hidden, `premise` or `hypothesis`."""
        side = self.config["data"].get("hide")
        return None if side is None else str(side)

    @property
    def learning_rate(self) -> float:
        return float(self.config["plan"]["learning_rate"])

    @property
    def training_examples(self) -> int:
        return int(self.data["splits"]["train"]["examples"])

    @property
    def test_splits(self) -> list[str]:
        return sorted(split for split in self.summary["evaluations"]["after"] if split.startswith("test"))

    def accuracy(self, split: str, when: str = "after") -> float:
        """Returns the accuracy `before` any update or `after`, with the best weights; NaN if not measured."""
        return float(self.summary["evaluations"][when].get(split, {}).get("accuracy", math.nan))

    def examples(self, split: str) -> int:
        """Returns how many examples an evaluated split has, 0 if it was not evaluated."""
        return int(self.summary["evaluations"]["after"].get(split, {}).get("examples", 0))

    @cached_property
    def answers(self) -> dict[str, dict[str, bool]]:
        """Split -> id of an example -> whether the prediction is right; the first label wins a tie.

        Raises:
            RecordError: a probability is missing or no number, or an example is there twice.
        """
        found: dict[str, dict[str, bool]] = {}
        for row in self.predictions:
            split, id = row.get("split", ""), row.get("id", "")
            if id in found.setdefault(split, {}):
                raise RecordError(f"{self.id}/predictions.csv: example {id} of {split} is there twice")
            found[split][id] = predicted(row, self.id) == row.get("gold")
        return found

    def labels(self, split: str) -> dict[str, str]:
        """Returns id of an example of a split -> the label that the run names.

        Raises:
            RecordError: a probability is missing or no number.
        """
        return {row["id"]: predicted(row, self.id) for row in self.predictions if row.get("split") == split}


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


def load_run(path: Path) -> Run:
    """Returns the records of the finished run in directory `path`.

    Raises:
        RecordError: a record is missing or malformed.
    """
    records = {name.removesuffix(".json"): read_record(path / name) for name in REQUIRED}
    records["config"] = completed(records["config"])
    training, epochs, evaluations = read_metrics(path / "metrics.jsonl")
    return Run(
        id=clean(path.resolve().name),
        path=path.resolve(),
        training=training,
        epochs=epochs,
        evaluations=evaluations,
        predictions=read_predictions(path / "predictions.csv"),
        **records,
    )


def run_directories(path: Path) -> list[Path]:
    """Returns the run directories of a study folder (all of `runs/`), or the run directory `path` itself.

    Raises:
        RecordError: `path` is neither.
    """
    if (path / "runs").is_dir():
        return sorted(p for p in (path / "runs").iterdir() if p.is_dir() and not p.name.startswith("."))
    if not (path / "config.json").is_file():
        raise RecordError(f"{path}: neither a run (config.json) nor a study folder (runs/)")
    return [path]


def load_study(paths: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Returns the finished runs, each once, and the names of the others, which are left out: unfinished or diverged.

    Raises:
        RecordError: a path is no run directory, a record is unreadable, or no run is finished.
    """
    directories = list({run.resolve(): run for path in paths for run in run_directories(path)}.values())
    finished = [path for path in directories if (path / "summary.json").is_file()]
    if not finished:
        raise RecordError(f"no finished run (with summary.json) among {len(directories)} run directories")
    others = [path for path in directories if path not in finished]
    left_out = sorted(f"{clean(path.name)}{' (diverged)' * (path / 'diverged.json').is_file()}" for path in others)
    return [load_run(path) for path in finished], left_out
