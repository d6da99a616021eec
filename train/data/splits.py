"""From a data source to train, validation and test: no premise in two of the first two, no pair in train and test."""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import DataError
from train.config import DataConfig
from train.data.controlled import load_controlled
from train.data.pairs import LABELS, Example, content_hash
from train.data.readers import HUB_NAME, Findings, read_hub, read_tsv

TRAIN_FILE, TEST_FILE = "train.tsv", "dev_matched.tsv"


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The pairs of one run."""

    name: str
    """The source, for records: never a path."""
    train: list[Example]
    validation: list[Example]
    tests: dict[str, list[Example]]
    """By name: `test`, and for the built-in corpus `test_unseen`."""
    counts: dict[str, int]
    """What was dropped, mended or met while reading."""

    def all(self) -> dict[str, list[Example]]:
        """Every split by name."""
        return {"train": self.train, "validation": self.validation, **self.tests}

    def to_record(self) -> dict[str, Any]:
        """Sizes, labels and premises of each split, and the reader's counts."""
        return {
            "name": self.name,
            "splits": {name: _describe(pairs) for name, pairs in self.all().items()},
            "counts": dict(sorted(self.counts.items())),
        }

    def hashes(self) -> dict[str, str]:
        """sha256 of each split's content."""
        return {name: content_hash(pairs) for name, pairs in self.all().items()}


def _describe(pairs: Sequence[Example]) -> dict[str, Any]:
    labels = Counter(pair.label for pair in pairs)
    return {
        "examples": len(pairs),
        "labels": {name: labels[name] for name in LABELS},
        "premises": len({pair.premise for pair in pairs}),
    }


def load_splits(config: DataConfig, seed: int) -> Splits:
    """Read the source that the configuration names and split it. The seed matters for `sample = "seeded"` alone.

    Raises:
        DataError: the source is missing, malformed, too small, or has a pair in both train and test.
    """
    sources, name, counts = _read(config)
    train = _take(sources.pop("train"), config, seed)
    validation = sources.pop("validation")[: config.validation_examples]
    tests = {split: examples[: config.test_examples] for split, examples in sources.items()}
    _refuse_overlap(train, tests)
    return Splits(
        name=name,
        train=train,
        validation=validation,
        tests=tests,
        counts=counts,
    )


def _read(config: DataConfig) -> tuple[dict[str, list[Example]], str, dict[str, int]]:
    if config.dataset == "controlled":
        return load_controlled(), "controlled", {}
    folder = config.folder or os.environ.get("MNLI_DIR")
    counts: Counter[str] = Counter()
    files = []
    for file, split in ((TRAIN_FILE, "train"), (TEST_FILE, "validation_matched")):
        findings = Findings(file if folder else f"{HUB_NAME}/{split}")
        files.append(read_tsv(Path(folder) / file, findings) if folder else read_hub(split, findings))
        counts.update({f"{findings.source}: {what}": n for what, n in findings.counts.items()})
    train, validation = carve_validation(files[0], config.validation_examples)
    name = f"mnli-{Path(folder).name}" if folder else "mnli-hub"
    return {"train": train, "validation": validation, "test": files[1]}, name, dict(counts)


def carve_validation(examples: list[Example], size: int) -> tuple[list[Example], list[Example]]:
    """Part the pairs so that no premise is on both sides, with at least `size` pairs on the second.

    Which premises go there depends on their text alone (in the order of their sha256), so that every run on a file
    has the same validation pairs, whatever its seed and size.

    Raises:
        DataError: nothing would be left for training.
    """
    pairs_of = Counter(example.premise for example in examples)
    chosen: set[str] = set()
    total = 0
    for premise in sorted(pairs_of, key=lambda text: hashlib.sha256(text.encode()).digest()):
        if total >= size:
            break
        chosen.add(premise)
        total += pairs_of[premise]
    train = [example for example in examples if example.premise not in chosen]
    if not train or total < size:
        raise DataError(f"{len(examples)} pairs are too few to set {size} aside for validation")
    return train, [example for example in examples if example.premise in chosen]


def _take(examples: list[Example], config: DataConfig, seed: int) -> list[Example]:
    wanted = config.train_examples or len(examples)
    if wanted > len(examples):
        raise DataError(
            f"{wanted} training pairs asked for, but only {len(examples)} are there once "
            f"{config.validation_examples} are set aside for validation"
        )
    if config.sample == "seeded":
        return random.Random(f"train sample {seed}").sample(examples, wanted)
    return examples[:wanted]


def _refuse_overlap(train: list[Example], tests: dict[str, list[Example]]) -> None:
    seen = {(example.premise, example.hypothesis) for example in train}
    for split, examples in tests.items():
        for example in examples:
            if (example.premise, example.hypothesis) in seen:
                raise DataError(f"{split} pair {example.id} is also a training pair: its result would be worthless")
