"""What can be had without a Transformer, as `analysis.baselines` measured it on the runs' own pairs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.records.arms import flatten
from analysis.records.reading import SCHEMA_VERSION, RecordError, is_kind, lookup, parse_object, read_text
from analysis.records.runs import Run
from models.errors import command

FIELDS = {"baseline": str, "sees": str, "split": str, "train_examples": int, "examples": int}
SHARES = ("accuracy", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """One baseline on one test split."""

    name: str
    sees: str
    """`neither`, `premise only`, `hypothesis only` or `both` sentences."""
    split: str
    train_examples: int
    accuracy: float
    low: float
    """95% interval over test items."""
    high: float

    def __str__(self) -> str:
        """Its name; one that sees no sentence knows the training labels alone."""
        return f"{self.name} of training" if self.sees == "neither" else f"{self.name}, {self.sees}"


def read_yardsticks(path: Path, runs: Iterable[Run]) -> tuple[Yardstick, ...]:
    """Returns the rows of a study's baselines.json; none where there is no such file.

    Raises:
        RecordError: unreadable, a value missing or of another kind, or measured on other pairs than the runs.
    """
    if not path.exists():
        return ()
    record = parse_object(read_text(path), str(path))
    if record.get("schema_version") != SCHEMA_VERSION or not isinstance(record.get("baselines"), list):
        raise RecordError(f"{path}: expected schema_version {SCHEMA_VERSION} and a list of baselines")
    check_pairs(record, path, runs)
    return tuple(parse(row, f"{path}: baselines[{place}]") for place, row in enumerate(record["baselines"]))


def parse(row: Any, where: str) -> Yardstick:
    """Returns one row."""
    found = row if isinstance(row, dict) else {}
    for name, kind in (*FIELDS.items(), *((share, float) for share in SHARES)):
        value: Any = found.get(name)
        if not is_kind(value, kind) or (name in SHARES and not 0 <= value <= 1):
            raise RecordError(f"{where}.{name} should be a {kind.__name__}, found {json.dumps(value)[:60]}")
    kept = {name: found[name] for name in ("sees", "split", "train_examples", *SHARES)}
    return Yardstick(name=found["baseline"], **kept)


def check_pairs(record: Mapping[str, Any], path: Path, runs: Iterable[Run]) -> None:
    """Refuses baselines that were not measured on the training and test pairs that the runs' certificates name."""
    tests, trains = (lookup(record.get("data"), name) or {} for name in ("sha256", "train_sha256"))
    for run in runs:
        certified = flatten(run.certificate)
        theirs = {
            "train": trains.get(str(run.training_examples)),
            **{split: tests.get(split) for split in run.test_splits},
        }
        for split, sha256 in theirs.items():
            if sha256 is not None and sha256 != certified.get(f"data_sha256.{split}"):
                raise RecordError(
                    f"{path}: measured on other {split} pairs than {run.id}; make it again with "
                    f"{command('analysis.baselines')} and the data settings of the runs"
                )
