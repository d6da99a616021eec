"""Dropout whose masks cost little on a CPU and follow from one seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LANES = 4  # 16-bit numbers in one 64-bit draw
_LEVELS = 2**16


class Dropout(nn.Module):
    """Zero each entry with probability p in training mode and scale the rest so that the mean stays.

    On a CPU `F.dropout` draws its mask on one thread, entry by entry, which takes longer than the matrix product
    before it. Here one 64-bit draw serves four entries: each 16-bit lane is compared with a threshold. The probability
    is therefore p rounded to a multiple of 2^-16, and the scale belongs to the rounded one, so nothing is biased but by
    the rounding of the scale itself: 1e-8 in float32, up to 2e-3 in bf16.

    Attributes:
        p: probability of zero, in [0, 1).
        generator: the stream the masks come from; None is torch's global one. See `seed_dropout`.

    Source: Srivastava et al. 2014, sec. 4 (inverted scaling).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    @property
    def is_active(self) -> bool:
        """Whether forward changes anything now."""
        return self.training and self.p > 0

    def forward(self, x: Tensor) -> Tensor:
        """Any shape in, the same shape out."""
        if not self.is_active:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        return x * self.draw_mask(x)

    def draw_mask(self, like: Tensor) -> Tensor:
        """A fresh mask of the shape and dtype of `like`: 0 where dropped, else 1 / (probability of being kept)."""
        kept_levels = min(max(round((1 - self.p) * _LEVELS), 1), _LEVELS - 1)  # what a lane can be compared with
        draws = torch.empty(-(-like.numel() // _LANES), dtype=torch.int64)
        draws.random_(-(2**63), None, generator=self.generator)
        lanes = draws.view(torch.int16)[: like.numel()].view(like.shape)
        mask = torch.lt(lanes, kept_levels - _LEVELS // 2, out=torch.empty_like(like, requires_grad=False))
        return mask.mul_(_LEVELS / kept_levels)

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"p={self.p}"


def seed_dropout(model: nn.Module, generator: torch.Generator) -> None:
    """Let every `Dropout` of the model draw from one generator, in the order in which they are called."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
