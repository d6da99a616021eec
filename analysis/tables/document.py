"""What a report is made of; the Markdown and the HTML template draw the same blocks."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Listing:
    """A bulleted list of plain text."""

    items: tuple[str, ...]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns; the first cell of a row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str
    """The records that its numbers come from: paths below the study's folder, or below the project's."""
    records: tuple[Path, ...] = ()
    """The record of each row, to which its name leads; empty where a row has none of its own."""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Plot:
    """A figure: its file name without ending, what it shows (alt text) and how to read it (caption)."""

    name: str
    alt: str
    caption: str
    svg: str
    """The figure as an element for the HTML page."""
    kind: ClassVar[str] = "plot"


@dataclass(frozen=True)
class Code:
    """Commands, one a line."""

    lines: tuple[str, ...]
    kind: ClassVar[str] = "code"


Block = Paragraph | Listing | Table | Plot | Code


@dataclass(frozen=True)
class Section:
    """A heading and its blocks."""

    heading: str
    blocks: tuple[Block, ...]
    folded: bool = False
    """Whether the page shows the heading alone until a reader opens it."""

    @property
    def anchor(self) -> str:
        """The name by which a link finds it."""
        return re.sub(r"\W+", "-", self.heading.lower()).strip("-")
