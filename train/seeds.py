"""Make the process repeatable and quick before any tensor is made."""

from __future__ import annotations

import ctypes
import os
import platform

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_THRESHOLD = 32 * 2**20  # bytes; glibc refuses an M_MMAP_THRESHOLD above it (malloc.c, HEAP_MAX_SIZE / 2)


def prepare_process(threads: int | None) -> int:
    """Fix the thread count, ask for deterministic kernels, flush denormals. Returns the threads.

    Bit-equal repetition holds on one machine with the same versions and thread count.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats only with a fixed workspace
    torch.set_deterministic_debug_mode("error")  # unlike `use_deterministic_algorithms` it imports no compiler
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # no code here reads memory before writing it
    torch.set_flush_denormal(True)
    return torch.get_num_threads()


def seed_global_streams(seed: int) -> None:
    """Start torch's own streams, which checkpoints keep: nothing draws from the CPU's, a GPU's dropout does."""
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Tell glibc not to hand large freed blocks back to the kernel.

    A training step frees and takes the same blocks again and again; handed back, each costs a page fault per 4 kB
    (19,000 a step for MiniLM), which took a fifth of the time. Does nothing where the C library is another.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
