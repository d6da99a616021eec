"""`python -m tests.torture --out results/reliability`: hurt runs in every way of the catalogue, and count."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tests.torture.bench import Bench
from tests.torture.catalogue import DATA, OUTPUT, WEIGHTS
from tests.torture.fault import Fault, Trial
from tests.torture.full import R3
from tests.torture.interrupts import R4
from tests.torture.kills import R1, R1A
from tests.torture.links import R12
from tests.torture.lock import R5
from tests.torture.network import R13
from tests.torture.numbers import R7, R8, R9
from tests.torture.other_start import R6
from tests.torture.ranks import R10
from tests.torture.report import render
from tests.torture.strict import STRICT
from tests.torture.surroundings import R11
from tests.torture.torn import R2
from train.environment import describe_environment

FAULTS = {
    "R1": R1,
    "R1a": R1A,
    "R2": R2,
    "R3": R3,
    "R4": R4,
    "R5": R5,
    "R6": R6,
    "R7": R7,
    "R8": R8,
    "R9": R9,
    "R10": R10,
    "R11": R11,
    "R12": R12,
    "R13": R13,
    "data": DATA,
    "weights": WEIGHTS,
    "output": OUTPUT,
    "warnings": STRICT,
}
"""By the catalogue's numbers, and its chapters without numbers."""


def main(argv: list[str] | None = None) -> int:
    """Try the faults that were asked for; write record.json and report.md; 1 when anything came out wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where record.json and report.md go")
    parser.add_argument("--only", default=",".join(FAULTS), metavar="R1,R3", help="these faults alone")
    parser.add_argument("--quick", action="store_true", help="a few trials of each fault")
    arguments = parser.parse_args(argv)
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(FAULTS):
        parser.error(f"unknown {', '.join(sorted(unknown))}: the faults are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        found = {name: try_out(name, bench, arguments.quick) for name in FAULTS if name in chosen}
    record = {
        "quick": arguments.quick,
        "environment": describe_environment(torch.device("cpu"), "float32", 1),
        "faults": found,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "record.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (arguments.out / "report.md").write_text(render(record), encoding="utf-8")
    untried = [name for name, fault in found.items() if not fault["tried"] and not arguments.quick]
    return int(bool(untried) or any(trial["wrong"] for fault in found.values() for trial in fault["trials"]))


def try_out(name: str, bench: Bench, quick: bool) -> dict[str, Any]:
    """One fault's part of the record; a line says how it went."""
    fault, started = FAULTS[name], time.monotonic()
    trials = list(_tried(fault, bench, quick))
    counted = {False: [trial for trial in trials if not trial.control], True: [t for t in trials if t.control]}
    right = {kind: sum(not trial.wrong for trial in some) for kind, some in counted.items()}
    print(f"{name}: {right[False]} of {len(counted[False])} survived, {time.monotonic() - started:.0f} s", flush=True)
    for trial in trials:
        if trial.wrong:
            print(f"  {trial.what}: {trial.wrong}", flush=True)
    return {
        "title": fault.title,
        "how": fault.how,
        "correct": fault.correct,
        "tried": len(counted[False]),
        "survived": right[False],
        "controls": len(counted[True]),
        "controls_seen": right[True],
        "trials": [asdict(trial) for trial in trials],
    }


def _tried(fault: Fault, bench: Bench, quick: bool) -> Iterator[Trial]:
    """The fault's trials; where the torture itself breaks, one that says so."""
    try:
        yield from fault.trials(bench, quick)
    except Exception as error:
        traceback.print_exc()
        yield Trial(what="the torture itself", wrong=f"{type(error).__name__}: {error}".replace(f"{bench.folder}/", ""))


if __name__ == "__main__":
    sys.exit(main())
