"""Asks whether models infer or take shortcuts, and writes probes/shortcut.json into the study folder.

Pairs whose words overlap whether or not one follows from the other, with contradiction and neutral merged; and the test
pairs with the premises of others, with their sides swapped, and with the words of each sentence shuffled.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from analysis.baselines import bag_of_words
from analysis.probes.command import Subjects, effect, level, look, open_subjects, parser, recorded_pairs, spread
from analysis.probes.templates import (
    CONSTITUENT,
    ENTAILED,
    ENTAILMENT,
    LEXICAL,
    NOT_ENTAILED,
    PAIRS_EACH,
    SUBSEQUENCE,
    TEMPLATES,
    template_pairs,
)
from analysis.records.arms import Arm
from analysis.records.runs import Run
from analysis.statistics.groups import compare_groups
from analysis.statistics.paired import Array, compare_items, correctness
from models.errors import DataError
from train.data.pairs import Example, content_hash
from train.guard import guard

SHORTCUTS, GOLDS = (LEXICAL, SUBSEQUENCE, CONSTITUENT), (ENTAILED, NOT_ENTAILED)
COIN = 0.5
"""Accuracy of a coin once contradiction and neutral are merged: half of the template pairs are entailed."""

OTHERWISE = 0.05
"""Share of test pairs on which weights may be right where the run recorded wrong, or the other way round."""

Say = Callable[[Sequence[Example]], list[str]]
"""A model: pairs in, the label of each out."""


def intact(pairs: Sequence[Example]) -> list[Example]:
    """Returns the pairs as they are."""
    return list(pairs)


def with_other_premises(pairs: Sequence[Example]) -> list[Example]:
    """Returns the pairs with the premises permuted; none keeps its own unless half of the pairs share one."""
    order = sorted(range(len(pairs)), key=lambda place: pairs[place].premise)
    found = list(pairs)
    for rank, place in enumerate(order):
        found[place] = replace(pairs[place], premise=pairs[order[(rank + len(order) // 2) % len(order)]].premise)
    return found


def swapped(pairs: Sequence[Example]) -> list[Example]:
    """Returns the pairs with premise and hypothesis exchanged. A contradiction stays one; entailment need not."""
    return [replace(pair, premise=pair.hypothesis, hypothesis=pair.premise) for pair in pairs]


def with_shuffled_words(pairs: Sequence[Example]) -> list[Example]:
    """Returns the pairs with the words of each sentence in random order, drawn from the pair's id."""

    def shuffle(text: str, rng: Random) -> str:
        words = text.split()
        return " ".join(rng.sample(words, len(words)))

    drawn = [(pair, Random(pair.id)) for pair in pairs]
    return [replace(p, premise=shuffle(p.premise, r), hypothesis=shuffle(p.hypothesis, r)) for p, r in drawn]


CONDITIONS: dict[str, Callable[[Sequence[Example]], list[Example]]] = {
    "intact": intact,
    "other pairs' premises": with_other_premises,
    "sides swapped": swapped,
    "words shuffled": with_shuffled_words,
}


def template_scores(say: Say) -> Array:
    """Returns a model's accuracy on each template, contradiction and neutral merged: `(T,)`.

    Source: McCoy, Pavlick and Linzen 2019, sec. 4 (merged after the choice among three).
    """
    pairs = list(template_pairs())
    right = [(said == ENTAILMENT) == (pair.label == ENTAILMENT) for pair, said in zip(pairs, say(pairs), strict=True)]
    return np.array(right, dtype=np.float64).reshape(len(TEMPLATES), PAIRS_EACH).mean(axis=1)


def condition_answers(say: Say, pairs: Sequence[Example]) -> dict[str, list[str]]:
    """Returns what a model says of every pair under each condition."""
    return {name: say(change(pairs)) for name, change in CONDITIONS.items()}


def shares(answers: dict[str, list[str]], pairs: Sequence[Example]) -> dict[str, tuple[Array, Array]]:
    """Returns for each condition whether an answer has the pair's own label, and whether it is that given intact."""
    gold, before = np.array([pair.label for pair in pairs]), np.array(answers["intact"])
    return {
        name: ((np.array(said) == gold).astype(np.float64), (np.array(said) == before).astype(np.float64))
        for name, said in answers.items()
    }


def columns(shortcut: str | None = None, gold: str | None = None) -> list[int]:
    """Returns the places of the templates of one shortcut and answer; None is all."""
    return [
        place for place, each in enumerate(TEMPLATES) if shortcut in (None, each.shortcut) and gold in (None, each.gold)
    ]


def template_rows(arm: str, scores: Array) -> list[dict[str, Any]]:
    """Returns one arm's accuracy by shortcut and answer, with intervals over seeds and templates."""
    return [
        {"arm": arm, "shortcut": s, "gold": g, **spread(level(scores[:, columns(s, g)]), "accuracy")}
        for s in SHORTCUTS
        for g in GOLDS
    ]


def condition_rows(arm: str, found: Sequence[dict[str, tuple[Array, Array]]]) -> list[dict[str, Any]]:
    """Returns one arm's accuracy and share of unchanged answers under each condition."""
    return [
        {
            "arm": arm,
            "condition": name,
            **spread(level(np.array([run[name][0] for run in found])), "accuracy"),
            "unchanged": float(np.mean([run[name][1] for run in found])),
        }
        for name in CONDITIONS
    ]


def effects(subjects: Subjects, scores: dict[Run, Array], asked: dict[Run, Any]) -> list[dict[str, Any]]:
    """Returns what was found of each hypothesis for which the runs suffice."""
    found = []
    if ours := subjects.of("pretrained"):
        matrix = np.array([scores[run] for run in ours])
        found.append(effect("S1", level(matrix - COIN), "templates"))
        not_entailed, entailed = (matrix[:, columns(gold=gold)] for gold in (NOT_ENTAILED, ENTAILED))
        found.append(effect("S2", compare_groups(not_entailed, entailed), "templates"))
    if pair := subjects.pair():
        one, other = (np.array([scores[run] for run in runs]) for runs in pair)
        found.append(effect("S3", compare_items(one, other), "templates"))
        for id, condition in (("S4", "other pairs' premises"), ("S5", "words shuffled")):
            lost = [np.array([asked[r]["intact"][0] - asked[r][condition][0] for r in runs]) for runs in pair]
            found.append(effect(id, compare_items(*lost), "test pairs"))
    return found


def lead_row(arm: str, right: Array, words: Array) -> dict[str, Any]:
    """Returns how far an arm, right `(S, I)`, is ahead of a bag of words of the hypothesis, right `(I,)`."""
    return {"arm": arm, **spread(compare_items(right, np.tile(words, (len(right), 1))), "lead")}


def check_answers(run: Run, pairs: Sequence[Example], right: Array) -> None:
    """Refuses weights that are right about other test pairs than the run recorded.

    Raises:
        DataError: of more pairs than another machine's arithmetic would explain.
        RecordError: it recorded no predictions.
    """
    correctness([run], "test")
    recorded = np.array([run.answers["test"][pair.id] for pair in pairs], dtype=np.float64)
    if (share := float(np.abs(right - recorded).mean())) > OTHERWISE:
        raise DataError(f"{run.id}: the weights in its export/ do not answer as it recorded ({share:.0%} of the pairs)")


def measure(
    subjects: Subjects,
    pairs: Sequence[Example],
    open_model: Callable[[Run], tuple[Say, str]],
    words: Callable[[Run], Say],
) -> dict[str, Any]:
    """Returns the record.

    Args:
        pairs: the runs' test pairs.
        open_model: a run -> its model, and which weights it has.
        words: a run -> what the words of the hypothesis alone say, learned from its training pairs.

    Raises:
        DataError: the best weights of a run do not answer as it recorded.
    """
    scores, asked, runs = {}, {}, []
    for arm in subjects.arms:
        for run in arm.runs:
            say, which = open_model(run)
            scores[run], asked[run] = template_scores(say), shares(condition_answers(say, pairs), pairs)
            if which == "best":
                check_answers(run, pairs, asked[run]["intact"][0])
            runs.append({"arm": arm.name, "seed": run.seed, "weights": which})
            print(f"{arm.name}, seed {run.seed}: {scores[run].mean():.3f} on {len(TEMPLATES)} templates", flush=True)

    def stacked(arm: Arm) -> Array:
        return np.array([scores[run] for run in arm.runs])

    def intact_of(arm: Arm) -> Array:
        return np.array([asked[run]["intact"][0] for run in arm.runs])

    def words_right(arm: Arm) -> Array:
        said = words(arm.runs[0])(pairs)
        return np.array([pair.label == label for pair, label in zip(pairs, said, strict=True)], dtype=np.float64)

    return {
        "data_sha256": {"test": content_hash(pairs), "templates": content_hash(list(template_pairs()))},
        "examples": {"test": len(pairs), "templates": len(TEMPLATES) * PAIRS_EACH},
        "runs": runs,
        "templates": [row for arm in subjects.arms for row in template_rows(arm.name, stacked(arm))],
        "conditions": [
            row for arm in subjects.arms for row in condition_rows(arm.name, [asked[run] for run in arm.runs])
        ],
        "leads": [lead_row(arm.name, intact_of(arm), words_right(arm)) for arm in subjects.arms],
        "effects": effects(subjects, scores, asked),
    }


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/shortcut.json."""
    asked = parser("shortcut", __doc__).parse_args(arguments)
    from analysis.probes.weights import keeps_end, trained_reader  # late: torch takes seconds, --help should not

    def make() -> dict[str, Any]:
        subjects = open_subjects(asked.runs, keeps_end, "an export/ or a trajectory/")

        def open_model(run: Run) -> tuple[Say, str]:
            reader, which = trained_reader(subjects, run, asked.checkpoint)
            return reader.labels, which

        def words(run: Run) -> Say:
            return bag_of_words(recorded_pairs([run], "train", asked.data), ("hypothesis",))

        return measure(subjects, recorded_pairs(subjects.paths, "test", asked.data), open_model, words)

    look(asked, "shortcut", make)


if __name__ == "__main__":
    sys.exit(main())
