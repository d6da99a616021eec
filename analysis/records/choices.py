"""The learning rates that a study tried and those that validation chose, as `train.study` wrote them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.records.reading import RecordError, is_kind, lookup, parse_object, read_text

Choices = Mapping[str, frozenset[float]]
"""Init -> the learning rates that validation chose for it."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one block of a study tried for an init, and what validation chose."""

    init: str
    rates: frozenset[float]
    """All that were tried."""
    diverged: frozenset[float]
    """Those of which a seed diverged."""
    chosen: float
    at_edge: bool
    """Whether the chosen rate is the lowest or the highest of all."""

    def is_of(self, init: str, found: frozenset[float], rate: float) -> bool:
        """Whether this chose `rate` among finished runs of an init at the rates `found`."""
        return (init, rate) == (self.init, self.chosen) and self.rates - self.diverged <= found <= self.rates


def rounded(rate: float) -> float:
    """Returns a rate with the digits that records keep."""
    return float(f"{rate:.7g}")


def parse(init: str, arm: Any, where: str) -> Choice | None:
    """Returns the choice of one init; None where every rate diverged."""
    chosen, rates = (lookup(arm, name) for name in ("chosen", "rates"))
    if isinstance(arm, dict) and arm.get("chosen", "") is None:
        return None
    if not is_kind(chosen, float):
        raise RecordError(f"{where}.{init}.chosen should be a rate, found {json.dumps(chosen)[:60]}")
    tried = [each for each in rates if isinstance(each, dict)] if isinstance(rates, list) else []
    rated = [(rounded(each["learning_rate"]), each) for each in tried if is_kind(each.get("learning_rate"), float)]
    return Choice(
        init=init,
        rates=frozenset(rate for rate, _ in rated),
        diverged=frozenset(rate for rate, each in rated if None in each.values()),
        chosen=rounded(chosen),
        at_edge=lookup(arm, "at_edge") is True,
    )


def read_choices(path: Path) -> tuple[Choice, ...]:
    """Returns what `train.study` chose, over all blocks of its choices.json; nothing where there is no such file.

    Raises:
        RecordError: unreadable, or a choice without a rate.
    """
    blocks = parse_object(read_text(path), str(path)) if path.exists() else {}
    found = [
        parse(init, arm, f"{path}: {block}")
        for block, arms in blocks.items()
        for init, arm in (arms.items() if isinstance(arms, dict) else [("?", arms)])
    ]
    return tuple(choice for choice in found if choice)


def chosen_rates(choices: Iterable[Choice]) -> Choices:
    """Returns init -> the rates that any block chose for it."""
    chosen: dict[str, set[float]] = defaultdict(set)
    for choice in choices:
        chosen[choice.init].add(choice.chosen)
    return {init: frozenset(rates) for init, rates in chosen.items()}
