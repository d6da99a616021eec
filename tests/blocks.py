"""Blocks of a report without drawing it: the tables as rows, and figures that stand for any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from analysis.claims.findings import find
from analysis.figures.beyond_gallery import BEYOND
from analysis.records.study import open_study
from analysis.report.publish import draw_picture
from analysis.report.sections import sections
from analysis.tables.document import Block, Paragraph, Plot, Table


def any_plots() -> Mapping[str, Plot]:
    return defaultdict(lambda: Plot(name="any", alt="", caption="", svg=""))


def rows_of(blocks: Iterable[Block], caption: str) -> list[dict[str, str]]:
    """Rows of the table whose caption begins so, by column."""
    found = next(each for each in blocks if isinstance(each, Table) and each.caption.startswith(caption))
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def text_of(blocks: Iterable[Block]) -> str:
    return "\n".join(each.text for each in blocks if isinstance(each, Paragraph))


def headings(folder: Path, benchmark: Path | None = None) -> list[str]:
    findings = find(open_study([folder], folder), [], [benchmark] if benchmark else [])
    return [each.heading for each in sections(findings, any_plots())]


def drawn(folder: Path, name: str) -> str:
    """The alt text of a figure beyond accuracy, once it could be drawn."""
    found = draw_picture(name, BEYOND[name], open_study([folder], folder))
    assert found is not None and found.png.startswith(b"\x89PNG") and found.plot.svg.startswith("<svg")
    return found.plot.alt
