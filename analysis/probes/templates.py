"""Pairs whose hypothesis is made of the premise's words: a model that looks for overlap calls all of them entailed.

Thirty templates, five for each of three shortcuts and each answer, filled from the built-in corpus' lexicon: the same
3,000 pairs everywhere. In the spirit of HANS; the sentences are our own.
Source: McCoy, Pavlick and Linzen 2019, Right for the Wrong Reasons, sec. 3 and appendix A (the thirty constructions).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from train.data.grammar import past, plural, sentence
from train.data.lexicon import SEEN, UNSEEN
from train.data.pairs import LABELS, Example
from train.data.vocabulary import words

PAIRS_EACH = 100
ENTAILMENT, _, NEUTRAL = LABELS

LEXICAL, SUBSEQUENCE, CONSTITUENT = "lexical overlap", "subsequence", "constituent"
ENTAILED, NOT_ENTAILED = "entailed", "not entailed"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A noun phrase, as a template's `{a}`; `{a.was}` agrees with it."""

    noun: str
    many: bool

    def __str__(self) -> str:
        return f"the {plural(self.noun) if self.many else self.noun}"

    @property
    def was(self) -> str:
        return "were" if self.many else "was"

    @property
    def bare(self) -> str:
        """All of them, without an article."""
        return plural(self.noun)


@dataclass(frozen=True, kw_only=True)
class Template:
    """One construction: `{a}`, `{b}`, `{c}` are people; the other letters name a list of `WORDS`."""

    name: str
    shortcut: str
    gold: str
    """`entailed` or `not entailed`."""
    premise: str
    hypothesis: str


WORDS = {
    "v": tuple(map(past, words("chase rescue help push watch follow phone insult visit fool thank praise blame"))),
    "i": tuple(map(past, words("cry sing laugh dance shout smile cough pray rest yawn stumble whistle"))),
    "r": tuple(map(past, ("help", "assist", "teach", "phone", "attack"))),  # with an object, or without
    "f": ("believed", "feared", "suspected", "doubted", "discovered"),  # a person, or that something is so
    "t": ("thought", "claimed", "hoped", "said", "guessed"),  # it need not be so
    "k": ("knew", "remembered", "noticed", "forgot", "realized"),  # it is so
    "p": ("near", "behind", "beside", "next to"),
    "l": ("in the garden", "on the beach", "in the office", "in the park", "on the hill"),
    "d": ("happy", "sad", "angry", "calm", "brave", "clever", "rich", "poor", "young", "tall"),
    "m": ("possibly", "probably", "perhaps", "supposedly", "maybe"),
    "y": ("certainly", "definitely", "clearly", "of course", "without a doubt"),
    "n": ("unless", "if", "provided that", "assuming that"),
    "s": ("because", "although", "since", "after"),
    "o": ("ate the apple", "sang the ballad", "drew the castle", "painted the gate", "wrote the poem"),
}
"""The letter of a template's slot -> what may stand there; the second slot of a kind has the letter twice: `{vv}`."""

TEMPLATES = tuple(
    Template(shortcut=shortcut, gold=gold, name=name, premise=premise, hypothesis=hypothesis)
    for shortcut, gold, name, premise, hypothesis in (
        (LEXICAL, NOT_ENTAILED, "subject and object swapped", "{a} {v} {b}", "{b} {v} {a}"),
        (LEXICAL, NOT_ENTAILED, "prepositional phrase as subject", "{a} {p} {b} {v} {c}", "{c} {v} {b}"),
        (LEXICAL, NOT_ENTAILED, "relative clause", "{a} {v} {b} who {c} {vv}", "{b} {v} {c}"),
        (LEXICAL, NOT_ENTAILED, "passive", "{a} {a.was} {v} by {b}", "{a} {v} {b}"),
        (LEXICAL, NOT_ENTAILED, "conjunction as subject", "{a} {v} {b} and {c}", "{b} {v} {c}"),
        (LEXICAL, ENTAILED, "relative clause untangled", "{a} who {b} {v} {vv} {c}", "{b} {v} {a}"),
        (LEXICAL, ENTAILED, "prepositional phrase left out", "{a} {p} {b} {v} {c}", "{a} {v} {c}"),
        (LEXICAL, ENTAILED, "relative clause left out", "{a} who {i} {v} {b}", "{a} {v} {b}"),
        (LEXICAL, ENTAILED, "half of a conjunction", "{a} {v} {b} and {c}", "{a} {v} {c}"),
        (LEXICAL, ENTAILED, "passive", "{a} {a.was} {v} by {b}", "{b} {v} {a}"),
        (SUBSEQUENCE, NOT_ENTAILED, "object that is a subject", "{a} {f} {b} {i}", "{a} {f} {b}"),
        (SUBSEQUENCE, NOT_ENTAILED, "end of a prepositional phrase", "{a} {p} {b} {i}", "{b} {i}"),
        (SUBSEQUENCE, NOT_ENTAILED, "end of a relative clause", "{a} who {v} {b} {vv} {c}", "{b} {vv} {c}"),
        (SUBSEQUENCE, NOT_ENTAILED, "participle taken for a verb", "{a} {r} {l} {i}", "{a} {r} {l}"),
        (SUBSEQUENCE, NOT_ENTAILED, "subject taken for an object", "while {a} {r} {b} {i}", "{a} {r} {b}"),
        (SUBSEQUENCE, ENTAILED, "half of a conjunction", "{a} and {b} {i}", "{b} {i}"),
        (SUBSEQUENCE, ENTAILED, "adjective left out", "{d} {a.bare} {v} {b}", "{a.bare} {v} {b}"),
        (SUBSEQUENCE, ENTAILED, "object left out", "{a} {o}", "{a} {o_verb}"),
        (SUBSEQUENCE, ENTAILED, "relative clause left out", "{a} {v} {b} who {vv} {c}", "{a} {v} {b}"),
        (SUBSEQUENCE, ENTAILED, "prepositional phrase left out", "{a} {v} {b} {p} {c}", "{a} {v} {b}"),
        (CONSTITUENT, NOT_ENTAILED, "condition", "{n} {a} {i}, {b} {v} {c}", "{a} {i}"),
        (CONSTITUENT, NOT_ENTAILED, "what hangs on a condition", "{n} {a} {v} {b}, {c} {i}", "{c} {i}"),
        (CONSTITUENT, NOT_ENTAILED, "what somebody thinks", "{a} {t} that {b} {v} {c}", "{b} {v} {c}"),
        (CONSTITUENT, NOT_ENTAILED, "half of a disjunction", "{a} {i}, or {b} {v} {c}", "{b} {v} {c}"),
        (CONSTITUENT, NOT_ENTAILED, "doubt", "{m} {a} {v} {b}", "{a} {v} {b}"),
        (CONSTITUENT, ENTAILED, "reason or circumstance", "{s} {a} {i}, {b} {v} {c}", "{a} {i}"),
        (CONSTITUENT, ENTAILED, "what has a reason", "{s} {a} {v} {b}, {c} {i}", "{c} {i}"),
        (CONSTITUENT, ENTAILED, "what somebody knows", "{a} {k} that {b} {v} {c}", "{b} {v} {c}"),
        (CONSTITUENT, ENTAILED, "half of a conjunction", "{a} {i}, and {b} {v} {c}", "{b} {v} {c}"),
        (CONSTITUENT, ENTAILED, "certainty", "{y} {a} {v} {b}", "{a} {v} {b}"),
    )
)


def people() -> list[str]:
    """Nouns for people, those that name a kind and those that name one of it."""
    trees = (SEEN.roles, UNSEEN.roles)
    return sorted({noun for tree in trees for kind, narrow in tree.items() for noun in (kind, *narrow)})


def fill(template: Template, rng: Random) -> tuple[str, str]:
    """Returns a premise and a hypothesis; no two slots of a kind hold the same word."""
    slots: dict[str, object] = {}
    for letter, noun in zip("abc", rng.sample(people(), 3), strict=True):
        slots[letter] = Person(noun=noun, many=rng.random() < 0.5)
    for letter, choices in WORDS.items():
        slots[letter], slots[2 * letter] = rng.sample(choices, 2)
    slots["o_verb"] = str(slots["o"]).split()[0]
    return sentence(template.premise.format(**slots)), sentence(template.hypothesis.format(**slots))


def fillings(template: Template) -> list[tuple[str, str]]:
    """Returns the template's different pairs."""
    rng = Random(f"{template.shortcut}, {template.gold}, {template.name}")
    found: dict[tuple[str, str], None] = {}
    while len(found) < PAIRS_EACH:
        found[fill(template, rng)] = None
    return list(found)


def template_pairs() -> Iterator[Example]:
    """Yields every pair, template after template; what is not entailed is labelled neutral, for want of a third name.

    The group of a pair is its place in `TEMPLATES`.
    """
    for place, template in enumerate(TEMPLATES):
        label = ENTAILMENT if template.gold == ENTAILED else NEUTRAL
        for number, (premise, hypothesis) in enumerate(fillings(template)):
            id = f"template-{place}-{number}"
            yield Example(id=id, premise=premise, hypothesis=hypothesis, label=label, group=str(place))
