"""One run directory for several processes: the first holds and writes it, the others read what is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models.errors import CheckpointError, UserError
from train.cli import Request
from train.config import RunConfig, to_record, without_paths
from train.distributed import all_reduce_max, barrier, is_main_process
from train.precision import Precision
from train.records import RunDirectory


class Onlooker(RunDirectory):
    """The directory of a run to all processes but the first. It takes no lock, and writing to it does nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def close(self) -> None:
        """There is no lock to give back."""

    def cut_metrics(self, size: int) -> None:
        """The first process does it."""

    def write_json(self, name: str, record: Mapping[str, Any]) -> None:
        """The first process does it."""

    def log(self, event: str, **fields: Any) -> None:
        """The first process does it."""


def open_directory(request: Request) -> RunDirectory:
    """The run directory, new or to go on with, its lock taken by the first process.

    Raises:
        UserError: it is in use, or there already, or not there.
        LostProcessError: the first process could not open it, and says why.
    """
    records, path = None, request.directory
    if is_main_process():
        records = RunDirectory.reopen(path) if request.resume else RunDirectory.create(path, request.elsewhere)
    barrier(after_saving=True)  # the others wait until it is open; machines may have read at different speeds
    return records or Onlooker(path)


def require_one_folder(records: RunDirectory, step: int) -> None:
    """All processes go on from one step.

    Raises:
        CheckpointError: another process found a later checkpoint.
    """
    if all_reduce_max(step, after_saving=True) != step:  # one may have read gigabytes from a slow disk
        raise CheckpointError(f"{records.path}: has to be one folder for all machines; another process sees more of it")


def require_alike(config: RunConfig, precision: Precision, files: Mapping[str, Any]) -> None:
    """All processes are about to compute the same: of machines that differ, each would choose for itself.

    Args:
        files: what -> hash of what this process has read.

    Raises:
        UserError: they are not; the message names what differs.
    """
    mine = {
        "settings": to_record(without_paths(config, "")),
        f"arithmetic ({precision.name} here)": precision.name,
        f"torch ({torch.__version__} here)": str(torch.__version__),
        **files,
    }
    unlike = [what for what, value in mine.items() if not _equal_everywhere(value)]
    if unlike:
        advice = "give all machines the same files, and --precision by name"
        raise UserError(f"the processes of the run differ in {', '.join(unlike)}: {advice}")


def _equal_everywhere(value: Any) -> bool:
    said = json.dumps(value, sort_keys=True, default=str).encode()
    number = int.from_bytes(hashlib.sha256(said).digest()[:7], "big")  # seven bytes fit a signed 64-bit integer
    # both are asked in any case: the processes ask together
    highest, lowest = all_reduce_max(number), -all_reduce_max(-number)
    return lowest == highest
