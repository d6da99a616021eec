"""What a pair is, and how labels are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # datasets takes a second to import, which `--help` need not wait for
    from datasets import Dataset

LABELS = ("entailment", "contradiction", "neutral")
"""The order of the three logits, which is the seed report's. Sources declare their own encoding by name."""

COLUMNS = ("id", "premise", "hypothesis", "label", "group")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One pair. `group` is its genre or phenomenon, for tables by group."""

    id: str
    premise: str
    hypothesis: str
    label: str
    group: str


def to_dataset(examples: Iterable[Example]) -> Dataset:
    """The examples as a `datasets.Dataset` with the columns of `COLUMNS`, all text."""
    from datasets import Dataset, Features, Value

    rows = [asdict(example) for example in examples]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    return Dataset.from_dict(columns, features=Features({name: Value("string") for name in COLUMNS}))


def content_hash(pairs: Dataset) -> str:
    """sha256 over every pair's id, sentences and label, in order."""
    digest = hashlib.sha256()
    for row in zip(*(pairs[name] for name in COLUMNS[:4]), strict=True):
        digest.update(("\x1f".join(row) + "\x1e").encode())
    return digest.hexdigest()
