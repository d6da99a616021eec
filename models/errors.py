"""What a user can do wrong, by exit code, and what to type instead. An error is printed as one line, no traceback."""

import shlex
import sys
from pathlib import Path


def python() -> str:
    """What starts this Python again: its path, relative where it lies below the working folder."""
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else sys.executable


def command(module: str, *arguments: object) -> str:
    """What to type to run a module with this Python."""
    return shlex.join([python(), "-m", module, *map(str, arguments)])


def shown(text: str) -> str:
    """The text as a terminal may get it: what could drive the terminal or turn a line around stands as an escape."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class UserError(Exception):
    """Wrong usage: an option or a combination of options that cannot work."""

    exit_code = 2

    def __str__(self) -> str:
        """The message, fit for a terminal: it may quote a file."""
        return shown(super().__str__())


class DataError(UserError):
    """A file of pairs or of records that cannot be read, or written; the message names it, with row and column."""

    exit_code = 3


class CheckpointError(UserError):
    """Weights, a configuration, a tokenizer or a saved state that cannot be used."""

    exit_code = 4


class DivergedError(UserError):
    """Training ran into numbers that no step can follow."""

    exit_code = 5
