"""Text of unknown origin made harmless, and numbers made readable."""

import math
import unicodedata
from collections.abc import Sequence

LONGEST = 200
"""Characters kept of one string of a record; hashes are 64 long, names far shorter."""

MISSING = "n/a"


def clean(text: str, longest: int = LONGEST) -> str:
    """Returns `text` on one line without control, direction-changing, surrogate or unassigned characters.

    Such characters can drive a terminal, reverse a line, or make a file impossible to encode. None of them is
    printable, so that most texts need no look at each of their characters.
    """
    spaced = " ".join(text[: 4 * longest].split())
    kept = spaced if spaced.isprintable() else "".join(c for c in spaced if unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def clean_tree(value: object) -> object:
    """Returns parsed JSON with every string, keys included, cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_tree(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean_tree(item) for key, item in value.items()}
    return value


def number(value: float, digits: int = 3) -> str:
    """Returns a fixed-point number with thousands separated and a true minus sign; `n/a` unless finite."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}" if text.strip("-0.") else "")


def rate_text(rate: float) -> str:
    """Returns a learning rate as it is written in a study file: `3e-4`."""
    mantissa, _, exponent = f"{rate:.6e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def span(low: float, high: float, digits: int = 3) -> str:
    """Returns `low to high`, or `n/a` where there is no interval."""
    return f"{number(low, digits)} to {number(high, digits)}" if math.isfinite(low + high) else MISSING


def count(amount: int, noun: str) -> str:
    """Returns `1 seed`, `3 seeds`."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def listing(parts: Sequence[str]) -> str:
    """Returns `a`, `a and b`, or `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
