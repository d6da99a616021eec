"""Writes files whole or not at all."""

import errno
import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Puts `content` at `path` whole or not at all, never through a symbolic link.

    Raises:
        OSError: its folder cannot be written, or is a symbolic link.
    """
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, "a symbolic link; remove it, or give the folder that it names", str(path.parent))
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
