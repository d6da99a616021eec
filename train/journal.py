"""What the loop writes down: losses once they leave the device, evaluations, and what goes wrong."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from models.errors import DivergedError
from train.evaluate import Figures
from train.state import Job, TrainState

MOST_SKIPPED = 10
"""Updates in a row with a gradient that is not finite, after which a run is given up."""
CHANCE = 1 / 3
AT_CHANCE = 0.02
"""A loss no further than this from ln 3, in nats, says nothing about the pairs yet."""

_ADVICE = {
    "below chance": "the labels are probably permuted",
    "at chance": "what usually helps is another --learning-rate (a third or three times of it), a longer --warmup, "
    "fewer layers, or more steps",
}


def flush(job: Job, state: TrainState) -> None:
    """Read the pending updates off the device, log them, and give up where no step can follow.

    Raises:
        DivergedError: a loss is not finite, or too many gradients in a row, or the loss scale fell below 1.
    """
    pending, state.pending = state.pending, []
    state.train_seconds += wait_for(job.precision.device) if pending else 0.0
    for entry in pending:
        loss = log_update(job, state, entry)
    if pending:  # the clock stands at the last of these updates: for an earlier one the time left would be wrong
        job.progress.update(pending[-1]["step"], loss, state.examples_seen / max(1e-9, state.train_seconds))


def log_update(job: Job, state: TrainState, entry: dict[str, Any]) -> float:
    """Log one update and add it to its epoch's sums; returns its loss.

    Raises:
        DivergedError: as `flush`.
    """
    loss, correct, norm = (tensor.item() for tensor in entry.pop("tensors"))
    norms = {name: value.item() for name, value in entry.pop("norms").items()}
    examples, batches = entry.pop("examples"), entry.pop("batches")
    if math.isfinite(loss):  # of an update that a loss scaler skips it may not be, and the epoch's mean has to be
        state.epoch_loss += loss * examples
        state.epoch_correct += int(correct)
        state.epoch_examples += examples
    clocks = {"seconds": state.seconds, "train_seconds": state.train_seconds}
    job.records.log("train", **entry, loss=loss, grad_norm=norm, **clocks)
    if norms:
        job.records.log("gradients", step=entry["step"], norms=norms)
    check_finite(job, state, entry["step"], loss, norm, batches)
    return loss


def wait_for(device: torch.device) -> float:
    """Seconds until a GPU has done what was asked of it: the updates' own, which the asking did not take."""
    if device.type != "cuda":
        return 0.0
    started = time.perf_counter()
    torch.cuda.synchronize(device)
    return time.perf_counter() - started


def check_finite(job: Job, state: TrainState, step: int, loss: float, norm: float, batches: list[list[int]]) -> None:
    """Count updates with a broken gradient, and raise where training cannot go on. The update itself did nothing."""
    if math.isfinite(loss) and math.isfinite(norm):
        state.skipped_in_a_row = 0
        return
    ids = [job.ids[index] for batch in batches for index in batch]
    what = "gradient" if math.isfinite(loss) else "loss"
    note(job, step, f"the {what} is not finite; the update was skipped", ids=ids)
    state.skipped += 1
    state.skipped_in_a_row += 1
    advice = "lower --learning-rate, or look at the pairs listed in metrics.jsonl"
    if what == "loss" and job.scaler is None:
        raise DivergedError(f"step {step}: the loss is {loss}; {advice}")
    if state.skipped_in_a_row >= MOST_SKIPPED:
        raise DivergedError(f"step {step}: the gradient was not finite {MOST_SKIPPED} times in a row; {advice}")
    if job.scaler is not None and job.scaler.get_scale() < 1:
        raise DivergedError(f"step {step}: the loss scale fell below 1; use --precision bf16 or float32")


def note(job: Job, step: int, message: str, **more: Any) -> None:
    """A line for the reader, on the screen and in the record."""
    job.records.log("note", step=step, message=message, **more)
    job.progress.say(f"step {step}: {message}")


def log_evaluation(job: Job, state: TrainState, split: str, result: Figures, **more: Any) -> None:
    """Record figures of a split at the present step."""
    job.records.log(
        "evaluation",
        split=split,
        step=state.step,
        epoch=state.epoch + state.position / job.plan.steps_per_epoch,
        examples_seen=state.examples_seen,
        seconds=state.seconds,
        train_seconds=state.train_seconds,
        **result.to_record(),
        **more,
    )


def watch(job: Job, state: TrainState, train_loss: float, validation: Figures) -> None:
    """Say so, once, when a run looks dead: still at chance long after warm-up, or far worse than chance."""
    spread = math.sqrt(CHANCE * (1 - CHANCE) / validation.examples)
    if validation.accuracy < CHANCE - 6 * spread:
        _notice(job, state, "below chance", f"validation accuracy {validation.accuracy:.3f} is far below chance")
    late = state.step >= max(3 * job.plan.warmup_steps, job.plan.steps / 4)
    if late and abs(train_loss - math.log(3)) < AT_CHANCE:
        _notice(job, state, "at chance", f"the training loss is still {train_loss:.3f} (ln 3 = 1.099, chance)")


def _notice(job: Job, state: TrainState, what: str, message: str) -> None:
    if what not in state.noticed:
        state.noticed = [*state.noticed, what]
        note(job, state.step, f"{message}: {_ADVICE[what]}")
