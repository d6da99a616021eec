"""What a child process measures of ours, on the real code paths. Started by `train.benchmark`, one task a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from train import loop
from train.benchmark.flops import gemm_rate, linear_flops, training_flops, utilisation
from train.benchmark.growth import growth
from train.benchmark.jobs import build_job, first, open_material, run_epoch, run_steps, steps_of, warmed_up
from train.benchmark.profile import shares_of_time
from train.benchmark.settings import Settings, serve, throughput
from train.benchmark.writing import describe_machine
from train.data.batches import split_by_tokens
from train.evaluate import Pairs, evaluate
from train.memory import peak_memory_mb
from train.precision import choose_device, choose_precision
from train.state import Job

PROFILED_STEPS = 10


def train(settings: Settings) -> dict[str, Any]:
    """One epoch as `python -m train.run` makes it; right before and after it, what the machine could do."""
    job, material, state = warmed_up(settings)
    parts, encoder = passes(job), material.encoder
    attainable = partial(gemm_rate, encoder, round(sum(job.train.lengths) / len(parts)))
    before = attainable()
    seconds = run_epoch(job, state)
    measured = {**throughput(job.train.lengths, seconds), "peak_memory_mb": peak_memory_mb()}
    after = attainable()
    rate, flops = (before + after) / 2, sum(training_flops(part, encoder) for part in parts)
    return {
        **measured,
        "gflops_per_second": flops / seconds / 1e9,
        "gemm_gflops_per_second": rate / 1e9,
        "gemm_after_over_before": after / before,
        "linear_share_of_flops": sum(linear_flops(part, encoder) for part in parts) / flops,
        "utilisation": utilisation(flops, seconds, rate),
        "shares_of_time": shares_of_time(lambda: run_steps(job, state, steps_of(job, 0)[:PROFILED_STEPS])),
        **{"data": material.splits.name, "checkpoint": material.checkpoint.name},
    }


def passes(job: Job) -> list[list[int]]:
    """Lengths of the sequences of each forward and backward pass of the first epoch."""
    lengths = job.train.lengths
    return [
        [lengths[index] for index in part]
        for step in steps_of(job, 0)
        for batch in step
        for part in split_by_tokens(batch, lengths, loop.CPU_TOKENS)
    ]


def train_buckets(settings: Settings) -> dict[str, Any]:
    """The same epoch in batches of pairs of like length, as the Trainer's length grouping draws them."""
    return train_as(settings, length_pool=50)


def train_scratch(settings: Settings) -> dict[str, Any]:
    """The same epoch from random weights."""
    return train_as(settings, init="scratch")


def train_bf16(settings: Settings) -> dict[str, Any]:
    """The same epoch in mixed precision, where the processor multiplies bfloat16 itself."""
    if settings.instructions or choose_precision("auto", choose_device("cpu")).name != "bf16":
        return {"unavailable": "this processor has no matrix units for bfloat16, or is kept from them"}
    return train_as(settings, precision="bf16")


def train_as(settings: Settings, **changes: Any) -> dict[str, Any]:
    """One epoch with another configuration."""
    job, _, state = warmed_up(settings, **changes)
    return {**throughput(job.train.lengths, run_epoch(job, state)), "peak_memory_mb": peak_memory_mb()}


def evaluate_all(settings: Settings) -> dict[str, Any]:
    """Our `evaluate` in batches of as many pairs as the Trainer's, and in its own batches of bounded tokens."""
    config = settings.run_config(settings.batch_size)
    material = open_material(config)
    job, _ = build_job(config, material)
    pairs = material.encoded["validation"]
    own = timed_evaluation(job, pairs, 2 * settings.batch_size)
    patch("train.evaluate.fill_by_tokens", in_batches_of(settings.batch_size)).start()
    same = timed_evaluation(job, pairs, 2 * settings.batch_size)
    torch.set_num_threads(1)  # as each of the threads works, and so that the profiler sees all of it
    shares = shares_of_time(lambda: evaluate(job.model, pairs, job.precision))
    own_rate = {"own_batches_examples_per_second": len(pairs) / own}
    return {**throughput(pairs.lengths, same), **own_rate, "shares_of_time": shares}


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


def machine(_: Settings) -> dict[str, Any]:
    """Where all of this is measured, under the same limits."""
    return describe_machine()


def in_batches_of(size: int) -> Callable[..., list[list[int]]]:
    """A replacement for `fill_by_tokens` that counts pairs."""
    return lambda order, *_: [order[i : i + size] for i in range(0, len(order), size)]


def timed_evaluation(job: Job, pairs: Pairs, warm_up: int) -> float:
    """Seconds of one evaluation, after a short one."""
    evaluate(job.model, pairs, job.precision, range(min(warm_up, len(pairs))))
    started = time.perf_counter()
    evaluate(job.model, pairs, job.precision)
    return time.perf_counter() - started


TASKS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "machine": machine,
    "train": train,
    "buckets": train_buckets,
    "scratch": train_scratch,
    "bf16": train_bf16,
    "evaluate": evaluate_all,
    "frozen": frozen,
    "growth": growth,
}

if __name__ == "__main__":
    serve(TASKS)
