"""The run directory: what a run writes, and what analysis reads of it."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from models.errors import CheckpointError, UserError
from models.files import flush_to_disk, remove, replaced_file
from train.config import SCHEMA_VERSION
from train.data.pairs import LABELS

_DIGITS = 7  # significant digits of a recorded float: float32 holds no more
_FORMULA = ("=", "+", "-", "@", "\t", "\n")  # a spreadsheet may run a cell that starts so


def rounded(value: Any) -> Any:
    """The same nested value with every float cut to the digits that mean something; JSON knows no NaN: None."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, a refusal of the system, such as a full disk, becomes a user's error that names `path`.

    Raises:
        CheckpointError: the system refused.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror or error})") from error


class RunDirectory:
    """The records of one run. Whoever opens it holds its lock; `summary.json`, written last, says it is finished."""

    def __init__(self, path: Path) -> None:
        """Take the lock of an existing folder, and sweep out what a killed holder was about to write.

        Raises:
            UserError: another process holds it.
            CheckpointError: it is somewhere else, behind a symbolic link.
        """
        _refuse_links(path)
        self.path = path
        self.lock = FileLock(path / "run.lock")
        holder = path / "holder.lock"
        with writing(path):
            try:
                self.lock.acquire(timeout=1)
            except Timeout:
                who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
                raise UserError(f"{path} is in use by {who}") from None
            for leftover in list(path.rglob("*.tmp-*")):
                remove(leftover)
        self._write_text(holder.name, f"process {os.getpid()}")

    @classmethod
    def create(cls, path: Path, elsewhere: str = "--name or --study") -> RunDirectory:
        """A new run directory.

        Args:
            elsewhere: the caller's flags that choose another place.

        Raises:
            UserError: something is there already; nothing of it is touched.
        """
        _refuse_links(path)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        opened = cls(path)
        if any(entry.suffix != ".lock" for entry in path.iterdir()):
            opened.close()
            if opened.finished:
                raise UserError(f"{path} already holds a finished run: choose another {elsewhere}, or remove it")
            raise UserError(f"{path} already holds an unfinished run: go on with --resume {path}, or remove it")
        return opened

    @classmethod
    def reopen(cls, path: Path) -> RunDirectory:
        """An unfinished run's directory.

        Raises:
            UserError: there is none, or the run is finished.
        """
        if not (path / "config.json").is_file():
            raise UserError(f"{path}: no run to resume (it has no config.json)")
        opened = cls(path)
        if opened.finished:
            opened.close()
            raise UserError(f"{path}: this run is finished; there is nothing to resume")
        return opened

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "summary.json").exists()

    @property
    def begun(self) -> bool:
        """Whether anything was measured or saved; before that, a run that was killed starts afresh."""
        return any((self.path / name).exists() for name in ("metrics.jsonl", "checkpoints"))

    def close(self) -> None:
        """Let others have the directory."""
        self.lock.release()

    def read_json(self, name: str) -> dict[str, Any]:
        """One JSON record.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.path / name}: cannot be read ({type(error).__name__})") from None

    def sync_metrics(self) -> int:
        """Have the disk hold metrics.jsonl; its size in bytes."""
        path = self.path / "metrics.jsonl"
        flush_to_disk(path)
        return path.stat().st_size

    def cut_metrics(self, size: int) -> None:
        """Drop what was logged after the file had this many bytes.

        Raises:
            CheckpointError: the file is shorter.
        """
        path = self.path / "metrics.jsonl"
        present = path.stat().st_size if path.exists() else 0
        if present < size:
            raise CheckpointError(f"{path}: has {present} bytes where the checkpoint knows {size}")
        if present:
            with writing(path), open(path, "r+b", opener=_follow_no_link) as file:
                file.truncate(size)

    def write_json(self, name: str, record: Mapping[str, Any]) -> None:
        """Write one JSON file whole or not at all."""
        text = json.dumps({"schema_version": SCHEMA_VERSION, **rounded(record)}, indent=1, allow_nan=False) + "\n"
        self._write_text(name, text)

    def _write_text(self, name: str, text: str) -> None:
        path = self.path / name
        with writing(path), replaced_file(path) as fresh:
            fresh.write_text(text, encoding="utf-8")

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to metrics.jsonl; it is on its way to the disk when this returns."""
        line = json.dumps({"event": event, **rounded(fields)})
        path = self.path / "metrics.jsonl"
        with writing(path), open(path, "a", encoding="utf-8", opener=_follow_no_link) as file:
            file.write(line + "\n")

    def write_predictions(self, rows: Iterable[tuple[str, str, str, list[float], str]]) -> None:
        """predictions.csv from (split, id, gold label, class probabilities, group)."""
        path = self.path / "predictions.csv"
        with writing(path), replaced_file(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "id", "gold", *LABELS, "group"])
            for split, id, gold, probabilities, group in rows:
                cells = [safe_cell(split), safe_cell(id), gold, *(f"{p:.4f}" for p in probabilities), safe_cell(group)]
                writer.writerow(cells)


def _refuse_links(path: Path) -> None:
    """Raise where a run directory, or a folder of its study above it, is a link: files elsewhere would change."""
    study = [path.parent, path.parent.parent] if path.parent.name == "runs" else []
    for folder in (path, *study):
        if folder.is_symlink():
            raise CheckpointError(f"{folder}: is a symbolic link; remove it, or give the folder that it names")


def _follow_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def safe_cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run; a carriage return, which csv would not quote, is a line break."""
    text = text.replace("\r", "\n")
    return "'" + text if text.startswith(_FORMULA) else text
