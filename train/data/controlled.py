"""The built-in corpus: premise and hypothesis pairs whose label follows from a small grammar and a lexicon.

The pairs come in matched sets (see `train.data.matched`): one sentence of a pair alone is at chance by construction.
`test_unseen` shares no content word with the other splits, and no sentence occurs in two splits.

    python -m train.data.controlled --show 20 --split test_unseen
"""

import argparse
import sys
from collections.abc import Callable
from random import Random
from typing import NoReturn

from train.data.controlled_people import comparison, conjunction, modifier, temporal, voice
from train.data.controlled_things import adjective, negation, numeral, quantifier, taxonomy
from train.data.lexicon import SEEN, UNSEEN
from train.data.matched import Pair
from train.data.pairs import Example
from train.data.vocabulary import Lexicon
from train.guard import guard

Phenomenon = Callable[[Lexicon, Random], list[Pair]]
PHENOMENA: dict[str, tuple[Phenomenon, ...]] = {
    "cross": (adjective, negation, quantifier, numeral, modifier, voice, temporal, comparison),
    "ring": (taxonomy, conjunction),
}
"""Phenomena by the layout of their matched sets (12 and 9 pairs)."""

SETS = {
    "train": {"cross": 49, "ring": 72},
    "validation": {"cross": 8, "ring": 13},
    "test": {"cross": 12, "ring": 20},
    "test_unseen": {"cross": 12, "ring": 20},
}
"""Matched sets per phenomenon, by layout: 6,000, 1,002, 1,512 and 1,512 pairs."""


def load_controlled(seed: int = 0) -> dict[str, list[Example]]:
    """The splits, the same for the same seed on every machine.

    Matched sets follow one another whole and in random order, so that the first N examples of a split are a fair and
    balanced sample of it.
    """
    ledger = _Ledger()
    return {split: _examples(split, seed, ledger) for split in SETS}


class _Ledger:
    """What has been drawn so far: which split a sentence belongs to, which pairs exist, which words are trained on."""

    def __init__(self) -> None:
        self.owner: dict[str, str] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.trained: set[str] = set()

    def enter(self, split: str, drawn: list[Pair]) -> bool:
        """Whether the set may join the split, and is entered: nothing repeats, and seen splits use trained words."""
        pairs = {(premise, hypothesis) for premise, hypothesis, _ in drawn}
        sentences = {sentence for pair in pairs for sentence in pair}
        words = {word for sentence in sentences for word in sentence.rstrip(".").split()}
        fresh = self.pairs.isdisjoint(pairs) and all(premise != hypothesis for premise, hypothesis in pairs)
        known = split not in ("validation", "test") or words <= self.trained
        if not (fresh and known and all(self.owner.get(text, split) == split for text in sentences)):
            return False
        self.pairs |= pairs
        self.owner |= dict.fromkeys(sentences, split)
        self.trained |= words if split == "train" else set()
        return True


def _examples(split: str, seed: int, ledger: _Ledger) -> list[Example]:
    drawn = []
    for layout, functions in PHENOMENA.items():
        for function in functions:
            group, number = function.__name__, SETS[split][layout]
            rng = Random(f"{seed}/{split}/{group}")
            drawn += [(group, _draw(function, rng, split, ledger)) for _ in range(number)]
    Random(f"{seed}/{split}/order").shuffle(drawn)
    rows = [(group, *pair) for group, pairs in drawn for pair in pairs]
    return [
        Example(id=f"controlled-{split}-{i}", premise=premise, hypothesis=hypothesis, label=label, group=group)
        for i, (group, premise, hypothesis, label) in enumerate(rows)
    ]


def _draw(phenomenon: Phenomenon, rng: Random, split: str, ledger: _Ledger) -> list[Pair]:
    """The next matched set that may join the split."""
    lexicon = UNSEEN if split == "test_unseen" else SEEN
    while True:
        pairs = phenomenon(lexicon, rng)
        if ledger.enter(split, pairs):
            return pairs


class _Parser(argparse.ArgumentParser):
    """Tells a user's error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


@guard
def main(argv: list[str] | None = None) -> None:
    """Print what was asked for."""
    parser = _Parser(prog="python -m train.data.controlled", description="Print pairs of the built-in corpus.")
    parser.add_argument("--show", type=_count, default=20, metavar="N", help="number of pairs (default: %(default)s)")
    parser.add_argument("--split", choices=tuple(SETS), default="train", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    args = parser.parse_args(argv)
    for example in load_controlled(args.seed)[args.split][: args.show]:
        print(example.label, example.group, example.premise, example.hypothesis, sep="\t")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pairs (0 or more)")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
