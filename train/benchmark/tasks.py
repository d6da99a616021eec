"""What a child process measures of ours, on the real code paths. Started by `train.benchmark`, one task a process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from train import loop
from train.benchmark.flops import gemm_rate, training_flops, utilisation
from train.benchmark.profile import shares_of_time
from train.benchmark.settings import (
    WARM_UP_STEPS,
    Settings,
    announce_first_step,
    peak_memory_mb,
    run_child,
    throughput,
)
from train.config import RunConfig
from train.data.batches import epoch_steps, split_by_tokens
from train.data.encode import EncodedPairs
from train.evaluate import Pairs, evaluate
from train.journal import flush
from train.material import Material, gather
from train.precision import choose_device, choose_precision
from train.records import RunDirectory
from train.seeds import prepare_process
from train.session import prepare
from train.state import Job, TrainState
from train.stopping import Stopping

PROFILED_STEPS = 10
GROWTH_LENGTHS = (16, 32, 64, 128)
GROWTH_WIDTHS = (0.5, 1.0, 2.0)
"""Times the checkpoint's own hidden size."""


def train(settings: Settings) -> dict[str, Any]:
    """One epoch as `python -m train.run` makes it: length buckets, packed batches. Then what the machine could do."""
    job, material, state = warmed_up(settings)
    seconds = run_epoch(job, state)
    measured = {**throughput(job.train.lengths, seconds), "peak_memory_mb": peak_memory_mb()}
    lengths = job.train.lengths
    parts = [
        [lengths[index] for index in part]
        for step in steps_of(job, 0)
        for batch in step
        for part in split_by_tokens(batch, lengths, loop.MAX_TOKENS)
    ]
    flops = sum(training_flops(part, material.encoder) for part in parts)
    rate = gemm_rate(material.encoder, round(sum(lengths) / len(parts)))
    gigaflops = {"gflops_per_second": flops / seconds / 1e9, "gemm_gflops_per_second": rate / 1e9}
    named = {"data": material.splits.name, "checkpoint": material.checkpoint.name}
    shares = shares_of_time(lambda: run_steps(job, state, steps_of(job, 0)[:PROFILED_STEPS]))
    return {
        **measured,
        **gigaflops,
        **named,
        "utilisation": utilisation(flops, seconds, rate),
        "shares_of_time": shares,
    }


def train_random(settings: Settings) -> dict[str, Any]:
    """The same epoch with every batch drawn at random, whatever its lengths."""
    patch("train.data.batches.POOL", 1).start()  # a pool of one batch leaves nothing to sort between batches
    job, _, state = warmed_up(settings)
    return throughput(job.train.lengths, run_epoch(job, state))


def evaluate_all(settings: Settings) -> dict[str, Any]:
    """Our `evaluate` in batches of as many pairs as the Trainer's, and in its own batches of bounded tokens."""
    config = settings.run_config(settings.batch_size)
    material = open_material(config)
    job, _ = build_job(config, material)
    pairs = material.encoded["validation"]
    own = timed_evaluation(job, pairs, 2 * settings.batch_size)
    patch("train.evaluate.split_by_tokens", in_batches_of(settings.batch_size)).start()
    same = timed_evaluation(job, pairs, 2 * settings.batch_size)
    return {**throughput(pairs.lengths, same), "own_batches_examples_per_second": len(pairs) / own}


def frozen(settings: Settings) -> dict[str, Any]:
    """Head alone: the first epoch pays for building the job, which reads every pair once; the others are cheap."""
    config = settings.run_config(settings.frozen_examples, freeze="all")
    material = open_material(config)
    material.encoded["validation"] = first(material.encoded["validation"], 1)  # its features are cached too
    started = time.perf_counter()
    job, state = build_job(config, material)
    ends = []
    for epoch in range(settings.frozen_epochs):
        run_epoch(job, state, epoch)
        ends.append(time.perf_counter() - started)
    return {"seconds": ends[-1], "later_seconds": ends[-1] - ends[0], "peak_memory_mb": peak_memory_mb()}


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
        for length in GROWTH_LENGTHS
        if length <= longest
    ]
    by_width = [{"x": width, "seconds": width_seconds(settings, material, width)} for width in widths(material)]
    return {"examples": by_examples, "sequence_length": by_length, "hidden_size": by_width}


def open_material(config: RunConfig) -> Material:
    """What `train.session.run` does before it makes a model."""
    prepare_process(config.threads)
    return gather(config)


def build_job(config: RunConfig, material: Material) -> tuple[Job, TrainState]:
    """A job whose records go to a folder that nobody reads."""
    records = RunDirectory.create(Path(tempfile.mkdtemp(dir=Path.cwd())))
    job = prepare(config, material, records, choose_precision(config.precision, choose_device(config.device)))
    return job, TrainState(stopping=Stopping(config.stop))


def warmed_up(settings: Settings) -> tuple[Job, Material, TrainState]:
    """A job with a few updates behind it, made with batches of another epoch."""
    config = settings.run_config(settings.train_examples)
    material = open_material(config)
    job, state = build_job(config, material)
    for step in steps_of(job, epoch=1)[:WARM_UP_STEPS]:
        loop.train_step(job, state, step)
        if state.step == 1:
            announce_first_step()
    return job, material, state


def steps_of(job: Job, epoch: int) -> list[list[list[int]]]:
    """The epoch's updates."""
    optim = job.config.optim
    return epoch_steps(job.train.lengths, optim.batch_size, optim.accumulation, job.config.seed, epoch)


def run_epoch(job: Job, state: TrainState, epoch: int = 0) -> float:
    """Seconds of one epoch's updates, from drawing the batches to the last loss read; no evaluation."""
    started = time.perf_counter()
    run_steps(job, state, steps_of(job, epoch))
    return time.perf_counter() - started


def run_steps(job: Job, state: TrainState, steps: list[list[list[int]]]) -> None:
    """Make these updates, and read their losses."""
    for step in steps:
        loop.train_step(job, state, step)
    flush(job, state)


def in_batches_of(size: int) -> Callable[..., list[list[int]]]:
    """A replacement for `split_by_tokens` that counts pairs."""
    return lambda order, *_: [order[i : i + size] for i in range(0, len(order), size)]


def timed_evaluation(job: Job, pairs: Pairs, warm_up: int) -> float:
    """Seconds of one evaluation, after a short one."""
    evaluate(job.model, pairs, job.precision, range(min(warm_up, len(pairs))))
    started = time.perf_counter()
    evaluate(job.model, pairs, job.precision)
    return time.perf_counter() - started


def with_train(job: Job, pairs: EncodedPairs) -> Job:
    """The same job on other pairs."""
    return replace(job, sets={**job.sets, "train": pairs})


def first(pairs: EncodedPairs, count: int) -> EncodedPairs:
    """The first `count` pairs."""
    end = pairs.starts[count]
    return EncodedPairs(
        ids_S=pairs.ids_S[:end],
        segments_S=pairs.segments_S[:end],
        starts=pairs.starts[: count + 1],
        labels_N=pairs.labels_N[:count],
    )


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
    return [round(factor * material.encoder.hidden_size) for factor in GROWTH_WIDTHS]


def width_seconds(settings: Settings, material: Material, width: int) -> float:
    """Seconds of an update of an encoder of another width, with as many heads and the same proportions."""
    own = material.encoder
    encoder = replace(own, hidden_size=width, intermediate_size=own.intermediate_size * width // own.hidden_size)
    config = settings.run_config(settings.train_examples, init="scratch")
    job, state = build_job(config, replace(material, encoder=encoder))
    return step_seconds(job, state, settings)


TASKS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "train": train,
    "random": train_random,
    "evaluate": evaluate_all,
    "frozen": frozen,
    "growth": growth,
}

if __name__ == "__main__":
    run_child(TASKS)
