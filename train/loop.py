"""The loop: evaluate, step, log, evaluate, stop. One for every arm."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from train.config import RunConfig
from train.data.batches import epoch_steps, split_by_tokens
from train.data.encode import EncodedPairs
from train.evaluate import Evaluation, evaluate
from train.optim import clear_gradients, global_norm, update
from train.plan import RunPlan
from train.precision import Precision
from train.progress import Progress
from train.records import RunDirectory
from train.schedule import learning_rate_at
from train.stopping import Stopping

FLUSH_EVERY = 10
"""Updates between two looks at the losses, which stay on the device until then."""
GRADIENTS_EVERY = 20
"""Updates between two records of gradient norms by layer."""
MAX_TOKENS = 1_536
"""Tokens of one forward and backward pass; larger batches are split, which bounds memory and changes nothing else."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What one training needs and never changes."""

    config: RunConfig
    plan: RunPlan
    model: SequenceClassifier
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler | None
    precision: Precision
    train: EncodedPairs
    validation: EncodedPairs
    records: RunDirectory
    progress: Progress

    @property
    def best_weights(self) -> Path:
        """Where the best weights so far lie."""
        return self.records.path / "checkpoints" / "best.safetensors"


@dataclass(kw_only=True)
class TrainState:
    """All that changes while training, beside model and optimizer."""

    stopping: Stopping
    step: int = 0
    """Updates made."""
    epoch: int = 0
    """Epochs finished."""
    position: int = 0
    """Updates made in the present epoch."""
    examples_seen: int = 0
    seconds: float = 0.0
    """Wall clock since the start of training, evaluation included."""
    train_seconds: float = 0.0
    epoch_loss: float = 0.0
    """Sum over the present epoch's examples; also of the next two."""
    epoch_correct: int = 0
    epoch_examples: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    stop_reason: str = ""
    pending: list[dict[str, Any]] = field(default_factory=list)
    """Updates whose loss is still on the device."""


def fit(job: Job, state: TrainState) -> None:
    """Train until the plan or early stopping ends it; the best weights are then on disk."""
    started = time.perf_counter() - state.seconds
    while not state.stop_reason:
        steps = epoch_steps(
            job.train.lengths,
            job.config.optim.batch_size,
            job.config.optim.accumulation,
            job.config.seed,
            state.epoch,
        )
        for batches in steps[state.position :]:
            train_step(job, state, batches)
            state.seconds = time.perf_counter() - started
            if state.step in job.plan.probe_steps:
                probe(job, state)
            if state.step == job.plan.steps:
                break
        finish_epoch(job, state)
        state.seconds = time.perf_counter() - started
    job.progress.close()


def train_step(job: Job, state: TrainState, batches: list[list[int]]) -> None:
    """One update from the given batches: the gradient of the mean loss over all their examples."""
    started = time.perf_counter()
    clear_gradients(job.model)
    loss, correct = accumulate(job, batches)
    norms = layer_norms(job) if (state.step + 1) % GRADIENTS_EVERY == 0 else {}
    optim = job.config.optim
    rate = learning_rate_at(
        state.step, job.plan.learning_rate, job.plan.warmup_steps, job.plan.schedule_steps, optim.schedule
    )
    norm = update(job.optimizer, loss, optim.max_grad_norm, rate, job.scaler)
    examples = sum(len(batch) for batch in batches)
    state.step += 1
    state.position += 1
    state.examples_seen += examples
    state.pending.append(
        {
            "step": state.step,
            "epoch": state.epoch + state.position / job.plan.steps_per_epoch,
            "examples_seen": state.examples_seen,
            "examples": examples,
            "learning_rate": rate,
            "tensors": (loss, correct, norm),
            "norms": norms,
        }
    )
    if len(state.pending) >= FLUSH_EVERY:
        flush(job, state)
    state.train_seconds += time.perf_counter() - started


def accumulate(job: Job, batches: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Add up the gradients of the batches' mean loss; returns that loss and the number right, both on the device."""
    examples = sum(len(batch) for batch in batches)
    lengths = job.train.lengths
    loss = torch.zeros((), device=job.precision.device)
    correct = torch.zeros((), device=job.precision.device)
    for batch in batches:
        for part in split_by_tokens(batch, lengths, MAX_TOKENS):
            tokens, labels_B = job.train.batch(part)
            labels_B = labels_B.to(job.precision.device)
            with job.precision.autocast():
                logits_BC = job.model.classify(tokens.to(job.precision.device))
            share = F.cross_entropy(logits_BC.float(), labels_B, reduction="sum") / examples
            (share if job.scaler is None else job.scaler.scale(share)).backward()
            loss += share.detach()
            correct += (logits_BC.detach().argmax(1) == labels_B).sum()
    return loss, correct


def layer_norms(job: Job) -> dict[str, Tensor]:
    """Gradient 2-norm of each part of the model that learns, before clipping, on the device."""
    model = job.model
    parts = {"embeddings": model.encoder.embeddings, "pooler": model.pooler, "head": model.head}
    parts |= {f"layers.{i}": layer for i, layer in enumerate(model.encoder.layers)}
    scale = 1.0 if job.scaler is None else job.scaler.get_scale()
    grads = {name: [p.grad for p in part.parameters() if p.grad is not None] for name, part in parts.items() if part}
    return {name: global_norm(found) / scale for name, found in grads.items() if found}


def flush(job: Job, state: TrainState) -> None:
    """Read the pending losses off the device and log them."""
    for entry in state.pending:
        loss, correct, norm = (tensor.item() for tensor in entry.pop("tensors"))
        norms = {name: value.item() for name, value in entry.pop("norms").items()}
        examples = entry.pop("examples")
        state.epoch_loss += loss * examples
        state.epoch_correct += int(correct)
        state.epoch_examples += examples
        clocks = {"seconds": state.seconds, "train_seconds": state.train_seconds}
        job.records.log("train", **entry, loss=loss, grad_norm=norm, **clocks)
        if norms:
            job.records.log("gradients", step=entry["step"], norms=norms)
        job.progress.update(entry["step"], loss, state.examples_seen / max(1e-9, state.train_seconds))
    state.pending.clear()


def log_evaluation(job: Job, state: TrainState, split: str, result: Evaluation, **more: Any) -> None:
    """Record figures of a split at the present step."""
    job.records.log(
        "evaluation",
        split=split,
        step=state.step,
        epoch=state.epoch + state.position / job.plan.steps_per_epoch,
        examples_seen=state.examples_seen,
        seconds=state.seconds,
        train_seconds=state.train_seconds,
        loss=result.loss,
        accuracy=result.accuracy,
        examples=result.examples,
        **more,
    )


def probe(job: Job, state: TrainState) -> None:
    """Evaluate the two fixed probe sets."""
    flush(job, state)
    for name, pairs in (("probe_train", job.train), ("probe_validation", job.validation)):
        first = range(min(job.config.evaluation.probe_examples, len(pairs)))
        log_evaluation(job, state, name, evaluate(job.model, pairs, job.precision, first))


def finish_epoch(job: Job, state: TrainState) -> None:
    """Log the epoch, evaluate on validation, keep the weights if they are the best, decide whether to stop."""
    flush(job, state)
    job.records.log(
        "epoch",
        step=state.step,
        epoch=state.epoch + 1,
        train_loss=state.epoch_loss / state.epoch_examples,
        train_accuracy=state.epoch_correct / state.epoch_examples,
        seconds=state.seconds,
        train_seconds=state.train_seconds,
    )
    result = evaluate(job.model, job.validation, job.precision)
    log_evaluation(job, state, "validation", result)
    job.progress.say(
        f"epoch {state.epoch + 1}/{job.plan.epochs}: train loss {state.epoch_loss / state.epoch_examples:.4f}, "
        f"validation loss {result.loss:.4f}, validation accuracy {result.accuracy:.3f}"
    )
    if state.stopping.improved(result.loss, result.accuracy):
        save_weights(job.model, job.best_weights)
        figures = {"validation_loss": result.loss, "validation_accuracy": result.accuracy}
        state.best = {"step": state.step, "epoch": state.epoch + 1, **figures}
    state.epoch, state.position = state.epoch + 1, 0
    state.epoch_loss, state.epoch_correct, state.epoch_examples = 0.0, 0, 0
    if state.step == job.plan.steps:
        state.stop_reason = "all steps done" if job.config.optim.max_steps else "all epochs done"
    elif state.stopping.exhausted:
        state.stop_reason = f"no better {job.config.stop.monitor} for {job.config.stop.patience} epochs"


def save_weights(model: SequenceClassifier, path: Path) -> None:
    """A copy of all parameters on disk, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    save_file({name: p.detach().contiguous() for name, p in model.named_parameters()}, temporary)
    temporary.replace(path)


def restore_weights(model: SequenceClassifier, path: Path) -> None:
    """Put saved parameters back into the model's own memory."""
    copy_tensors_(model, load_file(path))
