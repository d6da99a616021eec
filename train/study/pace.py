"""How long runs will take, from what the study's finished runs recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from train.config import RunConfig
from train.study.runs import read_record

GUESS_TRAINED, GUESS_EVALUATED = 1 / 70, 1 / 200
"""Seconds per pair trained on and evaluated: MiniLM at MNLI's lengths on 2 cores. Stands in until a run is finished."""
GUESS_TEST, GUESS_TRAIN = 10_000, 20_000
"""Pairs, where a study takes all there are and no run has told how many."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds per pair, and the sizes of sets of which a study takes all."""

    trained: float = GUESS_TRAINED
    evaluated: float = GUESS_EVALUATED
    test: int = GUESS_TEST
    runs: int = 0
    """Finished runs that told; 0 is a guess."""

    def seconds(self, config: RunConfig) -> float:
        """What a whole run of this configuration will take."""
        optim, watched = config.optim, config.evaluation
        epochs = min(optim.epochs, optim.max_epochs or optim.epochs)
        pairs = config.data.train_examples or GUESS_TRAIN
        # a frozen encoder costs a forward pass alone
        frozen = sum(config.freeze.holds_encoder(epoch) for epoch in range(epochs))
        trained = pairs * (epochs - frozen)
        if optim.max_steps is not None:
            trained = min(trained, optim.max_steps * optim.batch_size * optim.accumulation)
        validation = config.data.validation_examples * (epochs + 2)
        test = (config.data.test_examples or self.test) * (3 if watched.last else 2)
        looks = 2 * watched.watched * (epochs + 1) + 2 * watched.probe_examples * (watched.probes + 1)
        return trained * self.trained + (pairs * frozen + validation + test + looks) * self.evaluated


def measure_pace(directories: list[Path]) -> Pace:
    """The pace of finished runs; a guess where there are none."""
    if not directories:
        return Pace()
    summaries = [read_record(directory / "summary.json") for directory in directories]
    evaluated = sum(_evaluated(directory) for directory in directories)
    train_seconds = sum(s["train_seconds"] for s in summaries)
    return Pace(
        trained=train_seconds / sum(s["examples_seen"] for s in summaries),
        evaluated=(sum(s["seconds"] for s in summaries) - train_seconds) / evaluated,
        test=max(_test_pairs(s["evaluations"]["after"]) for s in summaries),
        runs=len(summaries),
    )


def _test_pairs(evaluations: dict[str, dict[str, int]]) -> int:
    return sum(found["examples"] for split, found in evaluations.items() if split.startswith("test"))


def _evaluated(directory: Path) -> int:
    """Pairs that a run evaluated, counted each time, while its clock ran: neither before training nor after."""
    lines = (directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [event for event in map(json.loads, lines) if event["event"] == "evaluation" and "weights" not in event]
    return sum(event["examples"] for event in events if event["step"] > 0)
