"""Make the process repeatable and quick before any tensor is made."""

from __future__ import annotations

import os

import torch


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
    """Start torch's own streams: nothing draws from the CPU's, and a GPU's is started anew for each update."""
    torch.manual_seed(seed)
