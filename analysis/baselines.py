"""Measures what can be had without a Transformer: the majority class, and words of one or both sentences."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.records.files import write_whole
from analysis.statistics.intervals import wilson
from models.errors import UserError
from train.cli import add_flags, given
from train.config import DataConfig, RunConfig, with_setting
from train.data.pairs import LABELS, Example
from train.data.splits import Splits, load_splits
from train.flags import DATA_FLAGS
from train.guard import guard

SEES = {"premise only": ("premise",), "hypothesis only": ("hypothesis",), "both": ("premise", "hypothesis")}
"""What a bag of words is made from."""

FLAGS = tuple(flag for flag in DATA_FLAGS if flag[0] != "--train-examples")
"""Those of a run; of training pairs there may be several numbers here."""

Guess = Callable[[Sequence[Example]], list[str]]


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    found = argparse.ArgumentParser(prog="python -m analysis.baselines", description=__doc__, allow_abbrev=False)
    add_flags(found, RunConfig(), FLAGS)
    sizes = "training pairs, one or more numbers (default: all)"
    found.add_argument("--train-examples", type=int, nargs="+", default=[None], metavar="INT", help=sizes)
    found.add_argument("--out", type=Path, metavar="DIR", help="study folder (default: results/DATASET)")
    return found


def majority(train: Sequence[Example]) -> Guess:
    """Returns the rule that always says the label most frequent in training; of equals the first in LABELS."""
    counts = Counter(pair.label for pair in train)
    label = max(LABELS, key=lambda name: counts[name])
    return lambda pairs: [label] * len(pairs)


def bag_of_words(train: Sequence[Example], sides: Sequence[str]) -> Guess:
    """Returns a logistic regression on the words of the given sides."""
    from analysis.bag_of_words import fit, predict, terms_of  # late: torch takes seconds, --help should not

    model = fit([terms_of(pair, sides) for pair in train], [pair.label for pair in train])
    return lambda pairs: predict(model, [terms_of(pair, sides) for pair in pairs])


def guesses(train: Sequence[Example]) -> Iterator[tuple[str, str, Guess]]:
    """Yields each baseline's name, what it sees, and the fitted rule."""
    yield "majority class", "neither", majority(train)
    for sees, sides in SEES.items():
        yield "bag of words", sees, bag_of_words(train, sides)


def measure(splits: Splits) -> list[dict[str, Any]]:
    """Returns one record for each baseline and test split."""
    rows = []
    for name, sees, guess in guesses(splits.train):
        for split, pairs in splits.tests.items():
            right = sum(pair.label == label for pair, label in zip(pairs, guess(pairs), strict=True))
            bounds = wilson(right / len(pairs), len(pairs))
            rows.append(
                {
                    "baseline": name,
                    "sees": sees,
                    "train_examples": len(splits.train),
                    "split": split,
                    "accuracy": right / len(pairs),
                    "low": bounds.low,
                    "high": bounds.high,
                    "examples": len(pairs),
                }
            )
    return rows


def measure_all(config: DataConfig, sizes: Sequence[int | None]) -> dict[str, Any]:
    """Returns the record of all sizes; the hashes are those of the certificates of runs on the same pairs."""
    rows, trained_on = [], {}
    for size in sizes:
        splits = load_splits(replace(config, train_examples=size), seed=0)
        hashes = splits.hashes()
        trained_on[str(len(splits.train))] = hashes.pop("train")
        found = measure(splits)
        for row in found:
            shown = f"{row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
            print(f"{row['train_examples']:,} pairs, {row['split']}, {row['baseline']}, {row['sees']}: {shown}")
        rows += found
    data = {"name": splits.name, "train_sha256": trained_on, "sha256": hashes}
    return {"schema_version": 1, "data": data, "baselines": rows}


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes baselines.json into the study folder."""
    asked = parser().parse_args(arguments)
    config = RunConfig()
    for path, value in given(vars(asked), FLAGS):
        config = with_setting(config, path, value)
    record = measure_all(config.data, asked.train_examples)
    out = asked.out or Path("results") / config.data.dataset
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "baselines.json", (json.dumps(record, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error})") from None
    print(f"baselines: {out / 'baselines.json'}")


if __name__ == "__main__":
    sys.exit(main())
