"""SIGINT, SIGTERM and SIGHUP, a terminal that closes: finish the step, save, leave with the signal's code. A second
SIGINT leaves at once; where SIGHUP is ignored, as under nohup, it stays so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from models.errors import UserError


class Interrupted(UserError):
    """A signal ended the run; its state is saved."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class Signals:
    """While entered, a signal ends the run: at once where the disk holds all there is to save, else at `check`.

    The handlers of before are given back afterwards.
    """

    def __init__(self, resume_command: str) -> None:
        self.received = 0
        self.resume_command = resume_command
        self.waits = False
        self.before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, a signal waits until `check` is called; a second SIGINT does not."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == number:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        self.received = self.received or number
        if not self.waits:
            self.check()

    def check(self) -> None:
        """Once the state is saved.

        Raises:
            Interrupted: a signal was received.
        """
        if self.received:
            name = signal.Signals(self.received).name
            raise Interrupted(self.received, f"{name}: saved; go on with {self.resume_command}")
