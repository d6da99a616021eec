"""Sentences and tables of the report that are not claims: the short answer, accuracy, data and caveats."""

import json
import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from analysis.arms import Arm, family
from analysis.claims import (
    interval_cells,
    paired_difference,
    plateau_passages,
    start_reading,
    step0_loss,
)
from analysis.document import Table
from analysis.groups import majority_share
from analysis.plateau import censored_median
from analysis.records import is_kind, lookup
from analysis.runs import Run
from analysis.statistics import CHANCE, LN3, mean_interval, wilson
from analysis.text import MISSING, listing, number

MOST_IN_ANSWER = 3
"""Arms that the short answer names in full; the tables have the others."""

PROBE_NAMES = {"probe_validation": "validation probe", "probe_train": "training probe"}


def per_arm(arms: Sequence[Arm], measure: Callable[[Run], float], digits: int = 3) -> str:
    """Returns each arm's mean over seeds, as `0.52 (scratch) and 0.46 (pretrained)`."""
    return listing([f"{number(fmean(map(measure, arm.runs)), digits)} ({arm.name})" for arm in arms])


def count(amount: int, noun: str) -> str:
    """Returns `1 seed`, `3 seeds`."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def interval_text(arm: Arm, split: str) -> str:
    """Returns the 95% interval of an accuracy: over seeds, or over test items when there is one seed."""
    values = [run.accuracy(split) for run in arm.runs]
    found = mean_interval(values)
    kind = "over seeds"
    if found.n == 1:
        found, kind = wilson(found.mean, test_items(arm, split)), "over test items"
    return f"95% interval {kind} {number(found.low)} to {number(found.high)}"


def test_items(arm: Arm, split: str) -> int:
    """Returns how many examples a test split has."""
    return max(1, int(arm.runs[0].summary["evaluations"]["after"].get(split, {}).get("examples", 1)))


def main_arms(arms: Sequence[Arm]) -> list[Arm]:
    """Returns the arms of the short answer: all of a few, else the two that the question is about."""
    pair = [arm for arm in arms if arm.init in ("scratch", "pretrained")]
    return pair if len(arms) > MOST_IN_ANSWER and pair else list(arms)


def accuracy_sentence(arms: Sequence[Arm]) -> str:
    """Answers what each arm reaches on the test set."""
    others = [arm for arm in arms if arm not in main_arms(arms)]
    rest = f" In the other arms: {per_arm(others, lambda run: run.accuracy('test'))}." if others else ""
    sizes = sorted({amount(run.data, "splits.train.examples") for arm in arms for run in arm.runs})
    parts = [
        f"{number(fmean(run.accuracy('test') for run in arm.runs))} for {arm.name} "
        f"({count(len(arm.runs), 'seed')}, {interval_text(arm, 'test')})"
        for arm in main_arms(arms)
    ]
    return f"With {' or '.join(sizes)} training examples, mean test accuracy is {listing(parts)}.{rest}"


def start_sentence(arms: Sequence[Arm]) -> str:
    """Answers where each arm starts."""
    gap = paired_difference(arms, step0_loss)
    reading = f" For pretrained against scratch, {start_reading(gap)}." if gap else ""
    losses = per_arm(main_arms(arms), step0_loss, 4)
    guess = f"a uniform guess has ln 3 = {LN3:.4f}"
    return f"Before the first update the validation loss is {losses}; {guess}.{reading}"


def plateau_sentence(arms: Sequence[Arm]) -> str:
    """Answers when each arm leaves the plateau, on both probes."""
    clauses = []
    for split, name in PROBE_NAMES.items():
        parts = []
        for arm in main_arms(arms):
            steps = [found.step for found in plateau_passages(arm, split)]
            last = max(float(run.training["step"][-1]) for run in arm.runs)
            reached = sum(map(math.isfinite, steps))
            median = censored_median(steps)
            shown = number(median, 0) if math.isfinite(median) else f"not in {number(last, 0)}"
            parts.append(f"{arm.name} {shown} ({reached} of {count(len(steps), 'seed')})")
        clauses.append(f"on the {name}, {listing(parts)}")
    return f"Steps until the loss leaves the ln 3 plateau, median over seeds: {', and '.join(clauses)}."


def chance_sentences(arms: Sequence[Arm], splits: Sequence[str]) -> list[str]:
    """Names the arms whose accuracy cannot be told from a uniform guess, over seeds or over test items."""
    sentences = []
    for arm in arms:
        for split in splits:
            values = [run.accuracy(split) for run in arm.runs]
            found = {
                "seeds": mean_interval(values),
                "test items": wilson(fmean(values), test_items(arm, split)),
            }
            for over, interval in found.items():
                if interval.contains(CHANCE):
                    shown = f"{number(interval.low)} to {number(interval.high)}"
                    sentences.append(
                        f"{arm.name}, {split}: it has learned nothing that this can show. "
                        f"The 95% interval of its accuracy over {over}, {shown}, includes chance, 1/3."
                    )
                    break
    return sentences


def accuracy_table(arms: Sequence[Arm], splits: Sequence[str]) -> Table:
    """Returns accuracy by test split and arm, before and after training, beside the majority class."""
    rows = []
    for split in splits:
        for arm in arms:
            after = [run.accuracy(split) for run in arm.runs]
            before = number(fmean(run.accuracy(split, "before") for run in arm.runs))
            majority = majority_share(arm.runs[0], split)
            shown = MISSING if majority is None else number(majority)
            rows.append((split, arm.name, *interval_cells(after, 3), before, shown))
    columns = ("split", "arm", "seeds", "mean", "95% interval", "range", "before training", "majority class")
    return Table("Accuracy with the best weights (Student's t interval over seeds)", columns, tuple(rows))


def amount(record: dict[str, Any], dotted: str, digits: int = 0) -> str:
    """Returns a number of a record as text, or `n/a`."""
    value = lookup(record, dotted)
    return number(float(value), digits) if is_kind(value, float) else MISSING


def data_table(run: Run) -> Table:
    """Returns the sizes and label counts of a run's splits."""
    rows = []
    for split, found in run.data["splits"].items():
        found = found if isinstance(found, dict) else {}
        counts = found.get("labels")
        labels = ", ".join(f"{k} {v}" for k, v in counts.items()) if isinstance(counts, dict) else MISSING
        sizes = (amount(found, key) for key in ("examples", "premises"))
        rows.append((split, *sizes, labels))
    return Table(f"Data: {run.data['name']}", ("split", "examples", "distinct premises", "labels"), tuple(rows))


def token_sentence(run: Run) -> str:
    """Returns the length statistics of a run's data."""
    tokens = run.data["tokens"]
    parts = [f"{name} {amount(tokens, name)}" for name in ("p90", "p95", "p99", "max")]
    share = lookup(tokens, "truncated_share")
    cut = f"{100 * share:.2f}%" if is_kind(share, float) else MISSING
    limit = amount(tokens, "max_tokens")
    counts = run.data.get("counts")
    counted = ", ".join(f"{k} {v}" for k, v in counts.items()) if isinstance(counts, dict) and counts else "nothing"
    return (
        f"Tokens in a pair: mean {amount(tokens, 'mean', 1)}, {listing(parts)}; {cut} of the pairs are cut "
        f"at {limit} tokens. Counted while reading: {counted}."
    )


def distinct_data(arms: Sequence[Arm]) -> list[Run]:
    """Returns one run for each different data record."""
    return list({json.dumps(r.data, sort_keys=True): r for arm in reversed(arms) for r in arm.runs}.values())[::-1]


def caveats(arms: Sequence[Arm]) -> list[str]:
    """Returns what a reader has to know before believing a number of this report."""
    runs = [run for arm in arms for run in arm.runs]
    fewest = min(len(arm.runs) for arm in arms)
    mnli = any(str(run.config["data"]["dataset"]).startswith("mnli") for run in runs)
    found = [
        f"Few seeds: {count(fewest, 'seed')} in the smallest arm. "
        "Intervals are Student's t over seeds; bands in figures run from minimum to maximum. "
        "All seeds share one test set; its sampling error is extra.",
        "Seconds come from runs made at different times: a benchmark that alternates the arms tells more.",
        "A first passage on a small probe set is early by noise; two consecutive evaluations must agree.",
    ]
    if mnli and any(run.config.get("checkpoint") == "minilm" for run in runs):
        found.append(
            "MiniLM has seen MNLI: its own training data included MultiNLI and SNLI pairs, and it is "
            "distilled from a larger model. What it gains here is not the gain from unlabelled text alone."
        )
    if any("tsv" in str(run.data["name"]) for run in runs):
        found.append("The TSV text is split into tokens in the Penn Treebank manner, unlike the pretraining text.")
    if any(family(arm.init) not in ("scratch", "pretrained") for arm in arms):
        found.append("Only scratch and pretrained have a tuned learning rate; the other arms borrow theirs.")
    return found
