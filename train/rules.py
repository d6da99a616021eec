"""What is asked of a run by the epoch and by the clock: which parts learn from when on, when it ends, when it saves."""

from __future__ import annotations

from dataclasses import dataclass

from models.errors import UserError

MONITORS = ("validation_loss", "validation_accuracy", "train_loss")


def require(condition: bool, message: str) -> None:
    """The condition holds.

    Raises:
        UserError: it does not; with this message.
    """
    if not condition:
        raise UserError(message)


@dataclass(frozen=True, kw_only=True)
class FreezeConfig:
    """Which part of the encoder does not learn, and whether it thaws, its top layers first."""

    layers: str = "none"
    """`none`, `all` (the whole encoder), or a number K: the embeddings and the lowest K layers."""
    dropout: bool = False
    """Whether a frozen part draws dropout all the same, as in the seed report; else it is in evaluation mode."""
    thaw_every: int | None = None
    """Epochs from one thaw to the next; None never thaws."""
    thaws: int = 4
    """Thaws until every layer learns. Each frees an equal share of those that were frozen at first."""
    thaw_embeddings: bool = True
    """Whether the embeddings learn once every layer does."""
    restart: bool = False
    """Whether optimizer and schedule begin anew at each thaw, as in the seed report; else both go on."""

    def __post_init__(self) -> None:
        number = self.layers.isdecimal()
        require(self.layers in ("none", "all") or number, f"freeze {self.layers!r} is not none, all or a number")
        require(self.thaw_every is None or self.thaw_every >= 1, f"thaw_every is {self.thaw_every}, must be >= 1")
        require(self.thaws >= 1, f"thaws is {self.thaws}, must be at least 1")

    def thaws_before(self, epoch: int) -> int:
        """How many thaws lie behind an epoch's beginning; epochs count from 0."""
        return 0 if self.thaw_every is None else min(self.thaws, epoch // self.thaw_every)

    def holds_encoder(self, epoch: int) -> bool:
        """Whether no part of the encoder learns in this epoch."""
        return self.layers == "all" and self.thaws_before(epoch) == 0


@dataclass(frozen=True, kw_only=True)
class StopConfig:
    """When to stop early, and what `best` means."""

    monitor: str = "validation_loss"
    """`validation_loss`, `validation_accuracy` or `train_loss`: chooses the best weights, once an epoch."""
    patience: int | None = None
    """Epochs without improvement before stopping; None never stops early."""
    min_delta: float = 0.0
    """An improvement must be larger than this."""
    wait: int = 0
    """Epochs at the start that patience does not count: a warm-up, or an encoder that is still frozen."""
    train_accuracy: float | None = None
    """Stop once the accuracy on the watched training pairs is above this; None does not ask."""

    def __post_init__(self) -> None:
        require(self.monitor in MONITORS, f"monitor {self.monitor!r} is not one of {', '.join(MONITORS)}")
        require(self.patience is None or self.patience >= 1, f"patience is {self.patience}, must be at least 1")
        require(self.min_delta >= 0, f"min_delta is {self.min_delta}, must not be negative")
        require(self.wait >= 0, f"wait is {self.wait}, must not be negative")
        share = self.train_accuracy
        require(share is None or 0 < share < 1, f"train_accuracy is {share}, must lie between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class SaveConfig:
    """How often a running training is saved, so that a killed one can go on. Changes no number of the run."""

    every_steps: int | None = None
    """Save after every so many updates; None leaves it to the clock."""
    every_minutes: float = 10.0

    def __post_init__(self) -> None:
        require(self.every_steps is None or self.every_steps >= 1, f"every_steps is {self.every_steps}, must be >= 1")
        require(self.every_minutes >= 0, f"every_minutes is {self.every_minutes}, must not be negative")
