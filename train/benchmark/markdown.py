"""How the benchmark's report shows tables and outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    marks = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows))


def verdict(met: bool | None) -> str:
    """A target's outcome."""
    return "" if met is None else "met" if met else "**not met**"
