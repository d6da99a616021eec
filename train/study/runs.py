"""The run directories of a study, as another process left them; and the child process that fills one."""

from __future__ import annotations

import contextlib
import enum
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from models.errors import DivergedError, UserError
from models.files import remove, replaced_file
from train.cli import flatten, recorded_config
from train.commands import changes, flags_for
from train.config import NUMERICS_VERSION, RunConfig, to_record
from train.interrupt import Signals
from train.recipes import RECIPES

MAY_DIFFER = ("data.folder", "optim.learning_rates", "export", "save.every_steps", "save.every_minutes")
"""Settings in which a begun run may differ from the plan: a place, rates that are not used, what changes no number."""


class RunState(enum.Enum):
    """How far a run is, by what its directory holds."""

    NEW = "to do"
    STARTED = "unfinished"
    FINISHED = "finished"
    DIVERGED = "diverged"


def state_of(directory: Path) -> RunState:
    """How far the run in this directory is. Before its first measurement it is as good as new."""
    marks = {"summary.json": RunState.FINISHED, "diverged.json": RunState.DIVERGED, "metrics.jsonl": RunState.STARTED}
    return next((state for name, state in marks.items() if (directory / name).exists()), RunState.NEW)


def read_record(path: Path) -> dict[str, Any]:
    """A JSON record of a study or a run.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def check_recorded(directory: Path, config: RunConfig) -> None:
    """A run that was begun is the one that is planned.

    Raises:
        UserError: it was begun with other settings.
    """
    if state_of(directory) == RunState.NEW:
        return
    then, now = (dict(flatten(to_record(c))) for c in (recorded_config(directory), config))
    unused = () if config.init == "mlm" else ("mlm",)
    for field in now.keys() - {*MAY_DIFFER, *unused}:
        if _recorded(then[field]) != _recorded(now[field]):
            raise UserError(
                f"{directory}: was begun with {field} = {then[field]}, and {now[field]} is asked for now: "
                "give the study another folder with --results DIR, or another name"
            )


def check_versions(folder: Path) -> None:
    """The runs in a folder compare with those that this code makes.

    Raises:
        UserError: one is of another numerics version, so that neither the old nor the new ones could be used together.
    """
    for path in sorted(folder.glob("runs/*/certificate.json")):
        if state_of(path.parent) == RunState.NEW:
            continue
        if (version := read_record(path).get("numerics_version")) != NUMERICS_VERSION:
            raise UserError(
                f"{path.parent}: was made by numerics version {version}, and this is {NUMERICS_VERSION}, whose runs do "
                "not compare with it: begin in another folder, or go on with the commit that its environment.json names"
            )


def _recorded(value: Any) -> Any:
    """A setting as a record has it: 7 digits of a number, the last part of a path."""
    return f"{value:.7g}" if isinstance(value, float) else Path(value).name if isinstance(value, str) else value


def in_use(directory: Path) -> bool:
    """Whether another process works in this run directory."""
    if not directory.is_dir():
        return False
    try:
        with FileLock(directory / "run.lock", timeout=0):
            return False
    except Timeout:
        return True


def clear(directory: Path) -> None:
    """Take away what a run killed before its first measurement left behind, unless another process holds it."""
    if directory.is_dir():
        with contextlib.suppress(Timeout), FileLock(directory / "run.lock", timeout=0):
            for entry in (*directory.glob("*.json*"), directory / "trajectory"):  # a half-written record is a folder
                if state_of(directory) == RunState.NEW:
                    remove(entry)


def command_of(config: RunConfig, directory: Path) -> list[str]:
    """The command that makes this run, or goes on with it: its recipe, and what differs from that."""
    study = directory.parents[1]
    begin = ["--recipe", config.recipe, "--results", str(study.parent), "--study", study.name, "--name", directory.name]
    place = ["--resume", str(directory)] if state_of(directory) == RunState.STARTED else begin
    settings = flags_for(changes(to_record(config), RECIPES[config.recipe]))
    return [sys.executable, "-m", "train.run", *place, *settings]


class Child(Signals):
    """Runs one command at a time, and hands it the signals that arrive, so that it saves before both leave."""

    process: subprocess.Popen[bytes] | None = None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = self.received or number
        if self.process is not None:
            self.process.send_signal(number)

    def run(self, command: list[str]) -> int:
        """The exit code of the command.

        It has a session of its own: Ctrl-C reaches it through this process alone, and so once.

        Raises:
            Interrupted: a signal asked for the end, and the command has ended.
        """
        self.check()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        if self.received:  # it came before there was anyone to hand it to
            self.process.send_signal(self.received)
        code = self.process.wait()
        self.process = None
        if code in {128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}:
            self.received = self.received or code - 128
        self.check()
        return code


def mark_diverged(directory: Path) -> None:
    """Remember that a run diverged: it would do so again."""
    with replaced_file(directory / "diverged.json") as fresh:
        fresh.write_text(json.dumps({"exit_code": DivergedError.exit_code}) + "\n", encoding="utf-8")
