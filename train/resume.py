"""Go on where a checkpoint stands: everything is checked first, then put back, the random states last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.build import copy_tensors_
from models.errors import CheckpointError
from models.files import sha256_of
from train.checkpoint import (
    MANIFEST,
    MODEL,
    OPTIMIZER,
    RANDOM,
    STATE,
    best_name,
    folder_of,
    newest_first,
    random_states,
    read_state,
)
from train.distributed import barrier, broadcast_, is_main_process
from train.state import Job, TrainState
from train.stopping import Stopping

Shapes = Mapping[str, tuple[int, ...]]

_ADAMW = ("step", "exp_avg", "exp_avg_sq")


def restore(job: Job) -> TrainState | None:
    """Put the newest intact checkpoint into the job's objects and cut the metrics back to it.

    A damaged one is passed over with a warning. Returns None where no checkpoint was ever saved.

    Raises:
        CheckpointError: there are checkpoints, and none can be used.
    """
    found = newest_first(folder_of(job))
    for path in found:
        try:
            return _restore_from(job, path)
        except CheckpointError as error:
            job.progress.say(f"warning: {path.name} is passed over: {error}")
    if found:
        raise CheckpointError(f"{job.records.path}: none of its {len(found)} checkpoints can be used")
    job.records.cut_metrics(0)
    return None


def restore_best(job: Job, state: TrainState) -> None:
    """Put the best weights back into the model's own memory; of several processes the first reads them for all.

    Raises:
        CheckpointError: the file is not the one that was written.
    """
    if is_main_process():
        path = folder_of(job) / best_name(state.best)
        _check_file(path, state.best["sha256"])
        copy_tensors_(job.model, load_file(path))
    barrier(after_saving=True)  # it may be reading gigabytes from a slow disk
    broadcast_(parameter.data for parameter in job.model.parameters())


def _restore_from(job: Job, folder: Path) -> TrainState:
    _verify(folder)
    record = read_state(folder)
    stopping = Stopping(job.config.stop, record.pop("best_figure"), record.pop("bad_epochs"))
    scaler, metrics_bytes = record.pop("scaler"), record.pop("metrics_bytes")
    state = TrainState(stopping=stopping, **record)
    _check_place(job, state, folder)
    model, optimizer, random = (_read(folder / name) for name in (MODEL, OPTIMIZER, RANDOM))
    _check_shapes(folder / MODEL, model, _shapes_of(dict(job.model.named_parameters())))
    _check_shapes(folder / OPTIMIZER, optimizer, _optimizer_shapes(job.optimizer, optimizer))
    _check_shapes(folder / RANDOM, random, _shapes_of(random_states(job)))
    job.records.cut_metrics(metrics_bytes)
    copy_tensors_(job.model, model)
    _restore_optimizer(job.optimizer, optimizer)
    if job.scaler is not None and scaler is not None:  # one is None where the precision was changed on purpose
        job.scaler.load_state_dict(scaler)
    torch.set_rng_state(random["torch"].clone())
    job.dropout.set_state(random["dropout"].clone())  # nothing after this may draw
    return state


def _verify(folder: Path) -> None:
    """Raise a CheckpointError unless every file, the best weights among them, is the one that was written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entries = {name: (entry["sha256"], entry["bytes"]) for name, entry in manifest.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{folder}: no readable manifest ({type(error).__name__})") from None
    if set(entries) != {MODEL, OPTIMIZER, RANDOM, STATE}:
        raise CheckpointError(f"{folder}: the manifest does not name the files of a checkpoint")
    for name, (sha256, size) in entries.items():
        _check_file(folder / name, sha256, size)
    best = read_state(folder)["best"]
    if best:
        _check_file(folder.parent / best_name(best), best["sha256"])


def _check_file(path: Path, sha256: str, size: int | None = None) -> None:
    if not path.is_file() or size not in (None, path.stat().st_size) or sha256_of(path) != sha256:
        raise CheckpointError(f"{path}: missing or damaged")


def _check_place(job: Job, state: TrainState, folder: Path) -> None:
    """Refuse a place that the plan does not have; after `--allow-inexact` the plan may be another one."""
    ended = state.step >= job.plan.steps and not state.stop_reason
    if ended or state.position >= job.plan.steps_per_epoch:
        raise CheckpointError(
            f"{folder}: stands at step {state.step}, {state.position} into an epoch, "
            f"where the plan has {job.plan.steps} steps, {job.plan.steps_per_epoch} an epoch"
        )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error


def _shapes_of(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _optimizer_shapes(optimizer: torch.optim.Optimizer, present: Iterable[str]) -> Shapes:
    """Shapes of AdamW's whole state for each parameter that has any; one that has never learned has none."""
    learned = {name.partition(".")[0] for name in present}
    parameters = enumerate(p for group in optimizer.param_groups for p in group["params"])
    shapes = {f"{i}": tuple(p.shape) for i, p in parameters if f"{i}" in learned}
    return {f"{i}.{name}": () if name == "step" else shape for i, shape in shapes.items() for name in _ADAMW}


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], expected: Shapes) -> None:
    found = _shapes_of(tensors)
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise CheckpointError(f"{path}: {name} has shape {found.get(name)}, must have {expected.get(name)}")


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        states.setdefault(int(number), {})[name] = value.clone()  # own memory: a mapped file's alignment differs
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
