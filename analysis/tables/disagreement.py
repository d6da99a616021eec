"""Test pairs that one arm gets right with every seed, and the other wrong with every seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.records.arms import Arm
from analysis.records.predictions import Array, Predicted, predicted_pairs
from analysis.records.quotes import MOST_QUOTED
from analysis.records.reading import RecordError
from analysis.statistics.contrasts import headline_pair
from analysis.tables.accuracy import test_splits
from analysis.tables.errors import shown_mistakes
from train.data.pairs import LABELS


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A pair on which two arms differ whatever the seed."""

    split: str
    id: str
    group: str
    gold: str
    winner: str
    """The arm that is right."""
    instead: str
    """The wrong label that the other arm finds likeliest, mean over its seeds."""
    probabilities: tuple[float, float]
    """Of the gold label, mean over seeds: in the arm that is right, and in the other."""

    @property
    def margin(self) -> float:
        return self.probabilities[0] - self.probabilities[1]


@dataclass(frozen=True, kw_only=True)
class Both:
    """Two arms' answers to the same pairs."""

    split: str
    names: tuple[str, str]
    answers: tuple[Predicted, Predicted]
    """With the mean of the seeds' probabilities."""
    always: tuple[Array, Array]
    """`(I,)`, share of the seeds that are right."""

    def count(self, one: float, other: float) -> int:
        """Returns how many pairs these shares of the two arms' seeds get right."""
        return int(((self.always[0] == one) & (self.always[1] == other)).sum())


def pooled(arm: Arm, split: str) -> tuple[Predicted, Array] | None:
    """Returns an arm's answers with mean probabilities, and the share of seeds right; None without predictions.

    Raises:
        RecordError: runs answered other pairs, or predictions.csv is malformed.
    """
    found = [predicted_pairs(run, split) for run in arm.runs]
    runs = [each for each in found if each]
    if len(runs) < len(found):
        return None
    for run, each in zip(arm.runs, runs, strict=True):
        if each.ids != runs[0].ids:
            raise RecordError(f"{run.id}/predictions.csv: split {split} has other items than {arm.runs[0].id}")
    shares = np.mean([each.shares for each in runs], axis=0)
    first = runs[0]
    mean = Predicted(ids=first.ids, groups=first.groups, gold=first.gold, shares=shares)
    return mean, np.mean([each.right for each in runs], axis=0)


def both(arms: Sequence[Arm], split: str) -> Both | None:
    """Returns the answers of pretrained and scratch; None without both arms, or without predictions.

    Raises:
        RecordError: they answered other pairs, or predictions.csv is malformed.
    """
    pair = headline_pair(arms)
    found = [each for arm in pair or () if (each := pooled(arm, split))]
    if not pair or len(found) < 2:
        return None
    (ours, right), (theirs, others_right) = found
    if ours.ids != theirs.ids:
        raise RecordError(f"{pair[0].name} and {pair[1].name} answered different pairs of {split}")
    names = pair[0].name, pair[1].name
    return Both(split=split, names=names, answers=(ours, theirs), always=(right, others_right))


def wrong_label(answers: Predicted, place: int) -> str:
    """Returns the label of highest probability that is not a pair's gold label."""
    shares = answers.shares[place].copy()
    shares[answers.gold[place]] = -1
    return LABELS[int(shares.argmax())]


def disagreements(found: Both, winner: int) -> list[Disagreement]:
    """Returns the pairs that every seed of one arm gets right and every seed of the other wrong.

    The widest margin between the two probabilities of the gold label comes first; of equals the first by id.

    Args:
        winner: 0 if the first arm is right, 1 if the second.
    """
    ours, theirs = found.answers[winner], found.answers[1 - winner]
    places = np.flatnonzero((found.always[winner] == 1) & (found.always[1 - winner] == 0))
    pairs = [
        Disagreement(
            split=found.split,
            id=ours.ids[place],
            group=ours.groups[place],
            gold=LABELS[gold := int(ours.gold[place])],
            winner=found.names[winner],
            instead=wrong_label(theirs, int(place)),
            probabilities=(float(ours.shares[place, gold]), float(theirs.shares[place, gold])),
        )
        for place in places
    ]
    return sorted(pairs, key=lambda each: (-each.margin, each.id))


def shown_disagreements(arms: Sequence[Arm]) -> list[Disagreement]:
    """Returns the widest disagreements both ways on the first test split: what the mistakes shown leave to quote."""
    found = [each for split in test_splits(arms)[:1] if (each := both(arms, split))]
    most = (MOST_QUOTED - len(shown_mistakes(arms))) // 2
    return [pair for each in found for winner in (0, 1) for pair in disagreements(each, winner)[:most]]
