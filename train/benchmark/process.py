"""Starts the processes that measure, and listens to them. Imports no torch: a parent's memory would count as theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.errors import UserError
from train.benchmark.settings import FIRST_UPDATE, RESULT, STAGE

_ROOT = Path(__file__).parent.parent.parent


class ChildError(UserError):
    """A process that measures something failed."""

    exit_code = 1


@dataclass
class Clock:
    """Says what was measured and how long the rest may take."""

    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    def say(self, message: str) -> None:
        """One line for one more finished child."""
        self.done += 1
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        print(f"{message}; about {left / 60:.0f} min left", file=sys.stderr, flush=True)


def run_child(
    module: str, arguments: list[str], label: str, variables: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """What a child process reports; with the seconds from before its start to each stage that it announced.

    It starts with these environment variables, too.

    Raises:
        ChildError: it failed; the message ends with the last line of its standard error.
    """
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])  # it starts in another folder
    environment = {**os.environ, **variables, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}  # all files are here already
    result: dict[str, Any] = {}
    stages: dict[str, float] = {}
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "-m", module, *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=environment
        ) as child:
            for line in child.stdout or ():
                if line.startswith(STAGE):
                    stages[line.removeprefix(STAGE).strip()] = time.perf_counter() - started
                elif line.startswith(RESULT):
                    result |= json.loads(line.removeprefix(RESULT))
        if child.returncode:
            errors.seek(0)
            said = [line.strip() for line in errors if line.strip()] or ["nothing on standard error"]
            raise ChildError(f"{label} failed with exit code {child.returncode}: {said[-1]}")
    if FIRST_UPDATE in stages:
        result |= {"stages": stages, "first_step_seconds": stages[FIRST_UPDATE]}
    return result
