"""Runs of the arms that claims compare, and what is judged of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.claims.register import load_register
from analysis.claims.trial_verdicts import trial_verdict
from analysis.claims.trials import TRIALS
from analysis.claims.verdicts import Verdict
from analysis.records.study import Study, open_study
from tests.synthetic_runs import write_run

CLAIMS = load_register()
TESTS = {test.id: test for claim in CLAIMS.values() for test in claim.tests}
FROZEN = {"freeze.layers": "all"}


def change_config(run: Path, changes: dict[str, Any]) -> None:
    """Set dotted settings in a run's config.json."""
    path = run / "config.json"
    config = json.loads(path.read_text())
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    path.write_text(json.dumps(config))


def write_arm(folder: Path, name: str, seeds: int, *, init: str = "pretrained", **how: Any) -> None:
    """Runs of one arm; a rate far from the usual one makes them worse."""
    settings = how.pop("settings", {})
    for seed in range(seeds):
        run = write_run(folder, init, seed, name=f"{name}-seed{seed}", **how)
        change_config(run, settings)


def study(folder: Path) -> Study:
    return open_study([folder], folder)


def judged(id: str, folders: dict[str, Path]) -> Verdict:
    studies = {name: study(folder) for name, folder in folders.items() if folder.exists()}
    return trial_verdict(TESTS[id], TRIALS[id], studies)
