"""What a fault is, and what came of trying it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.torture.bench import Bench


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One attempt."""

    what: str
    """What was done to the run."""
    wrong: str = ""
    """What came out otherwise than it should; empty when all was as it should be."""
    control: bool = False
    """Whether this tries the torture instead of the run: it is right when a planted defect was seen."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the catalogue."""

    title: str
    how: str
    """How it is tried."""
    correct: str
    """What must come out of it."""
    trials: Callable[[Bench, bool], Iterator[Trial]]
    """Tries it; the second argument asks for the short version."""
