"""The run directory: what a run writes, and the only thing that analysis reads."""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from models.errors import UserError
from train.config import SCHEMA_VERSION
from train.data.pairs import LABELS

_DIGITS = 7  # significant digits of a recorded float: float32 holds no more
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run a cell that starts so


def rounded(value: Any) -> Any:
    """The same nested value with every float cut to the digits that mean something."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


class RunDirectory:
    """Writes the records of one run. Whoever opens it owns it; `summary.json`, written last, says it is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> RunDirectory:
        """A new run directory.

        Raises:
            UserError: something is there already; nothing of it is touched.
        """
        if path.exists() and any(path.iterdir()):
            state = "a finished run" if (path / "summary.json").exists() else "an unfinished run"
            raise UserError(f"{path} already holds {state}: choose another --name or --study, or remove it")
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    def write_json(self, name: str, record: Mapping[str, Any]) -> None:
        """Write one JSON file whole or not at all."""
        text = json.dumps({"schema_version": SCHEMA_VERSION, **rounded(record)}, indent=1, allow_nan=False) + "\n"
        temporary = self.path / f"{name}.tmp-{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path / name)

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to metrics.jsonl; it is on its way to the disk when this returns."""
        line = json.dumps({"event": event, **rounded(fields)})
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_predictions(self, rows: Iterable[tuple[str, str, str, list[float], str]]) -> None:
        """predictions.csv from (split, id, gold label, class probabilities, group)."""
        with (self.path / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "id", "gold", *LABELS, "group"])
            for split, id, gold, probabilities, group in rows:
                cells = [safe_cell(split), safe_cell(id), gold, *(f"{p:.4f}" for p in probabilities), safe_cell(group)]
                writer.writerow(cells)


def safe_cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run."""
    return "'" + text if text.startswith(_FORMULA) else text


def describe_environment(device: torch.device, precision: str, threads: int) -> dict[str, Any]:
    """Versions, machine and code that a run depends on; no user, host or path."""
    commit, dirty = _git_state()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": precision,
        "commit": commit,
        "dirty": dirty,
    }


def _git_state() -> tuple[str | None, bool | None]:
    """The commit of this code, and whether tracked files outside results/ differ from it."""
    here = Path(__file__).parent.parent
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changes = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit.stdout.strip(), bool(changes.stdout.strip())
