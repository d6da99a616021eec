"""What follows from a configuration and the number of training examples: rates and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.errors import UserError
from train.config import RunConfig
from train.rules import require


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What follows from the configuration and the number of training examples."""

    learning_rate: float
    steps_per_epoch: int
    steps: int
    """Updates of the whole run, before any early stop."""
    schedule_steps: int
    """Updates that the schedule spans: all epochs, also when `max_steps` or `max_epochs` ends the run before."""
    warmup_steps: int
    epochs: int
    probe_steps: tuple[int, ...]
    """After these updates the probe sets are evaluated."""


def plan_run(config: RunConfig, train_examples: int) -> RunPlan:
    """Resolve rates, steps and probe points for a training set of the given size.

    Raises:
        UserError: the recipe has no rate for this arm and none was given, or one setting lacks another.
    """
    optim, freeze = config.optim, config.freeze
    require(freeze.thaw_every is None or freeze.layers != "none", "thaw_every needs something frozen: --freeze all")
    watches = config.stop.train_accuracy is None or config.evaluation.watched > 0
    require(watches, "stop.train_accuracy needs pairs to look at: evaluation.watched")
    kind = config.init.split("-")[0]  # of bottom-K: one rate for every K
    rate = optim.learning_rate or optim.learning_rates.get(kind)
    if rate is None:
        raise UserError(f"recipe {config.recipe!r} has no learning rate for --init {config.init}: give --learning-rate")
    steps_per_epoch = math.ceil(train_examples / (optim.batch_size * optim.accumulation))
    schedule_steps = steps_per_epoch * optim.epochs
    steps = min(schedule_steps, optim.max_steps or schedule_steps, steps_per_epoch * (optim.max_epochs or optim.epochs))
    probes = config.evaluation.probes
    return RunPlan(
        learning_rate=rate,
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        schedule_steps=schedule_steps,
        warmup_steps=round(optim.warmup * schedule_steps),
        epochs=optim.epochs,
        probe_steps=tuple(sorted({math.ceil(steps * k / probes) for k in range(1, probes + 1)})),
    )
