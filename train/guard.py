"""How what goes wrong leaves a command: one line and an exit code. Imports no torch, so --help is quick."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from models.errors import DataError, UserError, shown

INTERRUPTED = 130
_NO_ROOM = "can't allocate memory"
"""What torch says of a CPU's memory, in a plain RuntimeError."""


def guard(main: Callable[..., None]) -> Callable[..., int]:
    """Wrap a command: what a user can mend becomes one line on stderr and an exit code, Ctrl-C becomes 130."""

    @functools.wraps(main)
    def guarded(argv: list[str] | None = None) -> int:
        try:
            main(argv)
            sys.stdout.flush()
        except UserError as error:
            return _leave(f"error: {error}", error.exit_code)
        except KeyboardInterrupt:
            return _leave("interrupted", INTERRUPTED)
        except BrokenPipeError:  # `... | head` has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:  # no room, no permission
            return _leave(f"error: {shown(str(error))}", DataError.exit_code)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            first, *_ = [*str(error).splitlines(), "no room"]
            advice = "in training, a smaller --batch-size with more --accumulation helps, or fewer --max-tokens"
            return _leave(f"error: out of memory ({shown(first)}): {advice}", 1)
        return 0

    return guarded


def _leave(said: str, code: int) -> int:
    with suppress(OSError):  # the terminal may be gone
        print(said, file=sys.stderr)
    return code


def _is_out_of_memory(error: Exception) -> bool:
    """Whether torch or Python found no room: by name and text, since nothing here may import torch."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _NO_ROOM in str(error)
