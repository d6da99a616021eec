"""Parses a sentence of the built-in corpus into what it says; it knows no phenomenon and no layout."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from train.data import grammar
from train.data.vocabulary import Lexicon

QUANTIFIERS = ("Every", "No", "Not every", "At least one")
BOUNDS: dict[str, Callable[[int], range]] = {
    "at least": lambda n: range(n, 100),
    "more than": lambda n: range(n + 1, 100),
    "at most": lambda n: range(n + 1),
    "fewer than": lambda n: range(n),
}


@dataclass(frozen=True)
class Literal:
    """Somebody (`who`) is, did (`verb`) or did to somebody (`whom`) something described by `words`, or not."""

    who: str
    verb: str
    whom: str
    words: tuple[str, ...]
    positive: bool


@dataclass(frozen=True)
class Quantified:
    quantifier: str
    noun: str
    place: str
    predicate: str


@dataclass(frozen=True)
class Counted:
    allowed: range
    noun: str
    place: str


@dataclass(frozen=True)
class Compared:
    high: str
    low: str
    adjective: str
    positive: bool


@dataclass(frozen=True)
class Ordered:
    first: tuple[str, str]
    second: tuple[str, str]


Meaning = list[Literal] | Quantified | Counted | Compared | Ordered


class Reader:
    """Parses sentences whose words it finds, inflected, in the lexicons."""

    def __init__(self, *lexicons: Lexicon) -> None:
        verbs = [verb for lexicon in lexicons for verb in _verbs(lexicon)]
        things = [word for lexicon in lexicons for word in _things(lexicon)]
        adjectives = [word for lexicon in lexicons for word in _adjectives(lexicon)]
        self.verb = {grammar.past(verb): verb for verb in verbs} | {verb: verb for verb in verbs}
        self.singular = {grammar.plural(noun): noun for noun in things}
        self.positive = {grammar.comparative(word): word for word in adjectives}

    def read(self, sentence: str) -> Meaning:
        text = sentence.removesuffix(".")
        for pattern, build in (
            (rf"There are ({'|'.join(BOUNDS)}) (\w+) (\w+) (.+)", self._counted),
            (rf"({'|'.join(QUANTIFIERS)}) (\w+) (.+) is (\w+)", Quantified),
            (r"(.+) is (not )?(.+) than (\w+)", self._compared),
            (r"(.+?)(?: was)? (before|after) (.+)", self._ordered),
        ):
            if match := re.fullmatch(pattern, text):
                return build(*match.groups())
        return [literal for clause in re.split(r", (?:but|and) ", text) for literal in self._clause(clause)]

    def _counted(self, bound: str, numeral: str, nouns: str, place: str) -> Counted:
        return Counted(BOUNDS[bound](grammar.NUMERALS.index(numeral)), self.singular[nouns], place)

    def _compared(self, high: str, denied: str | None, comparative: str, low: str) -> Compared:
        return Compared(high, low, self.positive[comparative], not denied)

    def _ordered(self, one: str, word: str, other: str) -> Ordered:
        events = [self._event(one), self._event(other)]
        return Ordered(*(events if word == "before" else events[::-1]))

    def _event(self, text: str) -> tuple[str, str]:
        who, what = text.split()
        return who.lower(), self.verb.get(what, what)

    def _clause(self, text: str) -> list[Literal]:
        if match := re.fullmatch(r"[Bb]oth (\w+) and (\w+) are (\w+)", text):
            one, other, word = match.groups()
            return [Literal(_who(who), "be", "", (word,), True) for who in (one, other)]
        if match := re.fullmatch(r"(.+) was (not )?(\w+) by (.+)", text):
            patient, denied, verb, agent = match.groups()
            return [Literal(_who(agent), self.verb[verb], _who(patient), (), not denied)]
        if match := re.fullmatch(r"(.+) is (not )?(.+)", text):
            who, denied, words = match.groups()
            return [Literal(_who(who), "be", "", _words(words), not denied)]
        return self._deed(text)

    def _deed(self, text: str) -> list[Literal]:
        match = re.fullmatch(r"((?:The )?\w+) (did not )?(\w+) (.+)", text)
        assert match, text
        who, denied, verb, rest = match.groups()
        things, _, none = rest.partition(" but no ")
        if not things.startswith(("a ", "an ")):
            return [Literal(_who(who), self.verb[verb], _who(things), (), not denied)]
        found = [Literal(who, self.verb[verb], "", _words(things), not denied)]
        return found + [Literal(who, self.verb[verb], "", (none,), False)] * bool(none)


def _who(text: str) -> str:
    return text[0].lower() + text[1:]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split() if word not in ("a", "an", "and"))


def _verbs(lexicon: Lexicon) -> Iterable[str]:
    return chain(*lexicon.handling, *(pole.words for pole in lexicon.dealing + lexicon.acting))


def _things(lexicon: Lexicon) -> Iterable[str]:
    return (word for family in lexicon.families for kind, narrow in family.kinds.items() for word in (kind, *narrow))


def _adjectives(lexicon: Lexicon) -> Iterable[str]:
    return (word for poles in lexicon.scales.values() for pole in poles for word in pole.words)
