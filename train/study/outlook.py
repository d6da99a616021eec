"""The plan of a study, left in its folder for the report: a file for each study file, so that none has to be shared."""

from __future__ import annotations

import json
from pathlib import Path

from models.errors import UserError
from models.files import replaced_file
from train.config import SCHEMA_VERSION
from train.study.plan import Planned

FOLDER = "plans"


def write_plan(stem: str, plan: list[Planned], folder: Path) -> None:
    """plans/STEM.json names the runs whose rate is known, and counts those that wait for theirs.

    Args:
        stem: of the study file.
        plan: all of its runs, whichever shard makes them.
        folder: of the study.

    Raises:
        UserError: the disk refused, or a symbolic link is in the way, through which files elsewhere would be written.
    """
    path = folder / FOLDER / f"{stem}.json"
    for place in (folder, path.parent, path):
        if place.is_symlink():
            raise UserError(f"{place}: is a symbolic link; remove it, or give the folder that it names")
    names = [run.name for run in plan if run.waits_for is None]
    record = {"schema_version": SCHEMA_VERSION, "runs": names, "waiting": len(plan) - len(names)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as fresh:
            fresh.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
