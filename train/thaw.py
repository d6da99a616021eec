"""Gradual unfreezing: the job as each epoch sees it. It follows from the epoch, so a resumed run goes on exactly."""

from __future__ import annotations

from dataclasses import replace

from train.features import cache_features
from train.freeze import frozen_layers, set_learning
from train.journal import note
from train.rules import FreezeConfig
from train.state import Job, TrainState


class Thawing:
    """What `run_epochs` asks for an epoch's job where layers thaw: modes set, and features cached while they serve."""

    def __init__(self, job: Job, state: TrainState) -> None:
        self.job = job
        self.state = state
        self.cached: Job | None = None

    def __call__(self, epoch: int) -> Job:
        """The job whose sets an epoch trains and evaluates on; the model's parts learn, or not, as the plan says.

        By default optimizer and schedule go on at a thaw. Throwing AdamW's averages away makes every weight that was
        learning take steps of the full rate again, whatever its gradient (bias correction makes the first step the
        sign of the gradient); a schedule that begins anew every few epochs is one long warm-up and never decays.
        Layers that have just thawed get fresh averages either way: the optimizer has none of a parameter without
        gradient.
        """
        config = self.job.config.freeze
        set_learning(self.job.model, config, epoch)
        if self.state.position == 0 and thaws_at(config, epoch):
            layers = len(self.job.model.encoder.layers)
            learning = layers - frozen_layers(config, layers, epoch)
            note(self.job, self.state.step, f"the top {learning} of {layers} layers learn from here on")
            if config.restart:
                self.job.optimizer.state.clear()
                self.state.updates = 0
        if not may_cache(config, epoch):
            self.cached = None
            return self.job
        if self.cached is None:
            sets = {name: cache_features(self.job.model, s, self.job.precision) for name, s in self.job.sets.items()}
            self.cached = replace(self.job, sets=sets)
        return self.cached


def thaws_at(config: FreezeConfig, epoch: int) -> bool:
    """Whether a thaw comes just before this epoch."""
    return epoch > 0 and config.thaws_before(epoch) > config.thaws_before(epoch - 1)


def may_cache(config: FreezeConfig, epoch: int = 0) -> bool:
    """Whether the encoder says the same about a pair each time it is asked in this epoch."""
    return config.holds_encoder(epoch) and not config.dropout
