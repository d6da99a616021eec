"""Where pairs come from: the built-in corpus, the hub, a folder, a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from train.config import DataConfig
from train.data.controlled import load_controlled
from train.data.findings import Findings
from train.data.naming import find_files, parse_columns, parse_label_names
from train.data.pairs import Example
from train.data.readers import HUB_NAME, read_hub, read_pairs

_HUB_SPLITS = {"train": "train", "test": "validation_matched"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """All that a data source holds, before it is split."""

    name: str
    """For records: never a path."""
    pairs: dict[str, list[Example]]
    """By split."""
    findings: dict[str, Findings] = field(default_factory=dict)
    """By split, what reading it met; nothing of the built-in corpus."""


def read_source(config: DataConfig) -> Source:
    """The pairs of the source that the configuration names, and what is wrong with them.

    Raises:
        DataError: the source is missing.
        UserError: the configuration names none.
    """
    if config.dataset == "controlled":
        if config.folder:
            raise UserError("--data goes with --dataset own or mnli: the built-in corpus is read from no file")
        return Source(name="controlled", pairs=load_controlled())
    place = config.folder or (os.environ.get("MNLI_DIR") if config.dataset == "mnli" else None)
    if place is None and config.dataset == "own":
        raise UserError("dataset own needs --data: a folder or a file with pairs")
    if place is None:
        return _read_hub()
    return _read_files(config, Path(place).expanduser() if place.startswith("~/") else Path(place))


def _read_hub() -> Source:
    findings = {split: Findings(f"{HUB_NAME}/{theirs}") for split, theirs in _HUB_SPLITS.items()}
    pairs = {split: read_hub(theirs, findings[split]) for split, theirs in _HUB_SPLITS.items()}
    return Source(name="mnli-hub", pairs=pairs, findings=findings)


def _read_files(config: DataConfig, place: Path) -> Source:
    files = find_files(place)
    columns, names = parse_columns(config.columns), parse_label_names(config.label_names) or files.label_names
    findings = {split: Findings(path.name) for split, path in files.paths.items()}
    pairs = {split: read_pairs(path, findings[split], columns, names) for split, path in files.paths.items()}
    return Source(name=f"{config.dataset}-{place.absolute().name}", pairs=pairs, findings=findings)
