"""What both measurements write: where they were made, and a record, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from models.files import replaced_file
from train.benchmark.settings import PRECISION


def describe_machine() -> dict[str, Any]:
    """The environment as a run records it, and the processor's cores."""
    import torch

    from train.environment import describe_environment

    cores = {"cores": os.cpu_count()}
    return describe_environment(torch.device("cpu"), PRECISION, torch.get_num_threads()) | cores


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record whole or not at all."""
    from train.records import rounded

    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as fresh:
        fresh.write_text(json.dumps(rounded(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
