"""Jobs as `python -m train.run` makes them, for the processes that measure: built, warmed up, run for an epoch."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from train import loop
from train.benchmark.settings import BUILT, ENCODED, FIRST_UPDATE, IMPORTED, WARM_UP_STEPS, Settings, announce
from train.config import RunConfig
from train.data.batches import epoch_steps
from train.data.encode import EncodedPairs
from train.journal import flush
from train.material import Material, gather
from train.precision import choose_device, choose_precision
from train.records import RunDirectory
from train.seeds import prepare_process
from train.session import prepare
from train.state import Job, TrainState
from train.stopping import Stopping


def open_material(config: RunConfig) -> Material:
    """What `train.session.run` does before it makes a model."""
    prepare_process(config.threads)
    return gather(config)


def build_job(config: RunConfig, material: Material) -> tuple[Job, TrainState]:
    """A job whose records go to a folder that nobody reads."""
    records = RunDirectory.create(Path(tempfile.mkdtemp(dir=Path.cwd())))
    job = prepare(config, material, records, choose_precision(config.precision, choose_device(config.device)))
    return job, TrainState(stopping=Stopping(config.stop))


def warmed_up(settings: Settings, **changes: Any) -> tuple[Job, Material, TrainState]:
    """A job with a few updates behind it, made with batches of another epoch."""
    announce(IMPORTED)
    config = settings.run_config(settings.train_examples, **changes)
    material = open_material(config)
    announce(ENCODED)
    job, state = build_job(config, material)
    announce(BUILT)
    for step in steps_of(job, epoch=1)[:WARM_UP_STEPS]:
        loop.train_step(job, state, step)
        if state.step == 1:
            announce(FIRST_UPDATE)
    return job, material, state


def steps_of(job: Job, epoch: int) -> list[list[list[int]]]:
    """The epoch's updates."""
    return epoch_steps(job.train.lengths, job.config.optim, job.config.seed, epoch)


def run_epoch(job: Job, state: TrainState, epoch: int = 0) -> float:
    """Seconds of one epoch's updates, from drawing the batches to the last loss read; no evaluation."""
    started = time.perf_counter()
    run_steps(job, state, steps_of(job, epoch))
    return time.perf_counter() - started


def run_steps(job: Job, state: TrainState, steps: list[list[list[int]]]) -> None:
    """Make these updates, and read their losses."""
    for step in steps:
        loop.train_step(job, state, step)
    flush(job, state)


def first(pairs: EncodedPairs, count: int) -> EncodedPairs:
    """The first `count` pairs."""
    end = pairs.starts[count]
    return EncodedPairs(
        ids_S=pairs.ids_S[:end],
        segments_S=pairs.segments_S[:end],
        starts=pairs.starts[: count + 1],
        labels_N=pairs.labels_N[:count],
    )
