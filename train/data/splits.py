"""From a data source to train, validation and test. What is drawn from the training pairs shares no premise with them;
what comes in files of its own may share premises, which are counted, and pairs only where the user says `keep`."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import DataError
from train.config import DataConfig
from train.data.findings import Findings, refuse
from train.data.pairs import LABELS, Example, content_hash
from train.data.sources import Source, read_source


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The pairs of one run."""

    name: str
    """The source, for records: never a path."""
    train: list[Example]
    validation: list[Example]
    tests: dict[str, list[Example]]
    """By name: `test`, and for the built-in corpus `test_unseen`."""
    files: dict[str, str]
    """What each split was read from, by the file's name; a split that is not there was drawn from `train`."""
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
            "files": self.files,
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
    return divide(read_source(config), config, seed)


def divide(source: Source, config: DataConfig, seed: int) -> Splits:
    """The source's pairs as the run's splits; where validation or test are not there, they are drawn from train.

    Raises:
        DataError: the source has problems, is too small, or has a pair in both train and test.
    """
    try:
        train, validation, tests = _part(source, config, seed)
    except DataError:
        refuse(source.findings.values())  # too little is left because of what was found
        raise
    _look_for_overlap(source, train, {"validation": validation, **tests}, config.overlap)
    refuse(source.findings.values())
    return Splits(
        name=source.name,
        train=train,
        validation=validation,
        tests=tests,
        files={split: found.source for split, found in source.findings.items()},
        counts={f"{found.source}: {what}": n for found in source.findings.values() for what, n in found.counts.items()},
    )


def _part(
    source: Source, config: DataConfig, seed: int
) -> tuple[list[Example], list[Example], dict[str, list[Example]]]:
    """Train, validation and tests.

    Raises:
        DataError: train or validation would be empty, or train smaller than asked for. Validation and test may be
            smaller.
    """
    pairs = dict(source.pairs)
    drawn = {"validation": config.validation_examples, "test": config.test_examples or config.validation_examples}
    for split, size in drawn.items():
        if split not in pairs:
            pairs["train"], pairs[split] = carve(pairs["train"], size, split)
    train, validation = pairs.pop("train"), pairs.pop("validation")[: config.validation_examples]
    tests = {split: examples[: config.test_examples] for split, examples in pairs.items()}
    if config.overlap == "drop":
        judged = [example for examples in tests.values() for example in examples]
        validation = _without(validation, judged, source)
        train = _without(train, [*validation, *judged], source)
    train = _take(train, config, seed)
    if not train or not validation:
        raise DataError(f"{source.name}: {len(train)} pairs to train and {len(validation)} to validate on")
    return train, validation, tests


def carve(examples: list[Example], size: int, purpose: str) -> tuple[list[Example], list[Example]]:
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
        raise DataError(
            f"{len(examples)} pairs are too few to set {size} aside for {purpose}: ask for fewer with "
            "--validation-examples and --test-examples"
        )
    return train, [example for example in examples if example.premise in chosen]


def _take(examples: list[Example], config: DataConfig, seed: int) -> list[Example]:
    wanted = config.train_examples or len(examples)
    if wanted > len(examples):
        raise DataError(
            f"{wanted} training pairs asked for, but only {len(examples)} are there beside validation and test"
        )
    if config.sample == "seeded":
        return random.Random(f"train sample {seed}").sample(examples, wanted)
    return examples[:wanted]


def _without(examples: list[Example], others: list[Example], source: Source) -> list[Example]:
    """The examples whose pair is not among the others; how many are left out is counted."""
    taken = {example.texts for example in others}
    left = [example for example in examples if example.texts not in taken]
    if len(left) < len(examples) and source.findings:
        source.findings["train"].counts["pairs left out, being validation or test pairs"] += len(examples) - len(left)
    return left


def _look_for_overlap(
    source: Source, train: list[Example], others: dict[str, list[Example]], allowed: str | None
) -> None:
    """Note the pairs from which a run learns in the files on which it is judged, and count the premises they share.

    What was drawn from the training file shares none with it. A run learns from validation, too: it chooses the
    weights.
    """
    learned = {example.texts: example.id for example in train}
    premises = {example.premise for example in train}
    for split, examples in others.items():
        if found := source.findings.get(split):
            _note_overlap(found, examples, learned, allowed)
            if shared := len(premises & {example.premise for example in examples}):
                found.counts["premises that are training premises, too"] = shared
        if split == "validation":
            learned |= {example.texts: example.id for example in examples}


def _note_overlap(
    found: Findings, examples: list[Example], learned: dict[tuple[str, str], str], allowed: str | None
) -> None:
    for example in examples:
        if example.texts in learned and allowed == "keep":
            found.counts["pairs that are training pairs, too"] += 1
        elif example.texts in learned:
            expected = "a pair that is not learned from (--overlap drop leaves it out of training, keep trains on it)"
            found.problem("pair in train and test", f"the pair of {learned[example.texts]}", expected, example.row)
