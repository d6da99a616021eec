"""Matched sets: labelled sentence pairs laid out so that one sentence alone says nothing about the label.

A set is told as a list of (premise, a hypothesis it entails); its layout labels the other pairs:

ring   three premises, three hypotheses, all nine pairs. Premise i entails hypothesis i, contradicts i + 1 and leaves
       i + 2 open (a Latin square).
cross  two independent matters A and B, told as (A, not A, B, not B). Premise i entails hypothesis i, contradicts i ^ 1
       and leaves one hypothesis about the other matter open: i ^ 2 or i ^ 3.

Either way each sentence of a set occurs once under each label.
"""

from random import Random

from train.data.pairs import LABELS
from train.data.vocabulary import Family, Lexicon, Pole

Pair = tuple[str, str, str]
"""(premise, hypothesis, label)"""
Matched = list[tuple[str, str]]
"""(premise, a hypothesis it entails)"""
Sense = tuple[str, str]
"""(word, a word it entails)"""
ENTAILMENT, CONTRADICTION, NEUTRAL = LABELS


def ring(told: Matched) -> list[Pair]:
    return [(told[i][0], told[(i + k) % 3][1], LABELS[k]) for i in range(3) for k in range(3)]


def cross(told: Matched, neutral: int) -> list[Pair]:
    steps = ((0, ENTAILMENT), (1, CONTRADICTION), (neutral, NEUTRAL))
    return [(told[i][0], told[i ^ step][1], label) for i in range(4) for step, label in steps]


def either(rng: Random) -> int:
    """Which hypothesis about the other matter is paired as neutral, where both are."""
    return rng.choice((2, 3))


def widen(rng: Random, pole: Pole) -> tuple[str, str]:
    """(word, a word it entails), different where the pole has two words."""
    wide = rng.choice(pole.base)
    return rng.choice([word for word in pole.words if word != wide] or [wide]), wide


def hyponyms(tree: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(narrow, wide) for wide, narrows in tree.items() for narrow in narrows]


def nouns(family: Family) -> list[tuple[str, str]]:
    """All (noun, noun that names its kind) of a family; a kind without species stands for itself."""
    return [(narrow, kind) for kind, species in family.kinds.items() for narrow in species or (kind,)]


def apart(rng: Random, family: Family) -> list[tuple[str, str]]:
    """Two (noun, kind) of different kinds."""
    kinds = rng.sample(sorted(family.kinds), 2)
    return [(rng.choice(family.kinds[kind] or (kind,)), kind) for kind in kinds]


def opposites(rng: Random, lexicon: Lexicon, scale: str) -> list[Pole]:
    """Two opposite poles of a scale, in random order."""
    return rng.sample(lexicon.scales[scale], 2)
