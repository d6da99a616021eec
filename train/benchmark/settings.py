"""What one measurement is asked to do, and how a child process tells its parent what it found. Imports no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from train.config import DataConfig, EvaluationConfig, OptimConfig, RunConfig
from train.rules import FreezeConfig

STAGE = "@stage "
IMPORTED, ENCODED, BUILT, FIRST_UPDATE = STAGES = (
    "libraries imported",
    "pairs read and encoded",
    "model built, weights loaded",
    "first update made",
)
"""What comes before the end of the first update, in this order."""
RESULT = "@result "
PRECISION = "float32"
"""Of all contenders but `ours.bf16`: it is the Trainer's."""
ROUNDS = 9
"""Many short ones: on a shared machine the rate changes from minute to minute, within a round and between them."""
WARM_UP_STEPS = 2
"""Updates made before the clock starts: the first ones find cold caches, and make the optimizer's state."""


INSTRUCTIONS = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}
"""What tells torch and the libraries of its matrix products, by environment variable, to use no wider instructions."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The same for all contenders, so that they meet the same weights and the same pairs."""

    checkpoint: str = "minilm"
    folder: str = ""
    """Where that checkpoint's files lie, for the peers."""
    data: str | None = None
    """Folder with MNLI's TSV files; None is the built-in corpus."""
    train_examples: int = 320
    evaluation_examples: int = 320
    frozen_examples: int = 64
    frozen_epochs: int = 10
    batch_size: int = 32
    max_tokens: int = 128
    learning_rate: float = 5e-5
    seed: int = 0
    """Of the order of the pairs, the dropout and the head; every round has its own."""
    growth_steps: int = 4
    """Updates behind each point of the growth curves."""
    instructions: str | None = None
    """A key of INSTRUCTIONS, to measure a server as the laptop that it is not; None is all that the processor has."""

    def run_config(
        self,
        examples: int,
        init: str = "pretrained",
        freeze: str = "none",
        precision: str = PRECISION,
        length_pool: int = 1,
    ) -> RunConfig:
        """Our configuration of one training; dropout is the checkpoint's own, as it is the peers'."""
        return RunConfig(
            init=init,
            checkpoint=self.checkpoint,
            seed=self.seed,
            device="cpu",
            precision=precision,
            export=False,
            data=DataConfig(
                dataset="mnli" if self.data else "controlled",
                folder=self.data,
                train_examples=examples,
                validation_examples=self.evaluation_examples,
                test_examples=1,
                max_tokens=self.max_tokens,
            ),
            optim=OptimConfig(
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                length_pool=length_pool,
                epochs=max(2, self.frozen_epochs),  # the schedule must not end within what is timed
                warmup=0.0,
            ),
            evaluation=EvaluationConfig(probe_examples=1),
            freeze=FreezeConfig(layers=freeze),
        )


def announce(stage: str) -> None:
    """Tell the parent, who started the clock with the process, that this much is done."""
    print(STAGE + stage, flush=True)


def throughput(lengths: Sequence[int], seconds: float) -> dict[str, Any]:
    """Rates over a whole set with sequences of these lengths; pads are no tokens."""
    examples, tokens = len(lengths), sum(lengths)
    return {
        "examples": examples,
        "seconds": seconds,
        "examples_per_second": examples / seconds,
        "tokens_per_second": tokens / seconds,
        "tokens_per_example": tokens / examples,
    }


def every_second(lengths: Sequence[int]) -> list[int]:
    """Every second place in the order of length, longest first: half the pairs, with the lengths of the whole."""
    return sorted(range(len(lengths)), key=lambda index: -lengths[index])[::2]


def child_arguments(task: str, settings: Settings) -> list[str]:
    """What a child's module is started with; `serve` reads it."""
    return [task, json.dumps(asdict(settings))]


def serve(tasks: Mapping[str, Callable[[Settings], dict[str, Any]]]) -> None:
    """The entry of a child's module: do the named task, and print what it returns for the parent."""
    task, settings = sys.argv[1:]
    print(RESULT + json.dumps(tasks[task](Settings(**json.loads(settings)))), flush=True)
