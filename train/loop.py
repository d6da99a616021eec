"""The loop: step, log, evaluate, stop. One for every arm, and for masked-language-model training too."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from train.checkpoint import Saver, save_best
from train.data.batches import epoch_steps, split_by_tokens
from train.distributed import all_reduce_gradients_, seed_update, shard
from train.evaluate import Figures, evaluate
from train.journal import flush, log_evaluation, watch
from train.optim import clear_gradients, global_norm, update
from train.schedule import learning_rate_at
from train.state import Job, TrainState
from train.thaw import Thawing
from train.trajectory import keep_snapshot

FLUSH_EVERY = 10
"""Updates between two looks at the losses, which stay on the device until then."""
GRADIENTS_EVERY = 20
"""Updates between two records of gradient norms by layer."""
CPU_TOKENS, GPU_TOKENS = 1_536, 16_384
"""Tokens of one forward and backward pass; larger batches are split, which bounds memory. It decides which dropout
masks are drawn, and nothing else: NUMERICS_VERSION must be raised when it changes."""


def fit(job: Job, state: TrainState, saver: Saver) -> None:
    """Train until the plan or early stopping ends it; the best weights are then on disk.

    Raises:
        DivergedError: no step can follow.
        Interrupted: a signal asked for the end; the state is saved.
    """
    thaws = job.config.freeze.thaw_every is not None
    run_epochs(job, state, saver, Thawing(job, state) if thaws else lambda _: job, finish_epoch)


def run_epochs(
    job: Job,
    state: TrainState,
    saver: Saver,
    job_of: Callable[[int], Job],
    finish: Callable[[Job, TrainState], None],
) -> None:
    """Step through epochs until there is a reason to stop.

    Args:
        job_of: the job as an epoch sees it; only its sets may change.
        finish: called after an epoch's last update; ends in `close_epoch`.
    """
    state.tick()
    while not state.stop_reason:
        steps = epoch_steps(job.train.lengths, job.config.optim, job.config.seed, state.epoch)
        epoch = state.epoch
        epoch_job = job_of(epoch)
        while state.epoch == epoch and not state.stop_reason:
            train_step(epoch_job, state, steps[state.position])
            if state.step in job.plan.probe_steps:
                probe(epoch_job, state)
            if state.position == len(steps) or state.step == job.plan.steps:
                finish(epoch_job, state)
            keep_snapshot(job, state)
            saver.after_step(job, state)
    job.progress.close()


def train_step(job: Job, state: TrainState, batches: list[list[int]]) -> None:
    """One update from the given batches: the gradient of the mean loss over all that is predicted in them."""
    started = time.perf_counter()
    clear_gradients(job.model)
    seed_update(job.dropout, job.precision.device, job.config.seed, state.step)
    loss, correct = accumulate(job, batches)
    state.step += 1
    state.position += 1
    state.examples_seen += sum(len(batch) for batch in batches)
    norms = layer_norms(job) if state.step % GRADIENTS_EVERY == 0 else {}
    rate, norm = apply(job, state, loss)
    state.pending.append(
        {
            "step": state.step,
            "epoch": state.epoch + state.position / job.plan.steps_per_epoch,
            "examples_seen": state.examples_seen,
            "learning_rate": rate,
            "examples": sum(job.train.targets(batch) for batch in batches),
            "batches": batches,
            "tensors": (loss, correct, norm),
            "norms": norms,
        }
    )
    state.tick()
    state.train_seconds += time.perf_counter() - started
    if len(state.pending) >= FLUSH_EVERY:
        flush(job, state)


def accumulate(job: Job, batches: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Add up the gradients of the batches' mean loss; returns that loss and the number right, both on the device.

    Of several processes each works on its share of every batch, and all have the sums.
    """
    targets = sum(job.train.targets(batch) for batch in batches)
    lengths, device = job.train.lengths, job.precision.device
    limit = CPU_TOKENS if device.type == "cpu" else GPU_TOKENS
    loss = torch.zeros((), device=device, dtype=next(job.model.parameters()).dtype)
    correct = torch.zeros((), device=device)
    for batch in batches:
        for part in split_by_tokens(shard(batch), lengths, limit):
            with job.precision.autocast():
                logits_BC, labels_B = job.train.logits(job.model, part, device)
            addend = F.cross_entropy(logits_BC.to(loss.dtype), labels_B, reduction="sum") / targets
            (addend if job.scaler is None else job.scaler.scale(addend)).backward()
            loss += addend.detach()
            correct += (logits_BC.detach().argmax(1) == labels_B).sum()
    all_reduce_gradients_(job.model, loss, correct)
    return loss, correct


def apply(job: Job, state: TrainState, loss: Tensor) -> tuple[float, Tensor]:
    """Make the update, and move on in the schedule unless the loss scaler skipped it. Returns rate and norm."""
    plan, optim = job.plan, job.config.optim
    rate = learning_rate_at(state.updates, plan.learning_rate, plan.warmup_steps, plan.schedule_steps, optim.schedule)
    scale = 1.0 if job.scaler is None else job.scaler.get_scale()
    norm = update(job.optimizer, loss, optim.max_grad_norm, rate, job.scaler)
    skipped = job.scaler is not None and job.scaler.get_scale() < scale
    state.updates += 0 if skipped else 1
    return rate, norm


def layer_norms(job: Job) -> dict[str, Tensor]:
    """Gradient 2-norm of each part of the model that learns, before clipping, on the device."""
    model = job.model
    parts = {"embeddings": model.encoder.embeddings, "pooler": model.pooler, "head": model.head}
    parts |= {f"layers.{i}": layer for i, layer in enumerate(model.encoder.layers)}
    scale = 1.0 if job.scaler is None else job.scaler.get_scale()
    grads = {name: [p.grad for p in part.parameters() if p.grad is not None] for name, part in parts.items() if part}
    return {name: global_norm(found) / scale for name, found in grads.items() if found}


def probe(job: Job, state: TrainState) -> None:
    """Evaluate the two fixed probe sets."""
    flush(job, state)
    results = {}
    for name, pairs in (("probe_train", job.train), ("probe_validation", job.validation)):
        first = range(min(job.config.evaluation.probe_examples, len(pairs)))
        results[name] = evaluate(job.model, pairs, job.precision, first)
        log_evaluation(job, state, name, results[name])
    watch(job, state, results["probe_train"].loss, results["probe_validation"])
    state.tick()


def finish_epoch(job: Job, state: TrainState) -> None:
    """Log the epoch, evaluate on validation, close the epoch, and watch for a dead run."""
    train_loss = log_epoch(job, state)
    result = evaluate(job.model, job.validation, job.precision)
    close_epoch(job, state, train_loss, result, evaluate_watched(job, state))
    watch(job, state, train_loss, result)


def evaluate_watched(job: Job, state: TrainState) -> float | None:
    """Record figures of the first training and test pairs, if that was asked for; returns the training accuracy.

    The seed report's practice, kept so that its curves can be drawn: the test pairs choose nothing here.
    """
    watched = job.config.evaluation.watched
    if not watched:
        return None
    results = {}
    for name in ("train", "test"):
        pairs = job.sets[name]
        results[name] = evaluate(job.model, pairs, job.precision, range(min(watched, len(pairs))))
        log_evaluation(job, state, f"watched_{name}", results[name])
    return results["train"].accuracy


def log_epoch(job: Job, state: TrainState) -> float:
    """Record the epoch's means over its training examples; returns the mean loss."""
    flush(job, state)
    examples = state.epoch_examples or math.nan  # none, where a loss scaler skipped every update
    train_loss = state.epoch_loss / examples
    job.records.log(
        "epoch",
        step=state.step,
        epoch=state.epoch + 1,
        train_loss=train_loss,
        train_accuracy=state.epoch_correct / examples,
        seconds=state.seconds,
        train_seconds=state.train_seconds,
    )
    return train_loss


def close_epoch(
    job: Job, state: TrainState, train_loss: float, result: Figures, train_accuracy: float | None = None
) -> None:
    """Log the validation figures, keep the weights if they are the best, decide whether to stop."""
    log_evaluation(job, state, "validation", result)
    job.progress.say(
        f"epoch {state.epoch + 1}/{job.plan.epochs}: train loss {train_loss:.4f}, "
        f"validation loss {result.loss:.4f}, validation accuracy {result.accuracy:.3f}"
    )
    figures = {"validation_loss": result.loss, "validation_accuracy": result.accuracy, "train_loss": train_loss}
    if state.stopping.improved(figures, state.epoch + 1):
        state.best = {"step": state.step, "epoch": state.epoch + 1, **figures}
        save_best(job, state)
    state.epoch, state.position = state.epoch + 1, 0
    state.epoch_loss, state.epoch_correct, state.epoch_examples = 0.0, 0, 0
    state.stop_reason = why_stop(job, state, train_accuracy)
    state.tick()


def why_stop(job: Job, state: TrainState, train_accuracy: float | None) -> str:
    """The reason to stop after an epoch, or an empty text."""
    if state.step == job.plan.steps:
        if state.epoch == job.config.optim.max_epochs and state.epoch < job.plan.epochs:
            return f"{state.epoch} of {job.plan.epochs} epochs done, as asked"
        return "all steps done" if job.config.optim.max_steps else "all epochs done"
    return state.stopping.reason(train_accuracy)
