"""What makes a figure of the report: how it is drawn, and the words that go with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from matplotlib.figure import Figure

Subject = TypeVar("Subject")
"""What a figure is about: a study, or one of the seed report's systems."""


@dataclass(frozen=True, kw_only=True)
class Picture(Generic[Subject]):
    """How a figure is drawn and described."""

    draw: Callable[[Subject], Figure | None]
    """None when the records have nothing for it."""
    alt: Callable[[Subject], str]
    """What it shows, for a reader who does not see it."""
    source: str | Callable[[Subject], str]
    """The records that it is drawn from, as for a table; where they lie may depend on what it is about."""
    caption: str
    """How to read it."""
    headline: bool = False
    """Whether it stands on the first screen, so that the note on MiniLM belongs beside it."""

    def source_of(self, subject: Subject) -> str:
        """Returns where its records are."""
        return self.source if isinstance(self.source, str) else self.source(subject)
