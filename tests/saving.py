"""A job in this process, with something to save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.running import TINY
from train.cli import parse_run
from train.precision import choose_precision
from train.records import RunDirectory
from train.session import gather, prepare
from train.state import Job, TrainState
from train.stopping import Stopping


def make_job(directory: Path, checkpoint: Path, *flags: str) -> Job:
    """A job whose run has logged a line, so that there is something to cut."""
    config = parse_run(["--checkpoint", str(checkpoint), *TINY, *flags]).config
    records = RunDirectory.create(directory)
    job = prepare(config, gather(config), records, choose_precision(config.precision, torch.device("cpu")))
    records.log("note", message="begun")
    return job


def new_state(job: Job, **values: Any) -> TrainState:
    """The state of a training that stands where the values say."""
    return TrainState(stopping=Stopping(job.config.stop), **values)
