"""The seed report's numbers, quoted as its own, never as ours."""

import csv
from pathlib import Path

import numpy as np

from analysis.records.reading import Columns

REFERENCE = Path(__file__).parent.parent / "reference" / "seed_curves.csv"
OUTCOMES = REFERENCE.with_name("seed_outcomes.csv")
SYSTEMS = {
    "distilbert-frozen": "distilbert-frozen",
    "roberta-full": "roberta-full",
    "roberta-gradual-unfreeze": "roberta-gradual",
}
"""What the files call a run -> its system, as recipes and reports call it."""
SEED_SOURCE = "analysis/reference/*.csv"
"""Where they lie below the project's folder."""
COLUMNS = ("epoch", "train_loss", "train_accuracy", "test_accuracy")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a file, each with its system as `run`; `#` lines state the source."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return [row | {"run": SYSTEMS[row["run"]]} for row in csv.DictReader(lines)]


def seed_curves() -> dict[str, Columns]:
    """Returns system -> per-epoch columns `COLUMNS`, in the file's order."""
    rows = read_rows(REFERENCE)
    names = dict.fromkeys(row["run"] for row in rows)
    return {
        name: {column: np.array([float(r[column]) for r in rows if r["run"] == name]) for column in COLUMNS}
        for name in names
    }


def seed_outcomes() -> dict[str, dict[str, float]]:
    """Returns system -> training examples, and accuracy before training on training and test pairs."""
    return {row.pop("run"): {key: float(value) for key, value in row.items()} for row in read_rows(OUTCOMES)}
