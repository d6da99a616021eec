"""What starts a module as this process was started, for the command that goes on with a run. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from models.errors import python

SHUTDOWN = 600
"""Seconds that torchrun leaves its workers to save after a signal; by itself 30, less than a slow disk may need."""


def launcher() -> list[str]:
    """python, or torchrun with the place among its machines, which its workers find in their environment."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return [python()]
    here, everywhere = (int(os.environ[name]) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    machines = places(everywhere // here) if everywhere > here else []
    torchrun = str(Path(python()).with_name("torchrun"))
    return [torchrun, *machines, "--nproc-per-node", str(here), "--shutdown-timeout", str(SHUTDOWN)]


def places(machines: int) -> list[str]:
    """The flags by which several machines find each other."""
    names = ("--node-rank", "GROUP_RANK"), ("--master-addr", "MASTER_ADDR"), ("--master-port", "MASTER_PORT")
    return ["--nnodes", str(machines), *(word for flag, name in names for word in (flag, os.environ[name]))]
