"""What every training goes through, of a classifier or a masked language model: its start, its resumption, its end."""

from __future__ import annotations

from typing import Any

from train.certificate import differences_to, mark_inexact, tensors_hash
from train.cli import Request
from train.distributed import barrier, is_main_process
from train.memory import peak_gpu_memory_mb, peak_memory_mb
from train.onlooker import require_one_folder
from train.records import RunDirectory
from train.resume import restore
from train.state import Job, TrainState
from train.stopping import Stopping
from train.trajectory import keep_snapshot


def start_records(records: RunDirectory, start: dict[str, dict[str, Any]], request: Request) -> list[str] | None:
    """Write down what a run starts from; or, where one goes on, say what differs from what it started from.

    Raises:
        CheckpointError: something differs that changes numbers, and that was not allowed.
    """
    if request.resume and records.begun:
        # the record is of the first process's machine; of a refusal the others learn when it does not come on
        return differences_to(records, start, request.allow_inexact) if is_main_process() else []
    for name, record in start.items():
        records.write_json(name, record)
    return None


def first_state(job: Job) -> TrainState:
    """The state of a training that begins, after the snapshot of its first weights."""
    state = TrainState(stopping=Stopping(job.config.stop))
    keep_snapshot(job, state)
    # the first may have written a snapshot, and logs nothing before all know that the run has not begun
    barrier(after_saving=True)
    return state


def take_up(job: Job, differences: list[str]) -> TrainState | None:
    """Restore the newest checkpoint, if there is one, and say from where the run goes on."""
    state = restore(job)
    step = 0 if state is None else state.step
    require_one_folder(job.records, step)
    if differences:
        mark_inexact(job.records, step, differences)
    job.progress.go_on_from(step)
    job.progress.say(f"resumed at step {step}" + ("" if state else ": no checkpoint had been saved"))
    return state


def summarise(
    job: Job, state: TrainState, after: dict[str, dict[str, Any]], last: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """How a training went, for its last record."""
    parameters = dict(job.model.named_parameters())
    return {
        "stop_reason": state.stop_reason,
        "steps": state.step,
        "epochs": state.epoch,
        "examples_seen": state.examples_seen,
        "skipped_updates": state.skipped,
        "seconds": state.seconds,
        "train_seconds": state.train_seconds,
        "parameters": sum(p.numel() for p in parameters.values()),
        "peak_memory_mb": peak_memory_mb(),
        **({"peak_gpu_memory_mb": peak_gpu_memory_mb(gpu)} if (gpu := job.precision.device).type == "cuda" else {}),
        "weights_sha256": tensors_hash(parameters),
        "best": state.best,
        "evaluations": {"before": state.before, **({"last": last} if last else {}), "after": after},
    }
