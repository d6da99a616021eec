"""Snapshots of the weights along a run, for whoever wants to see the path that it took."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from models.errors import CheckpointError
from models.files import remove, replaced_file
from train.checkpoint import parameters_of
from train.distributed import is_main_process
from train.records import writing
from train.state import Job, TrainState

FOLDER, INDEX = "trajectory", "index.json"


def snapshot_steps(steps: int, count: int) -> list[int]:
    """Evenly spaced steps from 0 to the last; fewer than `count` where a run has fewer updates."""
    return sorted({round(i * steps / (count - 1)) for i in range(count)})


def keep_snapshot(job: Job, state: TrainState) -> None:
    """If one is due, the present weights are in trajectory/, and so is an index of what is there.

    Due are the plan's steps and an early end. What lies there of later steps is removed: a resumed run makes it again.

    Raises:
        CheckpointError: the disk refused, or a symbolic link is in the folder's place.
    """
    count = job.config.trajectory
    if count is None or not is_main_process():
        return
    if not state.stop_reason and state.step not in snapshot_steps(job.plan.steps, count):
        return
    folder = job.records.path / FOLDER
    if folder.is_symlink():
        raise CheckpointError(f"{folder}: is a symbolic link; snapshots are kept in a real folder")
    with writing(folder):
        folder.mkdir(exist_ok=True)
        with replaced_file(folder / f"step-{state.step}.safetensors") as fresh:
            _save(job, fresh)
        places = {int(path.stem.removeprefix("step-")): path for path in folder.glob("step-*.safetensors")}
        for step in places.keys() - range(state.step + 1):
            remove(places.pop(step))
    snapshots = [{"step": step, "file": path.name} for step, path in sorted(places.items())]
    job.records.write_json(f"{FOLDER}/{INDEX}", {"snapshots": snapshots})


def _save(job: Job, path: Path) -> None:
    try:
        save_file(parameters_of(job), path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
