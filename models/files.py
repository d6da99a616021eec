"""Files and folders that appear whole or not at all, and the hash that names a file's content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; once the block has ended well, it stands at `folder` in place of what was there.

    A block that fails leaves `folder` as it was. A symbolic link at `folder` is replaced, never followed.

    Raises:
        OSError: no room, no permission, or the parent cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.tmp-", dir=folder.parent))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        for path in (*fresh.iterdir(), fresh):
            flush_to_disk(path)
        if os.path.lexists(folder):
            folder.rename(work / "old")
        fresh.rename(folder)
        flush_to_disk(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write; once the block has ended well, it stands at `path` in place of what was there.

    A block that fails leaves `path` as it was. A symbolic link at `path` is replaced, never followed.

    Raises:
        OSError: no room or no permission.
    """
    work = Path(tempfile.mkdtemp(prefix=f"{path.name}.tmp-", dir=path.parent))
    try:
        fresh = work / path.name
        yield fresh
        flush_to_disk(fresh)
        fresh.replace(path)
        flush_to_disk(path.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove(path: Path) -> None:
    """Nothing is at `path` any more. Of a symbolic link only the link goes, not what it names."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Have the disk hold a file's content, or a folder's entries, before this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
