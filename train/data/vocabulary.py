"""The shape of the hand-written lexicon, and the notation of its tables.

Notation: `dog: hound poodle` says that hounds and poodles are dogs and exclude one another; `large big > huge | small`
says that large and big mean the same, that huge entails both, and that small excludes all three.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pole:
    """One side of a scale: the `base` words are synonyms; each of the `strong` ones entails them."""

    base: tuple[str, ...]
    strong: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return self.base + self.strong


@dataclass(frozen=True, slots=True)
class Family:
    """Things found in the same places: `kinds` exclude one another, and so do the species listed under a kind."""

    genus: str
    places: tuple[str, ...]
    scales: tuple[str, ...]
    """Scales usable before the noun, in the order English puts them (opinion, size, age, shape, colour)."""
    states: tuple[str, ...]
    """Scales usable only after "is"."""
    kinds: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """One part of the vocabulary, with its relations."""

    names: tuple[str, ...]
    families: tuple[Family, ...]
    scales: dict[str, tuple[Pole, ...]]
    moods: tuple[str, ...]
    """Scales that describe people."""
    degrees: tuple[str, ...]
    """Scales on which people are compared."""
    roles: dict[str, tuple[str, ...]]
    """People by occupation or age: only is-a holds among them, a dentist may well be a cousin."""
    handling: tuple[tuple[str, ...], ...]
    """Transitive verbs with things as objects; the words of one tuple are synonyms."""
    dealing: tuple[Pole, ...]
    """Transitive verbs between people for which exchanging the two people leaves the truth open."""
    acting: tuple[Pole, ...]
    """Intransitive verbs."""
    occasions: dict[str, tuple[str, ...]]
    """Events that happen once on a day, by kind."""


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def tree(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition(":") for entry in text.split(";"))
    return {head.strip(): tuple(rest.split()) for head, _, rest in pairs}


def _pole(text: str) -> Pole:
    base, _, strong = text.partition(">")
    return Pole(tuple(base.split()), tuple(strong.split()))


def poles(text: str) -> tuple[Pole, ...]:
    return tuple(_pole(part) for part in text.split("|"))


def scales(text: str) -> dict[str, tuple[Pole, ...]]:
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {name.strip(): poles(rest) for name, _, rest in lines}


def family(genus: str, places: str, scales: str, states: str, kinds: str) -> Family:
    where = tuple(place.strip() for place in places.split(","))
    return Family(genus, where, tuple(scales.split()), tuple(states.split()), tree(kinds))


def groups(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(part.split()) for part in text.split("|"))
