"""From raw rounds to figures with a spread, and which of them reach the targets. Imports no torch."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Round = Mapping[str, Mapping[str, float]]
"""Contender -> what its child measured."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published number: a measurement, or the quotient of two from the same round."""

    meaning: str
    of: tuple[str, str]
    """Contender and measurement."""
    by: tuple[str, str] | None = None
    """What it is divided by."""
    at_least: float | None = None
    at_most: float | None = None

    def value(self, found: Round) -> float | None:
        """The figure in one round; None where a contender was not there."""
        used = [self.of] if self.by is None else [self.of, self.by]
        if any(contender not in found for contender, _ in used):
            return None
        values = [found[contender][name] for contender, name in used]
        return values[0] if self.by is None else values[0] / values[1]

    def is_met(self, value: float) -> bool | None:
        """Whether the value reaches the target; None where there is none."""
        if self.at_least is not None:
            return value >= self.at_least
        return None if self.at_most is None else value <= self.at_most

    @property
    def target(self) -> str:
        """The target as text."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"


PRODUCTS = "products of linear layers"
"""The kind of work that utilisation counts; the others stand in `train.benchmark.profile`."""
_RATE = "examples_per_second"
FIGURES: dict[str, Figure] = {
    "train_vs_trainer_ratio": Figure(
        meaning="training, examples a second: ours over the Trainer's",
        of=("ours.train", _RATE),
        by=("trainer.train", _RATE),
        at_least=3.0,
    ),
    "train_vs_grouped_ratio": Figure(
        meaning="training: ours over the Trainer's with length grouping",
        of=("ours.train", _RATE),
        by=("trainer.grouped", _RATE),
        at_least=1.5,
    ),
    "eval_ratio": Figure(
        meaning="evaluation, batches of one size, ours sorted by length: ours over the Trainer's",
        of=("ours.evaluate", _RATE),
        by=("trainer.evaluate", _RATE),
        at_least=3.0,
    ),
    "eval_vs_sorted_ratio": Figure(
        meaning="evaluation, batches of one size, both sorted by length: ours over the Trainer's",
        of=("ours.evaluate", _RATE),
        by=("trainer.evaluate", "sorted_examples_per_second"),
    ),
    "eval_own_batches_ratio": Figure(
        meaning="evaluation, ours in its own batches of bounded tokens: ours over the Trainer's",
        of=("ours.evaluate", "own_batches_examples_per_second"),
        by=("trainer.evaluate", _RATE),
    ),
    "frozen_10_epochs_ratio": Figure(
        meaning="frozen encoder, all epochs, the caching one included: the Trainer's seconds over ours",
        of=("trainer.frozen", "seconds"),
        by=("ours.frozen", "seconds"),
        at_least=10.0,
    ),
    "frozen_later_epochs_ratio": Figure(
        meaning="frozen encoder, from the second epoch on: the Trainer's seconds over ours",
        of=("trainer.frozen", "later_seconds"),
        by=("ours.frozen", "later_seconds"),
        at_least=100.0,
    ),
    "peak_memory_ratio": Figure(
        meaning="peak memory of training: ours over the Trainer's",
        of=("ours.train", "peak_memory_mb"),
        by=("trainer.train", "peak_memory_mb"),
        at_most=0.55,
    ),
    "first_step_ratio": Figure(
        meaning="from the process's start to the end of its first update: our seconds over the Trainer's",
        of=("ours.train", "first_step_seconds"),
        by=("trainer.train", "first_step_seconds"),
        at_most=0.4,
    ),
    "utilisation": Figure(
        meaning="share of the rate of this model's matrix products alone that a training epoch reaches",
        of=("ours.train", "utilisation"),
        at_least=0.70,
    ),
    "buckets_vs_random_ratio": Figure(
        meaning="training: ours with length buckets over ours with batches drawn at random",
        of=("ours.buckets", _RATE),
        by=("ours.train", _RATE),
    ),
    "scratch_vs_pretrained_ratio": Figure(
        meaning="training: ours from random weights over ours from pretrained ones",
        of=("ours.scratch", _RATE),
        by=("ours.train", _RATE),
    ),
    "bf16_vs_float32_ratio": Figure(
        meaning="training: ours in bf16 over ours in float32",
        of=("ours.bf16", _RATE),
        by=("ours.train", _RATE),
    ),
    "bf16_memory_ratio": Figure(
        meaning="peak memory of training: ours in bf16 over ours in float32",
        of=("ours.bf16", "peak_memory_mb"),
        by=("ours.train", "peak_memory_mb"),
    ),
}


def summarise(rounds: Sequence[Round]) -> dict[str, dict[str, Any] | None]:
    """Median, least and most of every figure over the rounds, quotients made round by round; None if not measured."""
    summary: dict[str, dict[str, Any] | None] = {}
    for name, figure in FIGURES.items():
        values = [value for value in map(figure.value, rounds) if value is not None]
        summary[name] = describe(figure, values) if values else None
    return summary


def describe(figure: Figure, values: Sequence[float]) -> dict[str, Any]:
    """The spread, the verdict on the median, and in how many rounds it would be the same: met."""
    median = statistics.median(values)
    spread = {"median": median, "min": min(values), "max": max(values)}
    asked = {"at_least": figure.at_least, "at_most": figure.at_most}
    met = {"met": figure.is_met(median), "met_in_rounds": sum(figure.is_met(value) is True for value in values)}
    return {**spread, "meaning": figure.meaning, **asked, **met}


T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
"""0.975 quantiles of Student's t with 1 to 20 degrees of freedom. Source: Abramowitz and Stegun 1964, table 26.10."""

PLANNED_SEEDS = 5
"""Of the comparison of two paths; where those settle nothing, more may be asked for, and the record tells both."""

MARGIN = 0.02
"""Largest difference in accuracy at which two paths count as the same."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean of paired differences with Student's 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def is_small(self) -> bool:
        """Whether the whole interval lies within the margin: an equivalence test at 2.5% on each side."""
        return self.low >= -MARGIN and self.high <= MARGIN


def paired_difference(one: Sequence[float], other: Sequence[float]) -> Difference:
    """Interval of `one` minus `other`, pair by pair, for 2 to 21 pairs.

    Source: Student 1908; Schuirmann 1987 for the reading as equivalence.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    mean, degrees = statistics.fmean(differences), len(differences) - 1
    half = T_975[degrees - 1] * statistics.stdev(differences) / len(differences) ** 0.5
    return Difference(mean=mean, low=mean - half, high=mean + half)


def batches_sentence(contenders: Collection[str]) -> str:
    """Says how ours drew its batches: at random, but in old records, where that took a contender of its own."""
    if "ours.random" in contenders:
        return (
            "Ours trained in batches of pairs of like length, its default then, and the Trainer in random ones: beside "
            "the Trainer's, its figures are too good."
        )
    return "Ours drew every batch at random."


def describe_agreement(fast: Mapping[int, float], plain: Mapping[int, float]) -> dict[str, Any]:
    """The record of the comparison of two paths' test accuracies by seed; of the planned ones alone, too."""
    difference = paired_difference(list(fast.values()), [plain[seed] for seed in fast])
    planned = list(fast)[:PLANNED_SEEDS]
    alone = paired_difference([fast[seed] for seed in planned], [plain[seed] for seed in planned])
    return {
        "schema_version": 1,
        "seeds": [{"seed": seed, "fast": fast[seed], "plain": plain[seed]} for seed in fast],
        "difference": asdict(difference),
        "planned_seeds_alone": asdict(alone),
        "margin": MARGIN,
        "met": difference.is_small,
    }
