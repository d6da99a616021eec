"""Matched sets about people: what they do to things and to each other, in which order, and who does more of it."""

from random import Random
from typing import TypeVar

from train.data.grammar import comparative, copula, dealt, handled, indefinite, ordered, past, sentence
from train.data.matched import Matched, Pair, Sense, cross, either, nouns, opposites, ring, widen
from train.data.vocabulary import Lexicon, Pole

T = TypeVar("T")


def modifier(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Dropping a modifier, and adding one under negation; neutral: another modifier of the same noun."""
    family = rng.choice([family for family in lexicon.families if len(family.scales) > 2])
    shared, *owns = rng.sample(range(len(family.scales)), 3)
    sides = [rng.choice(lexicon.scales[scale]) for scale in family.scales]
    noun, name, verbs = rng.choice(nouns(family)), rng.choice(lexicon.names), rng.choice(lexicon.handling)
    told: Matched = []
    for own in owns:
        senses = [*(widen(rng, sides[k]) for k in sorted((own, shared))), noun]
        narrow = indefinite(*(sense[0] for sense in senses))
        looser = indefinite(*(rng.choice(sense) for sense in senses))
        one, same = (indefinite(rng.choice(sides[own].base), noun[1]) for _ in range(2))
        told.append((_did(rng, name, verbs, one, False), _did(rng, name, verbs, looser, False)))
        told.append((_did(rng, name, verbs, narrow, True), _did(rng, name, verbs, same, True)))
    return cross(told, neutral=3)


def _did(rng: Random, name: str, verbs: tuple[str, ...], things: str, positive: bool) -> str:
    return handled(name, rng.choice(verbs), things, positive)


def conjunction(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Dropping a conjunct; neutral: someone, or something, not mentioned."""
    return (_people if rng.random() < 0.5 else _things)(lexicon, rng)


def _people(lexicon: Lexicon, rng: Random) -> list[Pair]:
    *names, extra = rng.sample(lexicon.names, 4)
    good, bad = opposites(rng, lexicon, rng.choice(lexicon.moods))
    told = []
    for i, name in enumerate(names):
        narrow, wide = widen(rng, good)
        group = rng.choice((f"{name} is", f"both {name} and {extra} are", f"both {extra} and {name} are"))
        clauses = [f"{group} {narrow}", f"{names[(i + 1) % 3]} is {rng.choice(bad.words)}"]
        rng.shuffle(clauses)
        told.append((sentence(rng.choice((", but ", ", and ")).join(clauses)), copula(name, wide)))
    return ring(told)


def _things(lexicon: Lexicon, rng: Random) -> list[Pair]:
    family = rng.choice(lexicon.families)
    senses = [(rng.choice(family.kinds[kind] or (kind,)), kind) for kind in rng.sample(sorted(family.kinds), 3)]
    name, verbs = rng.choice(lexicon.names), rng.choice(lexicon.handling)
    told = []
    for i, sense in enumerate(senses):
        things = f"{indefinite(sense[0])} but no {senses[(i + 1) % 3][1]}"
        told.append((_did(rng, name, verbs, things, True), _did(rng, name, verbs, indefinite(rng.choice(sense)), True)))
    return ring(told)


def voice(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Active and passive; neutral: agent and patient exchanged."""
    if rng.random() < 0.25:
        one, other = ((name, name) for name in rng.sample(lexicon.names, 2))
    else:
        kinds = rng.sample(sorted(lexicon.roles), 2)
        one, other = ((f"the {rng.choice(lexicon.roles[kind])}", f"the {kind}") for kind in kinds)
    pole = rng.choice(lexicon.dealing)
    return cross(_dealings(rng, one, pole, other) + _dealings(rng, other, pole, one), either(rng))


def _dealings(rng: Random, agent: Sense, pole: Pole, patient: Sense) -> Matched:
    narrow, wide = widen(rng, pole)
    denied = rng.choice((narrow, wide))
    active, passive = rng.sample((False, True), 2)
    return [
        (dealt(agent[0], narrow, patient[0], active, True), dealt(agent[1], wide, patient[1], not active, True)),
        (dealt(agent[1], wide, patient[1], passive, False), dealt(agent[1], denied, patient[1], not passive, False)),
    ]


def temporal(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Before and after, with events renamed; neutral: a third event."""
    draw = _acts if rng.random() < 0.6 else _occasions
    one, other, third = draw(lexicon, rng)
    return cross(_orders(rng, one, other) + _orders(rng, *_linked(rng, third, one, other)), either(rng))


def _acts(lexicon: Lexicon, rng: Random) -> list[Sense]:
    names, acts = rng.sample(lexicon.names, 3), rng.sample(lexicon.acting, 3)
    senses = [widen(rng, act) for act in acts]
    return [
        (f"{name} {past(narrow)}", f"{name} {past(wide)}") for name, (narrow, wide) in zip(names, senses, strict=True)
    ]


def _occasions(lexicon: Lexicon, rng: Random) -> list[Sense]:
    kinds = rng.sample(sorted(lexicon.occasions), 3)
    return [(f"the {rng.choice(lexicon.occasions[kind])}", f"the {kind}") for kind in kinds]


def _orders(rng: Random, one: Sense, other: Sense) -> Matched:
    """`one` came first, or `other` did; each hypothesis tells it the other way round."""
    told = []
    for first, second in ((one, other), (other, one)):
        converse = rng.random() < 0.5
        follows = ordered(rng.choice(first), rng.choice(second), not converse)
        told.append((ordered(first[0], second[0], converse), follows))
    return told


def comparison(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """More is the converse of less, and excludes it; neutral: another scale or another person."""
    one, other, third = rng.sample(lexicon.names, 3)
    scale, second = rng.sample(lexicon.degrees, 2)
    told = _compared(rng, lexicon, scale, one, other)
    if rng.random() < 0.5:
        return cross(told + _compared(rng, lexicon, second, one, other), either(rng))
    return cross(told + _compared(rng, lexicon, scale, *_linked(rng, third, one, other)), either(rng))


def _linked(rng: Random, third: T, *others: T) -> list[T]:
    """The third together with one of the others, in random order."""
    return rng.sample([third, rng.choice(others)], 2)


def _compared(rng: Random, lexicon: Lexicon, scale: str, one: str, other: str) -> Matched:
    more, less = lexicon.scales[scale]
    told = []
    for high, low in ((one, other), (other, one)):
        ways = [copula(high, f"{comparative(word)} than {low}") for word in more.base]
        ways += [copula(low, f"{comparative(word)} than {high}") for word in less.base]
        denial = copula(low, f"{comparative(rng.choice(more.base))} than {high}", positive=False)
        premise, follows = rng.sample(ways, 2)
        told.append((premise, rng.choice((follows, follows, denial))))
    return told
