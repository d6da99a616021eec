"""How what goes wrong leaves a command: one line and an exit code. Imports no torch, so --help is quick."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable

from models.errors import DataError, UserError, shown

INTERRUPTED = 130
_NO_ROOM = "can't allocate memory"
"""What torch says of a CPU's memory, in a plain RuntimeError."""
_NO_MEMORY = "out of memory: try a smaller --batch-size with more --accumulation, or fewer --max-tokens"


def out_of_memory(error: Exception) -> bool:
    """Whether torch or Python found no room: by name and text, since nothing here may import torch."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _NO_ROOM in str(error)


def guard(main: Callable[..., None]) -> Callable[..., int]:
    """Wrap a command: what a user can mend becomes one line on stderr and an exit code, Ctrl-C becomes 130."""

    @functools.wraps(main)
    def guarded(argv: list[str] | None = None) -> int:
        try:
            main(argv)
            sys.stdout.flush()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:  # `... | head` has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:  # no room, no permission; it names the file
            print(f"error: {shown(str(error))}", file=sys.stderr)
            return DataError.exit_code
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            first, *_ = [*str(error).splitlines(), "no room"]
            print(f"error: {_NO_MEMORY} ({shown(first)})", file=sys.stderr)
            return 1
        return 0

    return guarded
