"""What a report is made of; the Markdown and the HTML template draw the same blocks."""

from dataclasses import dataclass
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
