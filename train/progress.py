"""What a run says while it works: a bar on a terminal, a line every 30 seconds in a log."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from tqdm import tqdm

from models.errors import shown

EVERY = 30.0
"""Seconds between two lines where standard error is not a terminal."""


class Progress:
    """Shows updates made, loss, examples per second and time left."""

    def __init__(self, total: int, label: str, silent: bool = False) -> None:
        self.label = label
        self.silent = silent
        self.total = total
        self.first = 0
        self.started = self.said = time.monotonic()
        self.bar = None
        if sys.stderr.isatty() and not silent:
            self.bar = tqdm(total=total, desc=label, unit="step", dynamic_ncols=True)

    def go_on_from(self, step: int) -> None:
        """Measure the pace from here: the updates before were another process's."""
        self.first = step
        self.started = time.monotonic()
        if self.bar is not None:
            self.bar.initial = self.bar.n = step

    def update(self, step: int, loss: float, examples_per_second: float) -> None:
        """Show that `step` updates are done."""
        shown = f"loss {loss:.3f}, {examples_per_second:.0f} examples/s"
        if self.bar is not None:
            self.bar.set_postfix_str(shown, refresh=False)
            self.bar.update(step - self.bar.n)
        elif time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            left = (self.said - self.started) / max(1, step - self.first) * (self.total - step)
            self.say(f"step {step}/{self.total}, {shown}, {duration(left)} left")

    def say(self, message: str) -> None:
        """One line that stays, above the bar where there is one."""
        if not self.silent:
            say(f"{self.label}: {message}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()


def say(message: str) -> None:
    """A line that stays on standard error, above a bar where there is one; what it quotes cannot drive a terminal.

    Where nobody can hear it any more, as when the terminal was closed, it is not said: the work goes on.
    """
    with suppress(OSError):
        tqdm.write(shown(message), file=sys.stderr)


def duration(seconds: float) -> str:
    """Seconds as a reader says them: minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
