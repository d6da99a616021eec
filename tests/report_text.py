"""A report's Markdown and its page, taken apart again."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path


def section(report: str, heading: str) -> str:
    return report.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(text: str, caption: str) -> list[dict[str, str]]:
    """Rows of the table below a caption, by column."""
    block = re.search(rf"\*\*{re.escape(caption)}[^\n]*\*\*\n\n((?:\|[^\n]*\n)+)", text)
    assert block, caption
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block[1].splitlines()]
    return [dict(zip(lines[0], row, strict=True)) for row in lines[2:]]


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def outputs(folder: Path) -> dict[str, bytes]:
    paths = [*folder.glob("report.*"), *folder.glob("figures/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


class Tags(HTMLParser):
    """Collects tags, attributes and ids of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
