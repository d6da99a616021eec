"""What is done to a run from inside its process: each of these is entered around the command line."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from train import checkpoint, session, trajectory

Action = Callable[[], None]

_PROJECT = str(Path(__file__).parents[2])
_SAVES = tuple(f.__code__ for f in (checkpoint.save, checkpoint.save_best, trajectory.keep_snapshot))
_DISK = {"open", "write", "fsync", "serialize_file", "mkdir", "rename", "replace", "unlink", "rmdir"}


@contextmanager
def replaced(module: Any, name: str, make: Callable[[Callable], Callable]) -> Iterator[None]:
    """Inside, `module.name` is what `make` makes of it."""
    original = getattr(module, name)
    setattr(module, name, make(original))
    try:
        yield
    finally:
        setattr(module, name, original)


def before_call(module: Any, name: str, number: int, action: Action) -> AbstractContextManager[None]:
    """Inside, the action precedes the call of `module.name` with this number, counted from 1."""
    calls = itertools.count(1)

    def make(original: Callable) -> Callable:
        def called(*arguments: Any, **more: Any) -> Any:
            if next(calls) == number:
                action()
            return original(*arguments, **more)

        return called

    return replaced(module, name, make)


def keep_checkpoints() -> AbstractContextManager[None]:
    """Inside, a finished run keeps its last checkpoints."""
    return replaced(session, "forget", lambda _: lambda _job: None)


def send(*numbers: int) -> Action:
    """Send these signals, one after another, to this process."""

    def act() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return act


def limit_files(size: int) -> Action:
    """No file can grow beyond `size` bytes any more: to a program that looks like a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Tripwire:
    """Counts what a run does from its announcement on, and kills it just before the event with a given number.

    Inside a save the events are calls that touch the disk; elsewhere they are calls of this project's functions. So
    the event of a given number is the same in every run of one configuration.
    """

    def __init__(self, kind: str = "", number: int = -1) -> None:
        self.target = (kind, number)
        self.events: dict[str, list[str]] = {"inside": [], "outside": []}
        self.depth = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """What `sys.setprofile` takes."""
        if event == "c_call" and self.depth and argument.__name__ in _DISK:
            self._count("inside", argument.__name__)
        elif event == "call" and frame.f_code in _SAVES:
            self.depth += 1
        elif event == "return" and frame.f_code in _SAVES:
            self.depth -= 1
        elif event == "call" and not self.depth and frame.f_code.co_filename.startswith(_PROJECT):
            self._count("outside", frame.f_code.co_name)

    def _count(self, kind: str, name: str) -> None:
        if self.target == (kind, len(self.events[kind])):
            os.kill(os.getpid(), signal.SIGKILL)
        self.events[kind].append(name)


@contextmanager
def watched(wire: Tripwire, log: Path | None = None) -> Iterator[None]:
    """Inside, the wire counts; at the end the names of all events are in `log`."""
    with before_call(session, "announce", 1, lambda: sys.setprofile(wire)):
        yield
    sys.setprofile(None)
    if log is not None:
        log.write_text(json.dumps(wire.events), encoding="utf-8")
