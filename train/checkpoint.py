"""Checkpoints that are there whole or not at all. `resume.py` reads them.

One lies in `checkpoints/step-N/`: tensors as safetensors, the rest as JSON, and a manifest with the sha256 and size of
each file. It is written beside its place, flushed to the disk, and renamed. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from models.errors import CheckpointError
from models.files import flush_to_disk, remove, replaced_file, replaced_folder, sha256_of
from train.distributed import all_reduce_max, is_main_process
from train.interrupt import Signals
from train.journal import flush
from train.records import writing
from train.rules import SaveConfig
from train.state import Job, TrainState

KEPT = 2
"""Checkpoints that stay: the newest, and one before it in case the newest turns out damaged."""

MODEL, OPTIMIZER, RANDOM = "model.safetensors", "optimizer.safetensors", "random.safetensors"
STATE, MANIFEST = "state.json", "manifest.json"

_NOT_SAVED = ("stopping", "pending", "origin")
_BESIDE = ("best_figure", "bad_epochs", "scaler", "metrics_bytes")
_OURS = re.compile(r"step-\d+|best-\d+\.safetensors")


class Saver:
    """Saves when it is time to, and when a signal asks for the end."""

    def __init__(self, save: SaveConfig, signals: Signals) -> None:
        self.every_steps = save.every_steps
        self.every_seconds = 60 * save.every_minutes
        self.signals = signals
        self.saved_at = time.monotonic()
        self.saved_step = -1

    def after_step(self, job: Job, state: TrainState) -> None:
        """Called between two steps, where the state is complete. A signal to one process ends all after this step.

        Raises:
            Interrupted: a signal came; the state is saved.
        """
        due = self.every_steps is not None and state.step % self.every_steps == 0
        if due or time.monotonic() - self.saved_at >= self.every_seconds or state.stop_reason:
            self._save(job, state)
        if received := all_reduce_max(self.signals.received, after_saving=True):
            if self.saved_step != state.step:
                self._save(job, state)
            self.signals.received = received
            self.signals.check()

    def _save(self, job: Job, state: TrainState) -> None:
        if is_main_process():
            save(job, state)
        self.saved_at, self.saved_step = time.monotonic(), state.step


def folder_of(job: Job) -> Path:
    """Where a run's checkpoints lie.

    Raises:
        CheckpointError: a symbolic link is in its place, through which files elsewhere would be written and deleted.
    """
    folder = job.records.path / "checkpoints"
    if folder.is_symlink():
        raise CheckpointError(f"{folder}: is a symbolic link; checkpoints are kept in a real folder")
    return folder


def save_best(job: Job, state: TrainState) -> None:
    """Copy the present weights to the disk as the best ones. The file before stays until no checkpoint needs it.

    Of several processes the first does it.

    Raises:
        CheckpointError: the disk refused; earlier files are untouched.
    """
    if not is_main_process():
        return
    path = folder_of(job) / best_name(state.best)
    try:
        path.parent.mkdir(exist_ok=True)
        with replaced_file(path) as fresh:
            save_file(parameters_of(job), fresh)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: could not be saved ({error}); earlier checkpoints are intact") from error
    state.best["sha256"] = sha256_of(path)


def save(job: Job, state: TrainState) -> Path:
    """Write everything a resumed run needs; afterwards the KEPT newest checkpoints are there.

    Raises:
        CheckpointError: the disk refused; earlier checkpoints are untouched.
        DivergedError: an update since the last look was not finite; nothing is written.
    """
    flush(job, state)
    target = folder_of(job) / f"step-{state.step}"
    try:
        with replaced_folder(target) as folder:
            _write(job, state, folder)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{target}: could not be saved ({error}); earlier checkpoints are intact") from error
    with writing(target.parent):
        _prune(target.parent, state.step)
    return target


def _write(job: Job, state: TrainState, folder: Path) -> None:
    save_file(parameters_of(job), folder / MODEL)
    save_file(_optimizer_tensors(job.optimizer), folder / OPTIMIZER)
    save_file(random_states(job), folder / RANDOM)
    record = {name: getattr(state, name) for name in saved_fields()}
    record["best_figure"], record["bad_epochs"] = state.stopping.best, state.stopping.bad_epochs
    record["scaler"] = None if job.scaler is None else job.scaler.state_dict()
    record["metrics_bytes"] = job.records.sync_metrics()
    (folder / STATE).write_text(json.dumps(record), encoding="utf-8")
    manifest = {
        path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }
    for name in manifest:
        flush_to_disk(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def saved_fields() -> list[str]:
    """The fields of TrainState that state.json holds as they are."""
    return [field.name for field in fields(TrainState) if field.name not in _NOT_SAVED]


def parameters_of(job: Job) -> dict[str, Tensor]:
    """The weights by our names, as safetensors takes them."""
    return {name: p.detach().contiguous() for name, p in job.model.named_parameters()}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every state tensor as `number of the parameter.name`, for example `3.exp_avg`."""
    states = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value.contiguous() for i, state in states.items() for name, value in state.items()}


def random_states(job: Job) -> dict[str, Tensor]:
    """What random numbers come from on the host. Batches follow from seed and position, and a GPU's dropout from the
    step."""
    return {"dropout": job.dropout.get_state(), "torch": torch.get_rng_state()}


def best_name(best: Mapping[str, Any]) -> str:
    """The file, beside the checkpoints, of the best weights so far."""
    return f"best-{best['step']}.safetensors"


def _prune(folder: Path, newest: int) -> None:
    """Keep the KEPT newest checkpoints up to this step, with the best weights they refer to, and nothing else of ours.

    A checkpoint of a later step goes too: it was damaged, and the run has been resumed from one before it.
    """
    kept = [path for path in newest_first(folder) if _step_of(path) <= newest][:KEPT]
    names = {path.name for path in kept}
    for path in kept:
        with suppress(CheckpointError):  # damaged: cannot be restored, so needs nothing
            if best := read_state(path)["best"]:
                names.add(best_name(best))
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in names:
            remove(path)


def newest_first(folder: Path) -> list[Path]:
    """The checkpoints in a folder, whole or damaged."""
    found = [path for path in folder.glob("step-*") if re.fullmatch(r"step-\d+", path.name)]
    return sorted(found, key=_step_of, reverse=True)


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def read_state(folder: Path) -> dict[str, Any]:
    """All that a checkpoint's state.json says.

    Raises:
        CheckpointError: it is missing or damaged, or was written by a version that kept another state.
    """
    path = folder / STATE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        difference = record.keys() ^ {*saved_fields(), *_BESIDE}
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: cannot be read ({type(error).__name__})") from None
    if difference:
        raise CheckpointError(f"{path}: has not the fields of this version, but for: {', '.join(sorted(difference))}")
    return record


def forget(job: Job) -> None:
    """Delete all checkpoints of a finished run. What cannot be deleted does no harm: the summary says finished."""
    with suppress(OSError):
        remove(job.records.path / "checkpoints")
