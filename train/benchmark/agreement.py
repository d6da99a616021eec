"""Trains on the fast path and on the plain one from the same seeds, and compares their accuracy: `--agreement`.

Every run keeps its records, so that what is finished is not made again, and several processes can share the work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from train.benchmark.process import ChildError
from train.benchmark.record import describe_agreement
from train.benchmark.settings import PRECISION, Settings
from train.config import RunConfig
from train.progress import say
from train.recipes import RECIPES
from train.study.runs import Child, RunState, check_recorded, check_versions, clear, command_of, in_use, state_of

PROGRAMS = {"fast": "train.run", "plain": "train.benchmark.plain"}
"""Path -> what trains on it."""
VALIDATION_EXAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run."""

    path: str
    config: RunConfig
    directory: Path

    @property
    def is_finished(self) -> bool:
        """Whether its records are whole."""
        return state_of(self.directory) == RunState.FINISHED

    def command(self) -> list[str]:
        """What makes it, or goes on with it."""
        return [
            PROGRAMS[self.path] if word == "train.run" else word for word in command_of(self.config, self.directory)
        ]

    def accuracy(self) -> float:
        """Test accuracy of its best weights."""
        summary = json.loads((self.directory / "summary.json").read_text(encoding="utf-8"))
        return float(summary["evaluations"]["after"]["test"]["accuracy"])


def configure(settings: Settings, seed: int, epochs: int) -> RunConfig:
    """The run of a user who follows the defaults, but that the best epoch is that of the best validation accuracy.

    It is watched less on its way, which changes no result.
    """
    usual = RECIPES["minilm"]
    return replace(
        usual,
        init="pretrained",
        checkpoint=settings.checkpoint,
        seed=seed,
        precision=PRECISION,
        export=False,
        data=replace(
            usual.data,
            dataset="mnli" if settings.data else "controlled",
            folder=settings.data,
            train_examples=settings.train_examples,
            validation_examples=VALIDATION_EXAMPLES,
            max_tokens=settings.max_tokens,
        ),
        optim=replace(usual.optim, epochs=epochs, batch_size=settings.batch_size),
        evaluation=replace(usual.evaluation, probes=1),
        stop=replace(usual.stop, monitor="validation_accuracy"),
    )


def plan(settings: Settings, seeds: int, epochs: int, folder: Path) -> list[Trial]:
    """Both paths from every seed; each comes first as often as the other.

    Raises:
        UserError: a run was begun with other settings.
    """
    found = [
        Trial(path=path, config=configure(settings, seed, epochs), directory=folder / "runs" / f"{path}-seed{seed}")
        for seed in range(seeds)
        for path in sorted(PROGRAMS, reverse=bool(seed % 2))
    ]
    for trial in found:
        check_recorded(trial.directory, trial.config)
    return found


def run_agreement(settings: Settings, seeds: int, epochs: int, out: Path, go_on: str) -> dict[str, Any] | None:
    """Make the runs that are missing; the record of the comparison, or None while another process has some of them.

    Args:
        go_on: the command that goes on with this work.

    Raises:
        UserError: a run was begun with other settings or finished by another numerics version, or fails.
        Interrupted: a signal asked for the end; what was trained is saved.
    """
    trials = plan(settings, seeds, epochs, out)
    if not all(trial.is_finished for trial in trials):
        check_versions(out)
    with Child(go_on) as child:
        for trial in trials:
            make(trial, child)
    if left := sum(not trial.is_finished for trial in trials):
        say(f"{left} runs are with another process; when it is done: {go_on}")
        return None
    accuracies = {path: [each.accuracy() for each in trials if each.path == path] for path in PROGRAMS}
    return describe_agreement(**{name: dict(enumerate(found)) for name, found in accuracies.items()})


def make(trial: Trial, child: Child) -> None:
    """Make a run unless it is finished, or another process is at it.

    Raises:
        ChildError: it failed.
    """
    if trial.is_finished or in_use(trial.directory):
        return
    if state_of(trial.directory) == RunState.NEW:
        clear(trial.directory)
    say(f"{trial.directory.name}: started")
    code = child.run(trial.command())
    if code and not in_use(trial.directory):
        raise ChildError(f"{trial.directory.name} failed with exit code {code}")
    if trial.is_finished:
        say(f"{trial.directory.name}: test accuracy {trial.accuracy():.3f}")


def origin_of(folder: Path) -> dict[str, Any]:
    """Which commits made the runs in a folder, and of which numerics versions they are."""

    def found(name: str, key: str) -> list[Any]:
        paths = folder.glob(f"runs/*/{name}.json")
        return sorted({json.loads(path.read_text(encoding="utf-8"))[key] or "unknown" for path in paths})

    return {"commits": found("environment", "commit"), "numerics_versions": found("certificate", "numerics_version")}
