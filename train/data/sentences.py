"""Unlabelled sentences: those of a data source's own pairs, or the lines of a text file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.errors import DataError
from models.files import sha256_of
from train.config import DataConfig
from train.data.findings import Findings
from train.data.pairs import Example
from train.data.splits import load_splits
from train.data.tables import decode


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """The sentences of one masked-language-model training, each once."""

    name: str
    """The source, for records: never a path."""
    train: list[str]
    validation: list[str]
    hashes: dict[str, str]
    """sha256 of what they were taken from: the splits with their labels, or the file."""
    counts: dict[str, int]


def load_corpus(config: DataConfig, seed: int, text: Path | None) -> Corpus:
    """The sentences of the training and validation pairs; with `text`, the lines of that file.

    Raises:
        DataError: the source cannot be read, or leaves nothing to train or to validate on.
    """
    corpus = _of_pairs(config, seed) if text is None else _of_file(config, text)
    if not corpus.train or not corpus.validation:
        sizes = f"{len(corpus.train)} sentences to train and {len(corpus.validation)} to validate on"
        raise DataError(f"{corpus.name}: {sizes} with validation_examples = {config.validation_examples}")
    return corpus


def unique_sentences(pairs: Iterable[Example]) -> list[str]:
    """Every premise and hypothesis once, in the order in which they first occur."""
    return list(dict.fromkeys(text for pair in pairs for text in (pair.premise, pair.hypothesis)))


def _of_pairs(config: DataConfig, seed: int) -> Corpus:
    splits = load_splits(config, seed)
    train, validation = unique_sentences(splits.train), unique_sentences(splits.validation)
    seen = set(train)
    unseen = [text for text in validation if text not in seen]
    hashes = {name: sha256 for name, sha256 in splits.hashes().items() if name in ("train", "validation")}
    return Corpus(name=splits.name, train=train, validation=unseen, hashes=hashes, counts=splits.counts)


def _of_file(config: DataConfig, path: Path) -> Corpus:
    """The validation sentences are those that come first in the order of their sha256, whatever the file's order."""
    findings = Findings(path.name)
    lines = [line.strip() for line in decode(path, findings).split("\n")]
    sentences = list(dict.fromkeys(line for line in lines if line))
    findings.counts["repeated lines dropped"] += sum(map(bool, lines)) - len(sentences)
    by_hash = sorted(sentences, key=lambda line: hashlib.sha256(line.encode()).digest())
    validation = set(by_hash[: config.validation_examples])
    return Corpus(
        name=path.name,
        train=[line for line in sentences if line not in validation][: config.train_examples],
        validation=[line for line in sentences if line in validation],
        hashes={"text": sha256_of(path)},
        counts=dict(findings.counts),
    )
