"""SIGINT and SIGTERM: finish the step, save, leave with the signal's code. A second SIGINT leaves at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from models.errors import UserError


class Interrupted(UserError):
    """A signal ended the run after its state was saved."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class Signals:
    """Remembers the first signal while it is entered; gives the handlers back afterwards."""

    def __init__(self, resume_command: str) -> None:
        self.received = 0
        self.resume_command = resume_command
        self.before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == number:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        self.received = self.received or number

    def check(self) -> None:
        """Between two steps, once the state is saved.

        Raises:
            Interrupted: a signal was received.
        """
        if self.received:
            name = signal.Signals(self.received).name
            raise Interrupted(self.received, f"{name}: saved; go on with {self.resume_command}")
