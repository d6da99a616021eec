"""What a pair is, and how labels are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # datasets takes half a second and 95 MB, which a run on local files need not spend
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

    @property
    def texts(self) -> tuple[str, str]:
        """What makes two pairs the same."""
        return self.premise, self.hypothesis

    @property
    def row(self) -> int:
        """Where it stands in its file, with which every id ends."""
        return int(self.id.rpartition("-")[2])


def to_dataset(examples: Iterable[Example]) -> Dataset:
    """The examples as a `datasets.Dataset` for other libraries: the columns of `COLUMNS`, all text (`007`, `None`)."""
    from datasets import Dataset, Features, Value

    rows = [asdict(example) for example in examples]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    return Dataset.from_dict(columns, features=Features({name: Value("string") for name in COLUMNS}))


def content_hash(pairs: Sequence[Example]) -> str:
    """sha256 over every pair's id, sentences and label, in order."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(("\x1f".join((pair.id, pair.premise, pair.hypothesis, pair.label)) + "\x1e").encode())
    return digest.hexdigest()
