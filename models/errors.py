"""What a user can do wrong, by exit code. The command line prints such an error as one line, without a traceback."""


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
    """A data file that cannot be read as pairs; the message names file, row and column."""

    exit_code = 3


class CheckpointError(UserError):
    """Weights, a configuration, a tokenizer or a saved state that cannot be used."""

    exit_code = 4


class DivergedError(UserError):
    """Training ran into numbers that no step can follow."""

    exit_code = 5
