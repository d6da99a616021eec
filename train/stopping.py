"""Early stopping, and which epoch was best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from train.rules import StopConfig


@dataclass
class Stopping:
    """Follows one figure over the epochs. Source: Prechelt 1998, criterion UP with patience."""

    config: StopConfig
    best: float | None = None
    """The best figure so far, as a value to be lowered."""
    bad_epochs: int = 0
    """Epochs since the last improvement, less those of `wait`."""

    def improved(self, figures: Mapping[str, float], epoch: int) -> bool:
        """Take an epoch's figures; whether the monitored one is better than the best by more than `min_delta`.

        Args:
            figures: at least the one that `monitor` names.
            epoch: counted from 1.
        """
        monitor = self.config.monitor
        value = -figures[monitor] if monitor.endswith("accuracy") else figures[monitor]
        if self.best is None or math.isnan(self.best) or value < self.best - self.config.min_delta:
            self.best, self.bad_epochs = value, 0
            return True
        self.bad_epochs += 1 if epoch > self.config.wait else 0
        return False

    def reason(self, train_accuracy: float | None) -> str:
        """Why the rule ends the run after this epoch, or an empty text."""
        if self.learned(train_accuracy):
            return f"training accuracy above {self.config.train_accuracy:g}"
        return f"no better {self.config.monitor} for {self.config.patience} epochs" if self.exhausted else ""

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.config.patience is not None and self.bad_epochs >= self.config.patience

    def learned(self, train_accuracy: float | None) -> bool:
        """Whether the training pairs are known so well that the rule about them ends the run."""
        limit = self.config.train_accuracy
        return limit is not None and train_accuracy is not None and train_accuracy > limit
