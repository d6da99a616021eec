"""The process's memory: how much it took, and keeping what it will take again. Imports no torch by itself."""

from __future__ import annotations

import ctypes
import platform
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_THRESHOLD = 32 * 2**20  # bytes; glibc refuses an M_MMAP_THRESHOLD above it (malloc.c, HEAP_MAX_SIZE / 2)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2) of either system


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in units of 2^20 bytes; a GPU's memory is not in it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 2**20


def peak_gpu_memory_mb(device: torch.device) -> float:
    """Most that this process's tensors took on a GPU so far, in units of 2^20 bytes."""
    import torch

    return torch.cuda.max_memory_allocated(device) / 2**20


def keep_freed_memory() -> None:
    """Tell glibc not to hand large freed blocks back to the kernel.

    A training step frees and takes the same blocks again and again; handed back, each costs a page fault per 4 kB
    (19,000 a step for MiniLM), which took a fifth of the time. Does nothing where the C library is another.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
