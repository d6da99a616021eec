"""What a run depends on beside its settings: versions, machine, code."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from train.distributed import world_size


def describe_environment(device: torch.device, precision: str, threads: int) -> dict[str, Any]:
    """Versions, machine and code that a run depends on; no user, host or path."""
    commit, dirty = _git_state()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "world_size": world_size(),
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
