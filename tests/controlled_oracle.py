"""Decides pairs of the built-in corpus by reasoning about what both sentences say, without the generator's layouts.

Statements about what somebody is or did are compared literal by literal with natural logic: a narrower description
implies a wider one, negation turns that around, excluding words contradict. Quantifiers, counts, comparisons and
orders are decided by enumerating small models. The lexicon enters as facts alone; without them only identical words
are related.
"""

from collections.abc import Iterable
from functools import cache
from itertools import chain, combinations, product

from tests.controlled_facts import Fact
from tests.controlled_reader import Compared, Counted, Literal, Ordered, Quantified, Reader


def label(holds: Iterable[bool]) -> str:
    """From the hypothesis's truth in all models of the premise."""
    truth = set(holds)
    assert truth, "the premise has no model"
    return "neutral" if len(truth) == 2 else "entailment" if truth == {True} else "contradiction"


class Knowledge:
    """What follows from the facts: `implies` along is-a and synonyms, `excludes` inherited downward."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.wider: dict[str, set[str]] = {}
        self.apart: set[frozenset[str]] = set()
        self.opposed: set[frozenset[str]] = set()
        for relation, a, b in facts:
            if relation in ("is-a", "synonym"):
                self.wider.setdefault(a, set()).add(b)
            if relation == "synonym":
                self.wider.setdefault(b, set()).add(a)
            if relation in ("antonym", "exclusive"):
                self.apart.add(frozenset((a, b)))
            if relation == "antonym":
                self.opposed.add(frozenset((a, b)))

    def above(self, word: str) -> set[str]:
        found, frontier = {word}, [word]
        while frontier:
            new = self.wider.get(frontier.pop(), set()) - found
            found |= new
            frontier += new
        return found

    def implies(self, a: str, b: str) -> bool:
        return b in self.above(a)

    def excludes(self, a: str, b: str) -> bool:
        return any(frozenset(pair) in self.apart for pair in product(self.above(a), self.above(b)))

    def opposes(self, a: str, b: str) -> bool:
        return any(frozenset(pair) in self.opposed for pair in product(self.above(a), self.above(b)))

    def relation(self, a: str, b: str) -> tuple[bool, bool, bool]:
        return self.implies(a, b), self.implies(b, a), self.excludes(a, b)


def narrower(know: Knowledge, a: Literal, b: Literal) -> bool:
    """Whether a's description implies b's, both taken as affirmed."""
    same = all(
        know.implies(x.removeprefix("the "), y.removeprefix("the ")) for x, y in ((a.who, b.who), (a.whom, b.whom))
    )
    return same and know.implies(a.verb, b.verb) and all(any(know.implies(x, y) for x in a.words) for y in b.words)


def excluding(know: Knowledge, a: Literal, b: Literal) -> bool:
    same = a.verb == b.verb == "be" and a.who == b.who
    return same and any(know.excludes(x, y) for x, y in product(a.words, b.words))


def follows(know: Knowledge, a: Literal, b: Literal, wanted: bool) -> bool:
    """Whether literal a makes b true (`wanted`) or false."""
    target = b.positive == wanted
    if a.positive:
        return narrower(know, a, b) if target else excluding(know, a, b)
    return not target and narrower(know, b, a)


def decide_literals(know: Knowledge, premise: list[Literal], hypothesis: list[Literal]) -> str:
    if any(follows(know, a, b, False) for a, b in product(premise, hypothesis)):
        return "contradiction"
    known = all(any(follows(know, a, b, True) for a in premise) for b in hypothesis)
    return "entailment" if known else "neutral"


def decide_quantified(know: Knowledge, p: Quantified, h: Quantified) -> str:
    if p.place != h.place:
        return "neutral"
    relations = know.relation(p.noun, h.noun), know.relation(p.predicate, h.predicate)
    return _quantified(p.quantifier, h.quantifier, *relations)


@cache
def _quantified(p: str, h: str, nouns: tuple[bool, ...], predicates: tuple[bool, ...]) -> str:
    """Models: which sorts of individuals exist. A quantified noun is presupposed to have instances in the premise."""
    sorts = list(product(_regions(*nouns), _regions(*predicates)))
    models = chain.from_iterable(combinations(sorts, n) for n in range(1, len(sorts) + 1))
    return label(_true(h, 1, model) for model in models if _exist(model) and _true(p, 0, model))


def _regions(forward: bool, backward: bool, apart: bool) -> list[tuple[bool, bool]]:
    """Ways to fall under two words given how they are related."""
    cases = product((True, False), repeat=2)
    return [
        (a, b) for a, b in cases if not (forward and a > b) and not (backward and b > a) and not (apart and a and b)
    ]


def _exist(model: tuple) -> bool:
    return any(noun[0] for noun, _ in model)


def _true(quantifier: str, index: int, model: tuple) -> bool:
    having = [predicate[index] for noun, predicate in model if noun[index]]
    return {
        "Every": all(having), "Not every": not all(having), "No": not any(having), "At least one": any(having)
    }[quantifier]  # fmt: skip


def decide_counted(know: Knowledge, p: Counted, h: Counted) -> str:
    if p.place != h.place:
        return "neutral"
    return _counted(p.allowed, h.allowed, know.relation(p.noun, h.noun))


@cache
def _counted(p: range, h: range, nouns: tuple[bool, ...]) -> str:
    """Models: how many things fall under both nouns, or under one alone."""
    regions = [region for region in _regions(*nouns) if any(region)]
    models = [[*zip(counts, regions, strict=True)] for counts in product(range(15), repeat=len(regions))]
    return label(_total(model, 1) in h for model in models if _total(model, 0) in p)


def _total(model: list[tuple[int, tuple[bool, bool]]], index: int) -> int:
    return sum(count for count, region in model if region[index])


def decide_compared(know: Knowledge, p: Compared, h: Compared) -> str:
    """Models: ranks on one scale; statements on scales not known to be the same are independent."""
    same = know.implies(p.adjective, h.adjective) and know.implies(h.adjective, p.adjective)
    if not same and not know.opposes(p.adjective, h.adjective):
        return "neutral"
    people = sorted({p.high, p.low, h.high, h.low})
    high, low = (h.high, h.low) if same else (h.low, h.high)
    models = [dict(zip(people, ranks, strict=True)) for ranks in product(range(4), repeat=len(people))]
    return label((m[high] > m[low]) == h.positive for m in models if (m[p.high] > m[p.low]) == p.positive)


def decide_ordered(know: Knowledge, p: Ordered, h: Ordered) -> str:
    """Models: times of events; an event of the hypothesis is one of the premise's if a wider word tells it."""
    events = [p.first, p.second]

    def same(event: tuple[str, str]) -> tuple[str, str]:
        matches = [e for e in events if e[0] == event[0] and know.implies(e[1], event[1])]
        return matches[0] if matches else event

    first, second = same(h.first), same(h.second)
    every = sorted({*events, first, second})
    models = [dict(zip(every, times, strict=True)) for times in product(range(4), repeat=len(every))]
    return label(m[first] < m[second] for m in models if m[p.first] < m[p.second])


def solve(reader: Reader, know: Knowledge, premise: str, hypothesis: str) -> str:
    p, h = reader.read(premise), reader.read(hypothesis)
    if type(p) is not type(h):
        return "neutral"
    decide = {
        list: decide_literals,
        Quantified: decide_quantified,
        Counted: decide_counted,
        Compared: decide_compared,
        Ordered: decide_ordered,
    }[type(p)]
    return decide(know, p, h)
