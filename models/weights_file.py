"""What a weights file is, told from its first bytes, before any of it is trusted. Nothing is ever unpickled.

The safetensors library checks offsets, sizes and types. Here stands what it lets pass or says too tersely for a user.

Source: huggingface/safetensors, README, "Format": 8 bytes of header length, a JSON header, the tensors' bytes.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from models.errors import CheckpointError

_LARGEST_HEADER = 100_000_000  # bytes, the format's own limit

_SIGNATURES = {
    b"\x80\x02": "a Python pickle, which can run code when read",
    b"\x80\x03": "a Python pickle, which can run code when read",
    b"\x80\x04": "a Python pickle, which can run code when read",
    b"\x80\x05": "a Python pickle, which can run code when read",
    b"PK\x03\x04": "a zip archive, such as PyTorch's own pickled format",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file, as TensorFlow writes it",
    b"version https://git-lfs": "a git-LFS pointer, which stands for the weights: fetch them with `git lfs pull`",
    b"<": "an HTML or XML page, so the download went to a web page",
}


def read_header(path: Path) -> dict[str, Any]:
    """Tensor name -> its entry (`dtype`, `shape`, `data_offsets`), in the file's order, without the metadata.

    Raises:
        CheckpointError: the file is missing, something else than safetensors, cut short, or has an impossible header.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
            size = path.stat().st_size
            fault = _fault_of_length(start, size)
            file.seek(8)
            header = b"" if fault else file.read(_header_length(start))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if fault is None:
        try:
            return _parse(header, size)
        except (ValueError, RecursionError) as error:
            fault = str(error)
    raise CheckpointError(f"{path}: not a usable safetensors file: {_signature(start) or fault}")


def printable(name: str) -> str:
    """A name from a file as it may be shown: one line, ASCII, at most 200 characters, no control characters."""
    return ascii(name)[1:-1][:200]


def up_to_ten(names: list[str], between: str = ", ") -> str:
    """The first ten names, printable, and how many more there are."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return between.join(printable(name) for name in names[:10]) + more


def _header_length(start: bytes) -> int:
    return struct.unpack("<Q", start[:8])[0]


def _fault_of_length(start: bytes, size: int) -> str | None:
    """What is wrong before the header is even read, or None."""
    if size < 8:
        return f"{size} bytes, where the length of the header alone takes 8"
    length = _header_length(start)
    if length > _LARGEST_HEADER:
        return f"its header claims {length:,} bytes, above the format's limit of {_LARGEST_HEADER:,}"
    if 8 + length > size:
        return f"its header claims {length:,} bytes, but the file ends after {size:,}: cut short?"
    return None


def _signature(start: bytes) -> str | None:
    """What a file that is not safetensors looks like."""
    kinds = (kind for magic, kind in _SIGNATURES.items() if start.lstrip().startswith(magic))
    kind = next(kinds, None)
    return kind and f"it is {kind}"


def _parse(header: bytes, size: int) -> dict[str, Any]:
    entries = json.loads(header.decode("utf-8"), object_pairs_hook=_without_duplicates)
    if not isinstance(entries, dict):
        raise ValueError("its header is not a JSON object")
    entries.pop("__metadata__", None)
    ends = [entry["data_offsets"][1] for entry in entries.values() if _has_offsets(entry)]
    if len(ends) < len(entries) or not ends:
        raise ValueError("its header has no tensor, or one without a place in the file")
    described = 8 + len(header) + max(ends)
    if described != size:
        damage = "cut short" if described > size else "bytes at its end that belong to nothing"
        raise ValueError(f"{damage}: its header describes {described:,} bytes, the file has {size:,}")
    return entries


def _has_offsets(entry: Any) -> bool:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):  # the library would quietly take the last one
        named = Counter(name for name, _ in pairs)
        twice = sorted({printable(name) for name, times in named.items() if times > 1})
        raise ValueError(f"its header names {', '.join(twice[:10])} more than once")
    return entries
