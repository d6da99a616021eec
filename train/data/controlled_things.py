"""Matched sets about things: their kinds, their properties, how many there are.

Similar phenomena, without the balance on both sides: HANS (McCoy et al. 2019) and MED (Yanaka et al. 2019).
"""

from random import Random

from train.data.grammar import NUMERALS, copula, counted, indefinite, quantified
from train.data.matched import Matched, Pair, apart, cross, either, hyponyms, opposites, ring, widen
from train.data.vocabulary import Lexicon, Pole


def contrast(rng: Random, subject: str, two: list[Pole]) -> Matched:
    """The subject has one property, or an opposite one. A hypothesis denies the opposite if there is no other word."""
    senses = [widen(rng, pole) for pole in two]
    told = []
    for (narrow, wide), (_, opposite) in (senses, senses[::-1]):
        follows = copula(subject, wide) if narrow != wide else copula(subject, opposite, positive=False)
        told.append((copula(subject, narrow), follows))
    return told


def adjective(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Synonyms, stronger words and antonyms; neutral: another property."""
    family = rng.choice(lexicon.families)
    noun = rng.choice([*family.kinds, family.genus])
    subject, scales = f"the {noun} {rng.choice(family.places)}", family.scales + family.states
    if rng.random() < 0.4:
        subject, scales = rng.choice(lexicon.names), lexicon.moods
    told = [contrast(rng, subject, opposites(rng, lexicon, scale)) for scale in rng.sample(scales, 2)]
    return cross(told[0] + told[1], either(rng))


def taxonomy(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Is-a in both directions and exclusive kinds; neutral: the wider word, the weaker word or no word at all."""
    family = rng.choice(lexicon.families)
    (noun, kind), (other, _) = apart(rng, family)
    first, second = sorted(rng.sample(family.scales, 2), key=family.scales.index)
    (big, small), (red, white) = opposites(rng, lexicon, first), opposites(rng, lexicon, second)
    size, claimed_size, weaker = _degree(rng, big)
    colour, claimed_colour = widen(rng, red)
    pale = rng.choice(white.words)
    upward = noun == kind or rng.random() < 0.5
    told = [
        (indefinite(rng.choice(small.words), noun), indefinite(kind if upward else noun)),
        (" and ".join((size, pale)) if upward else indefinite(size, pale, kind), claimed_size),
        (indefinite(*weaker, colour, other), claimed_colour),
    ]
    subject = f"the {family.genus} {rng.choice(family.places)}"
    return ring([(copula(subject, premise), copula(subject, follows)) for premise, follows in told])


def _degree(rng: Random, pole: Pole) -> tuple[str, str, tuple[str, ...]]:
    """(word, a word it entails, words that leave the latter open)"""
    if pole.strong and rng.random() < 0.5:
        strong = rng.choice(pole.strong)
        return strong, strong, (rng.choice(pole.base),)
    return *widen(rng, pole), ()


def denial(subject: str, narrow: str, wide: str) -> Matched:
    """Negation turns is-a around: (not wide, so not narrow) against (narrow, so wide)."""
    return [
        (copula(subject, wide, positive=False), copula(subject, narrow, positive=False)),
        (copula(subject, narrow), copula(subject, wide)),
    ]


def exclusion(subject: str, one: tuple[str, str], other: tuple[str, str]) -> Matched:
    """Being one thing is not being the other; `one` and `other` are (word, a word it entails)."""
    follows = copula(subject, other[1]) if other[0] != other[1] else copula(subject, one[1], positive=False)
    return [(copula(subject, one[0]), copula(subject, other[1], positive=False)), (copula(subject, other[0]), follows)]


def negation(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Negated is-a, and what excluding words imply; matter A is the noun, matter B an adjective."""
    family = rng.choice(lexicon.families)
    subject = f"the {family.genus} {rng.choice(family.places)}"
    one, other = ((indefinite(noun), indefinite(kind)) for noun, kind in apart(rng, family))
    kind = denial(subject, *one) if one[0] != one[1] and rng.random() < 0.6 else exclusion(subject, one, other)
    big, small = opposites(rng, lexicon, rng.choice(family.scales + family.states))
    if big.strong and rng.random() < 0.7:
        quality = denial(subject, rng.choice(big.strong), rng.choice(big.base))
    else:
        quality = exclusion(subject, widen(rng, big), widen(rng, small))
    return cross(kind + quality, either(rng))


def quantifier(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Monotonicity in noun and predicate, both ways; neutral: the opposite or another predicate."""
    family = rng.choice(lexicon.families)
    place = rng.choice(family.places)
    narrow, wide = rng.choice(hyponyms(family.kinds) + [(kind, family.genus) for kind in family.kinds])
    scales = family.scales + family.states
    if rng.random() < 0.5:
        told = [_no_and_some(rng, narrow, wide, place, pole) for pole in opposites(rng, lexicon, rng.choice(scales))]
        return cross(told[0] + told[1], neutral=2)
    told = [_every_or_not(rng, narrow, wide, place, opposites(rng, lexicon, scale)) for scale in rng.sample(scales, 2)]
    return cross(told[0] + told[1], either(rng))


def _no_and_some(rng: Random, narrow: str, wide: str, place: str, pole: Pole) -> Matched:
    strong, (base, synonym) = rng.choice(pole.words), (rng.choice(pole.base), rng.choice(pole.base))
    some = rng.choice(("every", "at least one"))
    return [
        (quantified("no", wide, place, base), quantified("no", narrow, place, strong)),
        (quantified(some, narrow, place, strong), quantified("at least one", wide, place, synonym)),
    ]


def _every_or_not(rng: Random, narrow: str, wide: str, place: str, two: list[Pole]) -> Matched:
    strong, base = widen(rng, two[0])
    opposite = rng.choice(two[1].words)
    exception = rng.choice((("not every", base), ("at least one", opposite)))
    return [
        (quantified("every", wide, place, strong), quantified("every", narrow, place, base)),
        (quantified(exception[0], narrow, place, exception[1]), quantified("not every", wide, place, base)),
    ]


def numeral(lexicon: Lexicon, rng: Random) -> list[Pair]:
    """Bounds on counts, carried upward (at least) and downward (at most) along is-a; neutral: other things counted."""
    divided = [(f, kinds) for f in lexicon.families if len(kinds := [kind for kind in f.kinds if f.kinds[kind]]) > 1]
    family, kinds = rng.choice(divided)
    place = rng.choice(family.places)
    told = [_bounds(rng, rng.choice(family.kinds[kind]), kind, place) for kind in rng.sample(kinds, 2)]
    return cross(told[0] + told[1], either(rng))


def _bounds(rng: Random, noun: str, kind: str, place: str) -> Matched:
    few, least, many = sorted(rng.sample(range(2, 12), 3))
    most = rng.randint(few, many - 1)
    return [
        (counted(at_least(rng, many), noun, place), counted(at_least(rng, least), kind, place)),
        (counted(at_most(rng, few), kind, place), counted(at_most(rng, most), rng.choice((noun, kind)), place)),
    ]


def at_least(rng: Random, count: int) -> str:
    forms = [f"at least {NUMERALS[count]}"] + [f"more than {NUMERALS[count - 1]}"] * (count > 2)
    return rng.choice(forms)


def at_most(rng: Random, count: int) -> str:
    return rng.choice((f"at most {NUMERALS[count]}", f"fewer than {NUMERALS[count + 1]}"))
