"""The built-in corpus's lexicon as plain facts, for whoever reasons from it without the generator."""

from itertools import combinations, product

from train.data.vocabulary import Family, Lexicon, Pole

Fact = tuple[str, str, str]
"""(relation, word, word): "is-a" (from narrow to wide), "synonym", "antonym" or "exclusive"."""


def _scale_facts(poles: tuple[Pole, ...]) -> list[Fact]:
    facts = [fact for pole in poles for fact in _pole_facts(pole)]
    opposition = "antonym" if len(poles) == 2 else "exclusive"
    return facts + [(opposition, a.base[0], b.base[0]) for a, b in combinations(poles, 2)]


def _pole_facts(pole: Pole) -> list[Fact]:
    same = [*combinations(pole.base, 2)]
    return [("synonym", a, b) for a, b in same] + [("is-a", a, b) for a, b in product(pole.strong, pole.base)]


def _family_facts(family: Family) -> list[Fact]:
    facts = _tree_facts(family.kinds) + [("is-a", kind, family.genus) for kind in family.kinds]
    groups = [tuple(family.kinds), *family.kinds.values()]
    return facts + [("exclusive", a, b) for group in groups for a, b in combinations(group, 2)]


def _tree_facts(tree: dict[str, tuple[str, ...]]) -> list[Fact]:
    return [("is-a", narrow, wide) for wide, narrows in tree.items() for narrow in narrows]


def facts(lexicon: Lexicon) -> list[Fact]:
    """Every relation as it was written down, without what follows from two of them."""
    taught = [fact for poles in lexicon.scales.values() for fact in _scale_facts(poles)]
    taught += [fact for family in lexicon.families for fact in _family_facts(family)]
    taught += [fact for pole in lexicon.dealing + lexicon.acting for fact in _pole_facts(pole)]
    taught += [("synonym", a, b) for group in lexicon.handling for a, b in combinations(group, 2)]
    return taught + _tree_facts(lexicon.roles) + _tree_facts(lexicon.occasions)
