"""What a child process measures of the peers: transformers' Trainer, with its defaults. Nothing else imports them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from train.benchmark.settings import (
    BUILT,
    ENCODED,
    FIRST_UPDATE,
    IMPORTED,
    WARM_UP_STEPS,
    Settings,
    announce,
    every_second,
    serve,
    throughput,
)
from train.data.pairs import LABELS, to_dataset
from train.data.splits import load_splits
from train.memory import peak_memory_mb


class Clock(TrainerCallback):
    """Notes when training begins, when the first update is done, and when each epoch ends."""

    def __init__(self) -> None:
        self.started = 0.0
        self.epochs: list[float] = []
        self.announced = False

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock: everything is built, no batch is drawn yet."""
        self.started, self.epochs = time.perf_counter(), []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Tell the parent about the very first update."""
        if not self.announced:
            self.announced = True
            announce(FIRST_UPDATE)

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Stop the clock for this epoch."""
        self.epochs.append(time.perf_counter() - self.started)


def train_default(settings: Settings) -> dict[str, Any]:
    """The Trainer as it comes, on every second pair by length: as slow as it is, half of them tell its speed."""
    pairs = tokenized(settings, "train", settings.train_examples)
    return train(settings, pairs.select(every_second(lengths(pairs))), "random")


def train_grouped(settings: Settings) -> dict[str, Any]:
    """The Trainer with its own length grouping, on all pairs."""
    return train(settings, tokenized(settings, "train", settings.train_examples), "group_by_length")


def train(settings: Settings, pairs: Dataset, strategy: str) -> dict[str, Any]:
    """One whole epoch, after a few updates that are not timed."""
    trainer, clock = build_trainer(settings, pairs, strategy)
    seconds = run_epochs(trainer, clock, 1)[-1]
    return {**throughput(lengths(pairs), seconds), "peak_memory_mb": peak_memory_mb()}


def evaluate(settings: Settings) -> dict[str, Any]:
    """`Trainer.evaluate` with accuracy, on the pairs as they come and again sorted by length."""
    pairs = tokenized(settings, "validation", settings.batch_size)
    trainer, _ = build_trainer(settings, pairs, "random")
    trainer.evaluate(pairs.select(range(min(len(pairs), 2 * settings.batch_size))))
    found = lengths(pairs)
    longest_first = pairs.select(sorted(range(len(pairs)), key=lambda index: -found[index]))
    measured = throughput(found, timed(trainer.evaluate, pairs))
    return {**measured, "sorted_examples_per_second": len(pairs) / timed(trainer.evaluate, longest_first)}


def frozen(settings: Settings) -> dict[str, Any]:
    """The usual way: no gradient for the base model, and as many epochs as wanted."""
    pairs = tokenized(settings, "train", settings.frozen_examples)
    trainer, clock = build_trainer(settings, pairs, "random")
    trainer.model.base_model.requires_grad_(False)  # type: ignore[union-attr]
    ends = run_epochs(trainer, clock, settings.frozen_epochs)
    return {"seconds": ends[-1], "later_seconds": ends[-1] - ends[0], "peak_memory_mb": peak_memory_mb()}


def tokenized(settings: Settings, split: str, train_examples: int) -> Dataset:
    """The pairs of a split in the columns that the Trainer reads; the examples are those that ours meets."""
    announce(IMPORTED)
    splits = load_splits(settings.run_config(train_examples).data, settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(settings.folder)

    def encode(rows: dict[str, list[str]]) -> dict[str, Any]:
        encoded = tokenizer(rows["premise"], rows["hypothesis"], truncation=True, max_length=settings.max_tokens)
        return {**encoded, "label": [LABELS.index(label) for label in rows["label"]]}

    pairs = to_dataset(splits.all()[split])
    encoded = pairs.map(encode, batched=True, remove_columns=pairs.column_names)
    announce(ENCODED)
    return encoded


def build_trainer(settings: Settings, pairs: Dataset, strategy: str) -> tuple[Trainer, Clock]:
    """A Trainer with its defaults, but for what the comparison fixes and for writing nothing."""
    arguments = TrainingArguments(
        output_dir="trainer",  # in the child's temporary folder; nothing is saved
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        train_sampling_strategy=strategy,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(settings.folder)
    clock = Clock()
    trainer = Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(settings.folder, num_labels=len(LABELS)),
        args=arguments,
        train_dataset=pairs,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=accuracy,
        callbacks=[clock],
    )
    announce(BUILT)
    return trainer, clock


def run_epochs(trainer: Trainer, clock: Clock, epochs: int) -> list[float]:
    """Seconds from the start to the end of each epoch; the warm-up before it keeps its optimizer, as ours does."""
    trainer.args.max_steps = WARM_UP_STEPS
    trainer.train()
    trainer.args.max_steps, trainer.args.num_train_epochs = -1, epochs
    trainer.train()
    return clock.epochs


def accuracy(prediction: Any) -> dict[str, float]:
    """The metric of the library's own examples."""
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def lengths(pairs: Dataset) -> list[int]:
    """Tokens of each pair."""
    return [len(ids) for ids in pairs["input_ids"]]


TASKS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "train": train_default,
    "grouped": train_grouped,
    "evaluate": evaluate,
    "frozen": frozen,
}

if __name__ == "__main__":
    serve(TASKS)
