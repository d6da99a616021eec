"""What makes a figure of the report: how it is drawn, and the words that go with it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.study import Study


@dataclass(frozen=True, kw_only=True)
class Picture:
    """How a figure is drawn and described."""

    draw: Callable[[Study], Figure | None]
    """None when the records have nothing for it."""
    alt: Callable[[Study], str]
    """What it shows, for a reader who does not see it."""
    caption: str
    """How to read it."""
    headline: bool = False
    """Whether it shows what the report is about, so that the note on MiniLM belongs beside it."""
