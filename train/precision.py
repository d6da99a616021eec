"""Which arithmetic: what was asked, or what the hardware does well."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from models.errors import UserError

_DTYPES = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


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
        return torch.amp.GradScaler(self.device.type) if self.name == "fp16" else None


def choose_device(asked: str) -> torch.device:
    """`auto` takes a GPU where there is one.

    Raises:
        UserError: the device is not there.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {asked!r} cannot be used: {str(error).splitlines()[0]}") from None
    return device


def choose_precision(asked: str, device: torch.device) -> Precision:
    """`auto`: bf16 on a GPU that has it, else fp16 with a scaler on a GPU; float32 on a CPU.

    On CPUs bf16 needs matrix units to gain anything, and without native support it is a hundred times slower.
    """
    if asked != "auto":
        return Precision(name=asked, reason="as asked", device=device)
    if device.type != "cuda":
        return Precision(name="float32", reason="no GPU", device=device)
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision(name="bf16", reason="the GPU has native bf16", device=device)
    return Precision(name="fp16", reason="the GPU has no native bf16", device=device)
