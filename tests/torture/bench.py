"""Runs that can be hurt: tiny trainings in forked children, each through the whole command line.

The parent imports torch once and computes nothing, so a fork is as good as a new interpreter and 3 seconds quicker.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.running import TINY
from tests.tiny import save_tiny_checkpoint
from tests.torture.compare import differences
from tests.torture.sabotage import keep_checkpoints
from train.run import main
from train.seeds import prepare_process

ROOT = Path(__file__).parents[2]

Sabotage = Callable[[], AbstractContextManager]
"""Made and entered in the child, around its command line."""

Command = Callable[[list[str]], int]
"""A program's `main`: arguments in, exit code out."""

STEPS = 12
EVERY = 5
FLAGS = (*TINY, "--batch-size", "8", "--accumulation", "2", "--set", f"save.every_steps={EVERY}")
"""Two epochs of 6 updates with dropout 0.1; saves after updates 5, 10 and 12."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a child ended."""

    code: int
    """Exit code; minus the signal's number when one killed it."""
    said: str
    """Everything it wrote, with the bench's own folder left out."""

    def unless(self, code: int, *words: str) -> str:
        """What is wrong with it: another code than this, a traceback, or a word that was not said."""
        if self.code != code:
            return f"exit code {self.code}, not {code}: {self.said[-300:]}"
        missing = [word for word in words if word not in self.said]
        if missing:
            return f"did not say {missing[0]!r}"
        return "a traceback" if "Traceback" in self.said else ""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A command line at work in a process of its own."""

    pid: int
    output: int
    """Where its words can be read: a pipe, which no limit on files concerns."""
    folder: Path

    def wait(self) -> Outcome:
        """Wait for its end."""
        with os.fdopen(self.output, encoding="utf-8") as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        return Outcome(code=os.waitstatus_to_exitcode(status), said=said.replace(f"{self.folder}/", ""))


class Bench:
    """A folder with a tiny checkpoint, in which runs are made."""

    def __init__(self, folder: Path) -> None:
        prepare_process(1)  # imports what it needs here, so that no child has to
        self.folder = folder
        self.checkpoint = save_tiny_checkpoint(folder / "tiny")
        self._numbers = itertools.count(1)
        self._references: dict[tuple[str, ...], Path] = {}

    def start(self, arguments: list[str], *sabotage: Sabotage, command: Command = main) -> Child:
        """Start the command line, or another command, with these arguments."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            _become(writing, command, arguments, sabotage)
        os.close(writing)
        return Child(pid=pid, output=reading, folder=self.folder)

    def new_run(self) -> Path:
        """Where a run may be made; nothing is there yet."""
        return self.folder / "study" / "runs" / f"run-{next(self._numbers)}"

    def arguments(self, run: Path, *flags: str) -> list[str]:
        """The command line that makes this run."""
        place = ["--results", str(self.folder), "--study", "study", "--name", run.name]
        return ["--checkpoint", str(self.checkpoint), *FLAGS, *flags, *place]

    def train(self, run: Path, *flags: str, sabotage: tuple[Sabotage, ...] = ()) -> Outcome:
        """Make a run. Its last checkpoints stay, for comparison."""
        return self.start(self.arguments(run, *flags), keep_checkpoints, *sabotage).wait()

    def resume(self, run: Path, *flags: str, sabotage: tuple[Sabotage, ...] = ()) -> Outcome:
        """Go on with a run, as its own message says. Its last checkpoints stay."""
        return self.start(self.resuming(run, *flags), keep_checkpoints, *sabotage).wait()

    def resuming(self, run: Path, *flags: str) -> list[str]:
        """The command line that goes on with this run."""
        return ["--resume", str(run), "--checkpoint", str(self.checkpoint), *flags]

    def in_a_new_process(
        self, arguments: list[str], run: Path | None = None, step: int = 0, number: int = 0
    ) -> Outcome:
        """Run the command line in an interpreter of its own; send it the signal once `run` has logged this step."""
        command = [sys.executable, "-m", "train.run", *arguments]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while run is not None and child.poll() is None:
            metrics = run / "metrics.jsonl"
            if metrics.exists() and f'"step": {step},' in metrics.read_text(encoding="utf-8"):
                child.send_signal(number)
                break
            time.sleep(0.001)
        said, _ = child.communicate()
        return Outcome(code=child.returncode, said=said.replace(f"{self.folder}/", ""))

    def reference(self, *flags: str) -> Path:
        """The run with these flags that nobody disturbed."""
        if flags not in self._references:
            run = self._references[flags] = self.new_run()
            wrong = self.train(run, *flags).unless(0)
            assert not wrong, f"an undisturbed run failed: {wrong}"
        return self._references[flags]

    def wrong_after_resume(self, run: Path, *flags: str) -> str:
        """Go on with a run that was made with these flags; what then distinguishes it from its reference."""
        wrong = self.resume(run).unless(0)
        return wrong or ", ".join(differences(run, self.reference(*flags)))


def _become(output: int, command: Command, arguments: list[str], sabotage: tuple[Sabotage, ...]) -> None:
    """Be this command until the end. Never returns."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        with ExitStack() as stack:
            for make in sabotage:
                stack.enter_context(make())
            code = command(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
