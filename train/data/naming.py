"""What own files, their columns and their integer labels are called: known layouts, and what a user says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import DataError, UserError
from train.data.pairs import LABELS

HUB_LABELS = ("entailment", "neutral", "contradiction")
"""Meaning of the integers 0, 1, 2 in MultiNLI on the hub and on Kaggle. Source: the hub's dataset card."""

COLUMNS = ("premise", "hypothesis", "label", "genre")

_MISMATCHED = "test_mismatched"
LAYOUTS: tuple[Mapping[str, str], ...] = (
    {"train": "train.tsv", "test": "dev_matched.tsv", _MISMATCHED: "dev_mismatched.tsv"},  # GLUE
    *(
        {
            "train": f"multinli_1.0_train.{kind}",
            "test": f"multinli_1.0_dev_matched.{kind}",
            _MISMATCHED: f"multinli_1.0_dev_mismatched.{kind}",
        }
        for kind in ("jsonl", "txt")
    ),
    {"train": "train.csv", "test": "validation_matched.csv", _MISMATCHED: "validation_mismatched.csv"},  # Kaggle
    *(
        {"train": f"train.{kind}", "validation": f"{name}.{kind}", "test": f"test.{kind}"}
        for kind in ("tsv", "csv", "jsonl", "parquet")
        for name in ("validation", "dev", "val", "valid")
    ),
    *({"train": f"train.{kind}", "test": f"test.{kind}"} for kind in ("tsv", "csv", "jsonl", "parquet")),
)
"""Split -> file, for each layout that a folder may have; the first of which all but the mismatched is there is read."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of one source."""

    paths: dict[str, Path]
    """By split; where validation or test is not among them, it is drawn from train."""
    label_names: tuple[str, ...] = ()
    """What integer labels mean in this layout; empty where that is not known."""


def find_files(place: Path) -> Files:
    """The files in a folder of a known layout; or the one file, from which all splits are drawn.

    Raises:
        DataError: nothing is there, or no known layout.
    """
    if place.is_file():
        return Files(paths={"train": place})
    if not place.is_dir():
        raise DataError(f"{place}: no such file or folder; --data takes either")
    for layout in LAYOUTS:
        paths = {split: place / name for split, name in layout.items() if (place / name).is_file()}
        if layout.keys() - paths.keys() <= {_MISMATCHED}:
            known = layout["test"] == "validation_matched.csv"
            return Files(paths=paths, label_names=HUB_LABELS if known else ())
    known_pairs = "; ".join(dict.fromkeys(f"{layout['train']} with {layout['test']}" for layout in LAYOUTS))
    raise DataError(
        f"{place}: found no training and test file of a known layout, expected one of: {known_pairs}; "
        "of a single file, given as --data FILE, all splits are drawn"
    )


def parse_columns(text: str | None) -> dict[str, str]:
    """`premise=A,label=B` as our column -> its name in the file.

    Raises:
        UserError: something else is written.
    """
    if text is None:
        return {}
    parts = [part.partition("=") for part in str(text).split(",")]
    columns = {ours.strip(): theirs.strip() for ours, _, theirs in parts}
    distinct = len(set(columns.values()) - {""})
    if not distinct == len(columns) == len(parts) or not columns.keys() <= set(COLUMNS):
        raise UserError(f"columns {text!r}: write premise=NAME,hypothesis=NAME,label=NAME,genre=NAME, any of them once")
    return columns


def parse_label_names(text: str | None) -> tuple[str, ...]:
    """`entailment,neutral,contradiction` as what the integers 0, 1, 2 mean.

    Raises:
        UserError: these are not the three labels.
    """
    if text is None:
        return ()
    names = tuple(name.strip() for name in str(text).split(","))
    if sorted(names) != sorted(LABELS):
        raise UserError(f"label_names {text!r}: write {', '.join(LABELS)} in the order of the integers 0, 1, 2")
    return names
