"""What a user can do wrong, by exit code. The command line prints such an error as one line, without a traceback."""


class UserError(Exception):
    """Wrong usage: an option or a combination of options that cannot work."""

    exit_code = 2


class DataError(UserError):
    """A data file that cannot be read as pairs; the message names file, row and column."""

    exit_code = 3


class CheckpointError(UserError):
    """Weights, a configuration, a tokenizer or a saved state that cannot be used."""

    exit_code = 4


class DivergedError(UserError):
    """Training ran into numbers that no step can follow."""

    exit_code = 5
