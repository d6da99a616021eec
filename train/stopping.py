"""Early stopping, and which epoch was best."""

from __future__ import annotations

from dataclasses import dataclass

from train.config import StopConfig


@dataclass
class Stopping:
    """Follows one validation figure over the epochs. Source: Prechelt 1998, criterion UP with patience."""

    config: StopConfig
    best: float | None = None
    """The best figure so far, as a value to be lowered."""
    bad_epochs: int = 0
    """Epochs since the last improvement."""

    def improved(self, loss: float, accuracy: float) -> bool:
        """Take one epoch's validation figures; whether they are better than the best by more than `min_delta`."""
        value = loss if self.config.monitor == "validation_loss" else -accuracy
        if self.best is None or value < self.best - self.config.min_delta:
            self.best, self.bad_epochs = value, 0
            return True
        self.bad_epochs += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.config.patience is not None and self.bad_epochs >= self.config.patience
