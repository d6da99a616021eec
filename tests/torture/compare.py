"""Whether two runs are the same but for clocks, and whether a checkpoint is whole: without the code that wrote them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CLOCKS = ("seconds", "train_seconds", "peak_memory_mb", "peak_gpu_memory_mb", "metrics_bytes")
"""Left out of a comparison; the last counts the digits of the others."""
REPOSITORY = ("commit", "dirty", "claims_sha256")
"""Left out too: somebody may work there meanwhile, while the forks of one process share its code."""


def sha256(content: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checkpoints(run: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    found = [path for path in (run / "checkpoints").glob("step-*") if ".tmp-" not in path.name]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def newest(run: Path) -> Path:
    """The checkpoint of the latest step."""
    return checkpoints(run)[-1]


def fingerprint(run: Path) -> dict[str, str]:
    """sha256 of each file of a run, clocks and older checkpoints left out, by its path in the run."""
    older = set(checkpoints(run)[:-1])
    files = [path for path in run.rglob("*") if older.isdisjoint(path.parents)]
    return {
        str(path.relative_to(run)): sha256(_without_clocks(path))
        for path in files
        if path.is_file() and path.suffix != ".lock" and path.name != "manifest.json"
    }


def differences(one: Path, other: Path) -> list[str]:
    """Names of the files in which two runs differ."""
    first, second = fingerprint(one), fingerprint(other)
    return [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]


def different_records(one: Path, other: Path) -> list[str]:
    """The same, checkpoints left out: a finished run has none."""
    return [name for name in differences(one, other) if not name.startswith("checkpoints/")]


def _without_clocks(path: Path) -> bytes:
    if path.suffix not in (".json", ".jsonl"):
        return path.read_bytes()
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
    return "\n".join(json.dumps(_clean(json.loads(line))) for line in lines).encode()


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items() if key not in CLOCKS + REPOSITORY}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, str]:
    """sha256 of every file in a folder but locks, clocks and all, by its path in it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in files}


def changed(before: dict[str, str], after: dict[str, str]) -> str:
    """What is wrong when nothing should have changed between two looks at a folder's contents."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return f"changed: {', '.join(names)}" if names else ""


def is_whole(checkpoint: Path) -> bool:
    """Whether the manifest names the size and sha256 of every other file, and of nothing else."""
    manifest = json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))
    found = {path.name: path.read_bytes() for path in checkpoint.iterdir() if path.name != "manifest.json"}
    return manifest == {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in found.items()}


def reseal(checkpoint: Path) -> None:
    """Make the manifest true again after a file was changed."""
    path = checkpoint / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for name, entry in manifest.items():
        data = (checkpoint / name).read_bytes()
        entry |= {"sha256": sha256(data), "bytes": len(data)}
    path.write_text(json.dumps(manifest), encoding="utf-8")
