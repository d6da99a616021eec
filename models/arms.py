"""The arms of the comparison: which weights of the one architecture are not random. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Which of the encoder's tensors are not random, and where they come from."""

    source: Literal["checkpoint", "mlm"] | None = "checkpoint"
    """The checkpoint that also gives the architecture; weights of `python -m train.pretrain`; or none."""
    lowest: int | None = None
    """How many of the lowest layers are loaded, beside the embeddings; None is everything, BERT's pooler too."""
    shuffled: bool = False
    """Whether the entries of each loaded tensor are permuted within it."""

    def loads(self, name: str) -> bool:
        """Whether the arm fills our tensor of this name from its source."""
        layers = tuple(f"encoder.layers.{i}." for i in range(self.lowest or 0))
        return self.lowest is None or name.startswith(("encoder.embeddings.", *layers))


ARMS = {
    "scratch": Arm(source=None),
    "pretrained": Arm(),
    "embeddings": Arm(lowest=0),
    # Raghu et al. 2019 (Transfusion), sec. 4: the weights' scale and distribution without what they know
    "shuffled": Arm(shuffled=True),
    "mlm": Arm(source="mlm"),
}
BY_DEPTH = "bottom"
"""`bottom-K` loads the embeddings and the lowest K layers. Source: Tamkin et al. 2020."""


def find_arm(init: str) -> Arm:
    """The arm of that name: one of ARMS, or `bottom-K`.

    Raises:
        UserError: no such arm.
    """
    kind, _, number = init.partition("-")
    if kind == BY_DEPTH and number.isdecimal() and number.isascii() and not number.startswith("0"):
        return Arm(lowest=int(number))
    if init not in ARMS:
        raise UserError(f"init {init!r} is not one of {', '.join(ARMS)} or {BY_DEPTH}-K with K = 1, 2, ...")
    return ARMS[init]
