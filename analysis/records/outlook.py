"""What a study has planned, as `train.study` wrote it into the study's folder, against what is there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.records.reading import SCHEMA_VERSION, RecordError, is_kind, parse_object, read_text
from analysis.records.runs import run_directories
from analysis.records.text import clean, listing

Plans = Mapping[str, tuple[str, ...]]
"""Study file, without its ending -> the runs that it names."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The runs of all plans of a folder."""

    named: int
    """Planned runs whose name is known."""
    finished: int
    """Those of them that have a summary."""
    to_come: tuple[str, ...]
    """Those of them that were not begun."""
    waiting: int
    """Runs, at most, whose name follows from a rate that is not chosen yet."""
    plans: Plans = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every planned run is finished."""
        return self.finished == self.named + self.waiting

    def __str__(self) -> str:
        at_most = "up to " if self.waiting else ""
        waiting = [f"up to {self.waiting} whose rate is not chosen yet"] if self.waiting else []
        to_come = listing([*self.to_come, *waiting])
        return (
            f"{self.finished} of {at_most}{self.named + self.waiting} planned runs are finished"
            f"{'; still to come: ' if to_come else ''}{to_come}."
        )


def read_outlook(folder: Path) -> Outlook | None:
    """Returns what is planned in a study folder; None where no plan was written.

    Raises:
        RecordError: a plan is malformed, or a symbolic link is in its place.
    """
    plans = {path.stem: read_plan(path) for path in plan_files(folder / "plans")}
    if not plans:
        return None
    planned = dict.fromkeys(name for names, _ in plans.values() for name in names)
    begun = {clean(path.name): path for path in run_directories(folder)}
    return Outlook(
        named=len(planned),
        finished=sum(name in begun and (begun[name] / "summary.json").is_file() for name in planned),
        to_come=tuple(name for name in planned if name not in begun),
        waiting=sum(waiting for _, waiting in plans.values()),
        plans={stem: tuple(names) for stem, (names, _) in plans.items()},
    )


def plan_files(folder: Path) -> list[Path]:
    """Returns the plans in a folder, by name.

    Raises:
        RecordError: it, or one of them, is a symbolic link.
    """
    found = sorted(folder.glob("*.json"))
    for path in (folder, *found):
        if path.is_symlink():
            raise RecordError(f"{path}: a symbolic link; plans are read only inside their study's folder")
    return found


def read_plan(path: Path) -> tuple[list[str], int]:
    """Returns the named runs of one plan, and how many wait for a rate.

    Raises:
        RecordError: unreadable, another schema version, or a value of another kind.
    """
    record = parse_object(read_text(path), str(path))
    names: Any = record.get("runs")
    waiting: Any = record.get("waiting")
    if record.get("schema_version") != SCHEMA_VERSION:
        raise RecordError(f"{path}: expected schema_version {SCHEMA_VERSION}")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise RecordError(f"{path}: runs should be a list of names, found {json.dumps(names)[:60]}")
    if not (is_kind(waiting, int) and waiting >= 0):
        raise RecordError(f"{path}: waiting should be a number of runs, found {json.dumps(waiting)[:60]}")
    return names, waiting
