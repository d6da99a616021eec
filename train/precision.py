"""Which arithmetic: what was asked, or what the hardware does well."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from models.errors import UserError
from train.progress import say

_DTYPES = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_BF16_MATRIX_UNITS = ("amx_bf16",)
_UNITS = {"bf16": (*_BF16_MATRIX_UNITS, "avx512_bf16", "bf16"), "fp16": ("amx_fp16", "avx512_fp16", "fp16_arith")}
"""As `torch.cpu.get_capabilities` names them; the last are ARM's."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The arithmetic of the forward pass; parameters and optimizer stay in float32."""

    name: str
    reason: str
    device: torch.device

    def autocast(self) -> AbstractContextManager:
        """Run matrix products in the chosen type. Source: Micikevicius et al. 2018."""
        dtype = _DTYPES[self.name]
        return nullcontext() if dtype is None else torch.autocast(self.device.type, dtype)

    def build_scaler(self) -> torch.amp.GradScaler | None:
        """A loss scaler for fp16, whose small gradients would vanish; None for the others."""
        if self.name != "fp16":
            return None
        scaler = torch.amp.GradScaler(self.device.type)
        scaler.scale(torch.zeros((), device=self.device))  # makes its scale: a process may have no loss to do so
        return scaler


def choose_device(asked: str, index: int | None = None) -> torch.device:
    """`auto` takes a GPU where there is one. A GPU that is chosen is the current one from here on.

    Args:
        index: which of this machine's GPUs, where several processes share them; None is the first.

    Raises:
        UserError: the device is not there, is one for several processes, or of a kind whose dropout no run could
            repeat.
    """
    if asked.startswith("cuda:") and index is not None and int(os.environ.get("LOCAL_WORLD_SIZE", "1")) > 1:
        raise UserError(f"device {asked!r}: each of several processes takes a GPU of its own: give --device cuda")
    kind = asked if asked != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(f"cuda:{index or 0}" if kind == "cuda" else kind)
        if device.type not in ("cpu", "cuda"):
            raise UserError(f"device {asked!r}: runs are made for cpu and cuda; on others they would not be repeatable")
        torch.zeros(1, device=device)
        if device.type == "cuda":  # whose arithmetic is asked for next, and whose stream `seed_update` seeds
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {asked!r} cannot be used: {str(error).splitlines()[0]}") from None
    return device


def choose_precision(asked: str, device: torch.device) -> Precision:
    """`auto`: bf16 where the hardware is made for it, else fp16 with a scaler on a GPU and float32 on a CPU.

    On a CPU that takes matrix units: on one thread they doubled the speed of training and of evaluation here. Vector
    instructions for bf16 alone gain little, and without either bf16 is tens to hundreds of times slower than float32.
    """
    if asked != "auto":
        if asked in _UNITS and device.type == "cpu" and not _cpu_has(_UNITS[asked]):
            slow = "it will be many times slower than --precision float32"
            say(f"warning: this CPU has no instructions for {asked}; {slow}")
        return Precision(name=asked, reason="as asked", device=device)
    if device.type == "cpu":
        if _cpu_has(_BF16_MATRIX_UNITS):
            return Precision(name="bf16", reason="the CPU has matrix units for bf16", device=device)
        return Precision(name="float32", reason="the CPU has no matrix units for bf16", device=device)
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision(name="bf16", reason="the GPU has native bf16", device=device)
    return Precision(name="fp16", reason="the GPU has no native bf16", device=device)


def _cpu_has(any_of: tuple[str, ...]) -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in any_of)
