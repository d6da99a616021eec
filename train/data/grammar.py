"""English inflection for the lexicon's words, and the sentence frames of the built-in corpus.

Rules cover the regular words; the tables hold the exceptions that occur in `train.data.lexicon`, not those of English.
"""

import re

NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_PAST = {
    "buy": "bought", "choose": "chose", "draw": "drew", "eat": "ate", "find": "found", "fall": "fell", "hit": "hit",
    "leave": "left", "run": "ran", "see": "saw", "sell": "sold", "sing": "sang", "speak": "spoke",
    "swim": "swam", "teach": "taught", "weep": "wept",
}  # fmt: skip
_DOUBLED = ("grin", "jog", "slap", "stab")
_PLURAL = {"knife": "knives", "cactus": "cacti", "scarf": "scarves"}
_MORE = (
    "beautiful", "courageous", "cowardly", "foolish", "intelligent", "joyful", "powerful", "stupid",
)  # fmt: skip


def past(verb: str) -> str:
    """Past tense, which is also the participle of every verb used in the passive."""
    if verb in _PAST:
        return _PAST[verb]
    if verb in _DOUBLED:
        return verb + verb[-1] + "ed"
    return re.sub(r"(?<=[^aeiou])y$", "i", verb).removesuffix("e") + "ed"


def plural(noun: str) -> str:
    if noun in _PLURAL:
        return _PLURAL[noun]
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|ch|sh|[^n]to)$", noun) else "s")


def comparative(adjective: str) -> str:
    if adjective in _MORE:
        return "more " + adjective
    if re.fullmatch(r"[^aeiou]+[aeiou][^aeiouwxy]", adjective):
        return adjective + adjective[-1] + "er"
    return re.sub(r"y$", "i", adjective).removesuffix("e") + "er"


def indefinite(*words: str) -> str:
    """The words as a noun phrase with "a" or "an"; in this lexicon the sound follows the spelling."""
    phrase = " ".join(words)
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def copula(subject: str, predicate: str, positive: bool = True) -> str:
    return sentence(f"{subject} is {predicate}" if positive else f"{subject} is not {predicate}")


def quantified(quantifier: str, noun: str, place: str, predicate: str) -> str:
    return sentence(f"{quantifier} {noun} {place} is {predicate}")


def counted(count: str, noun: str, place: str) -> str:
    return sentence(f"there are {count} {plural(noun)} {place}")


def handled(name: str, verb: str, things: str, positive: bool) -> str:
    return sentence(f"{name} {past(verb)} {things}" if positive else f"{name} did not {verb} {things}")


def dealt(agent: str, verb: str, patient: str, passive: bool, positive: bool) -> str:
    """Active "X hugged Y" or passive "Y was hugged by X", affirmed or denied."""
    if passive:
        return sentence(f"{patient} was {'' if positive else 'not '}{past(verb)} by {agent}")
    return handled(agent, verb, patient, positive)


def ordered(first: str, second: str, converse: bool) -> str:
    """The same order of two events, told with "before" or, conversely, with "after"; a noun needs a verb."""
    link = " was" if first.startswith("the ") else ""
    return sentence(f"{second}{link} after {first}" if converse else f"{first}{link} before {second}")
