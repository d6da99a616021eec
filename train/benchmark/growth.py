"""How the cost of training grows: with examples, with the length of a sequence, with the width of the encoder."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from train import loop
from train.benchmark.jobs import build_job, first, run_epoch, steps_of, warmed_up
from train.benchmark.settings import Settings
from train.data.encode import EncodedPairs
from train.material import Material
from train.state import Job, TrainState

LENGTHS = (16, 32, 64, 128)
WIDTHS = (0.5, 1.0, 2.0)
"""Times the checkpoint's own hidden size."""


def growth(settings: Settings) -> dict[str, Any]:
    """How the cost grows: a whole epoch by examples, one update by tokens of each sequence and by hidden size."""
    job, material, state = warmed_up(settings)
    by_examples = []
    for examples in (settings.train_examples // k for k in (8, 4, 2)):
        some = with_train(job, first(material.encoded["train"], examples))
        by_examples.append({"x": examples, "seconds": run_epoch(some, state)})
    longest = material.encoder.max_tokens
    by_length = [
        {"x": length, "seconds": step_seconds(with_train(job, even_pairs(settings, length)), state, settings)}
        for length in LENGTHS
        if length <= longest
    ]
    by_width = [{"x": width, "seconds": width_seconds(settings, material, width)} for width in widths(material)]
    return {"examples": by_examples, "sequence_length": by_length, "hidden_size": by_width}


def with_train(job: Job, pairs: EncodedPairs) -> Job:
    """The same job on other pairs."""
    return replace(job, sets={**job.sets, "train": pairs})


def even_pairs(settings: Settings, length: int) -> EncodedPairs:
    """Pairs of one length, of one and the same token: cost does not depend on which."""
    examples = settings.batch_size * (settings.growth_steps + 1)
    return EncodedPairs(
        ids_S=torch.ones(examples * length, dtype=torch.int64),
        segments_S=torch.zeros(examples * length, dtype=torch.int64),
        starts=list(range(0, (examples + 1) * length, length)),
        labels_N=torch.zeros(examples, dtype=torch.int64),
    )


def step_seconds(job: Job, state: TrainState, settings: Settings) -> float:
    """Mean seconds of an update, after one that does not count."""
    warm_up, *steps = steps_of(job, 0)[: settings.growth_steps + 1]
    loop.train_step(job, state, warm_up)
    started = time.perf_counter()
    for step in steps:
        loop.train_step(job, state, step)
    return (time.perf_counter() - started) / len(steps)


def widths(material: Material) -> list[int]:
    """Hidden sizes to try."""
    return [round(factor * material.encoder.hidden_size) for factor in WIDTHS]


def width_seconds(settings: Settings, material: Material, width: int) -> float:
    """Seconds of an update of an encoder of another width, with as many heads and the same proportions."""
    own = material.encoder
    encoder = replace(own, hidden_size=width, intermediate_size=own.intermediate_size * width // own.hidden_size)
    config = settings.run_config(settings.train_examples, init="scratch")
    job, state = build_job(config, replace(material, encoder=encoder))
    return step_seconds(job, state, settings)
