"""Checkpoints that are there whole or not at all, and what is done with them.

One lies in `checkpoints/step-N/`: tensors as safetensors, the rest as JSON, and a manifest with the sha256 and size of
each file. It is written beside its place, flushed to the disk, and renamed. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.build import copy_tensors_
from models.errors import CheckpointError
from models.files import flush_to_disk, replaced_folder, sha256_of
from train.config import StopConfig
from train.interrupt import Signals
from train.journal import flush
from train.state import Job, TrainState
from train.stopping import Stopping

KEPT = 2
"""Checkpoints that stay: the newest, and one before it in case the newest turns out damaged."""

_NOT_SAVED = ("stopping", "pending", "origin")


class Saver:
    """Saves when it is time to, and when a signal asks for the end."""

    def __init__(self, every_steps: int | None, every_minutes: float, signals: Signals) -> None:
        self.every_steps = every_steps
        self.every_seconds = 60 * every_minutes
        self.signals = signals
        self.saved_at = time.monotonic()

    def after_step(self, job: Job, state: TrainState) -> None:
        """Called between two steps, where the state is complete.

        Raises:
            Interrupted: a signal came; the state is saved.
        """
        due = self.every_steps is not None and state.step % self.every_steps == 0
        if due or time.monotonic() - self.saved_at >= self.every_seconds or self.signals.received or state.stop_reason:
            save(job, state)
            self.saved_at = time.monotonic()
        self.signals.check()


def folder_of(job: Job) -> Path:
    """Where a run's checkpoints lie."""
    return job.records.path / "checkpoints"


def best_path(job: Job, state: TrainState) -> Path:
    """Where the best weights so far lie."""
    return folder_of(job) / f"best-{state.best['step']}.safetensors"


def save_best(job: Job, state: TrainState) -> None:
    """Copy the present weights to the disk as the best ones. The file before stays until no checkpoint needs it."""
    path = best_path(job, state)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-0")
    save_file(_parameters(job), temporary)
    flush_to_disk(temporary)
    temporary.replace(path)
    state.best["sha256"] = sha256_of(path)


def restore_best(job: Job, state: TrainState) -> None:
    """Put the best weights back into the model's own memory.

    Raises:
        CheckpointError: the file is not the one that was written.
    """
    path = best_path(job, state)
    if not path.exists() or sha256_of(path) != state.best["sha256"]:
        raise CheckpointError(f"{path}: the best weights are missing or damaged")
    copy_tensors_(job.model, load_file(path))


def save(job: Job, state: TrainState) -> Path:
    """Write everything a resumed run needs; afterwards the KEPT newest checkpoints are there.

    Raises:
        CheckpointError: the disk refused; earlier checkpoints are untouched.
    """
    flush(job, state)
    target = folder_of(job) / f"step-{state.step}"
    try:
        with replaced_folder(target) as folder:
            _write(job, state, folder)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{target}: could not be saved ({error}); earlier checkpoints are intact") from error
    _prune(target.parent)
    return target


def _write(job: Job, state: TrainState, folder: Path) -> None:
    save_file(_parameters(job), folder / "model.safetensors")
    save_file(_optimizer_tensors(job.optimizer), folder / "optimizer.safetensors")
    save_file(_random_states(job), folder / "random.safetensors")
    record = {f.name: getattr(state, f.name) for f in fields(state) if f.name not in _NOT_SAVED}
    record["stopping"] = {"best": state.stopping.best, "bad_epochs": state.stopping.bad_epochs}
    record["scaler"] = None if job.scaler is None else job.scaler.state_dict()
    record["metrics_bytes"] = job.records.sync_metrics()
    (folder / "state.json").write_text(json.dumps(record), encoding="utf-8")
    manifest = {
        path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }
    for name in manifest:
        flush_to_disk(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _parameters(job: Job) -> dict[str, Tensor]:
    return {name: p.detach().contiguous() for name, p in job.model.named_parameters()}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every state tensor as `number of the parameter.name`, for example `3.exp_avg`."""
    states = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value.contiguous() for i, state in states.items() for name, value in state.items()}


def _random_states(job: Job) -> dict[str, Tensor]:
    states = {"dropout": job.dropout.get_state(), "torch": torch.get_rng_state()}
    if job.precision.device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(job.precision.device)
    return states


def _prune(folder: Path) -> None:
    """Remove all but the newest checkpoints, what a killed save left behind, and best weights nobody refers to."""
    *old, _ = steps = sorted(_steps(folder), key=_step_of)
    for path in [*old[: -(KEPT - 1)], *folder.glob("*.tmp-*")]:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)
    needed = {_read_state(path)["best"].get("step") for path in steps[-KEPT:]}
    for path in folder.glob("best-*.safetensors"):
        if int(path.stem.removeprefix("best-")) not in needed:
            path.unlink()


def _steps(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if ".tmp-" not in path.name]


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def restore(job: Job, state_config: StopConfig) -> TrainState | None:
    """Put the newest intact checkpoint into the job's objects and cut the metrics back to it.

    A damaged one is passed over with a warning. Returns None where no checkpoint was ever saved.

    Raises:
        CheckpointError: there are checkpoints, and all are damaged.
    """
    found = sorted(_steps(folder_of(job)), key=_step_of, reverse=True)
    for path in found:
        try:
            return _restore_from(job, path, state_config)
        except CheckpointError as error:
            job.progress.say(f"warning: {error}; trying the one before")
    if found:
        raise CheckpointError(f"{job.records.path}: every checkpoint in it is damaged")
    job.records.cut_metrics(0)
    return None


def _restore_from(job: Job, folder: Path, state_config: StopConfig) -> TrainState:
    _verify(folder)
    record = _read_state(folder)
    copy_tensors_(job.model, load_file(folder / "model.safetensors"))
    _restore_optimizer(job.optimizer, load_file(folder / "optimizer.safetensors"))
    scaler, stopping = record.pop("scaler"), record.pop("stopping")
    if job.scaler is not None:
        job.scaler.load_state_dict(scaler)
    job.records.cut_metrics(record.pop("metrics_bytes"))
    state = TrainState(stopping=Stopping(config=state_config, **stopping), **record)
    random = load_file(folder / "random.safetensors")  # last: nothing after this may draw
    torch.set_rng_state(random["torch"].clone())
    if job.precision.device.type == "cuda":
        torch.cuda.set_rng_state(random["cuda"].clone(), job.precision.device)
    job.dropout.set_state(random["dropout"].clone())
    return state


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        states.setdefault(int(number), {})[name] = value.clone()  # own memory: a mapped file's alignment differs
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})


def _read_state(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def _verify(folder: Path) -> None:
    """Raise a CheckpointError unless every file is the one that was written."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        entries = {name: (entry["sha256"], entry["bytes"]) for name, entry in manifest.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{folder}: no readable manifest ({type(error).__name__})") from None
    if set(entries) != {"model.safetensors", "optimizer.safetensors", "random.safetensors", "state.json"}:
        raise CheckpointError(f"{folder}: the manifest does not name the files of a checkpoint")
    for name, (sha256, size) in entries.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
            raise CheckpointError(f"{path}: missing or damaged")


def forget(job: Job) -> None:
    """Delete all checkpoints of a finished run."""
    shutil.rmtree(folder_of(job), ignore_errors=True)
