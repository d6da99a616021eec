"""What the sections on the models' insides share: tables of a probe's record, and what became of its hypotheses."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from analysis.records.inside import Inside, found_row, read_hypotheses
from analysis.records.reading import RecordError
from analysis.records.text import listing, number, span
from analysis.tables.document import Block, Table

Row = Mapping[str, Any]
Cells = Mapping[str, Callable[[Row], str]]
"""Heading of a column -> what it shows of a row."""


def cells_of(*names: str) -> Cells:
    """Returns columns that show values as they are, each under its own name."""

    def shown(name: str) -> Callable[[Row], str]:
        return lambda row: str(row[name])

    return {name: shown(name) for name in names}


def rounded(heading: str, name: str, digits: int = 3) -> Cells:
    """Returns a column of numbers."""
    return {heading: lambda row: number(row[name], digits)}


def ends(digits: int = 3, over: str = "") -> Cells:
    """Returns the column of an interval."""
    return {f"95% interval{over}": lambda row: span(row["low"], row["high"], digits)}


def share_span(row: Row) -> str:
    """Returns the interval of a share, which is none beyond 0 and 1."""
    low, high = (min(max(row[end], 0.0), 1.0) for end in ("low", "high"))
    return span(low, high)


def table(inside: Inside, name: str, caption: str, cells: Cells) -> Table:
    """Returns a table of a record as one of the report."""
    rows = tuple(tuple(show(row) for show in cells.values()) for row in inside.tables[name])
    return Table(caption, tuple(cells), rows, inside.source)


def hypothesis_blocks(inside: Inside) -> list[Block]:
    """Returns the hypotheses of one probe with what was found, and how many of them held."""
    register = read_hypotheses(inside.probe)
    found = {effect["hypothesis"]: effect for effect in inside.tables["effects"]}
    if unknown := sorted(found.keys() - register.keys()):
        raise RecordError(f"hypothesis {unknown[0]} is not in analysis/probes/hypotheses.toml")
    rows = [found_row(id, each, found.get(id)) for id, each in register.items()]
    if not rows:
        return []
    columns = ("hypothesis", "statement", "measure, expected", "found", "95% interval", "over", "verdict")
    verdicts = Counter(row[-1] for row in rows)
    decided = [f"{amount} {verdict}" for verdict in ("held", "refuted") if (amount := verdicts[verdict])]
    text = f"{listing(decided) or 'none decided'} of {len(rows)}" if found else "none was measured"
    dated = "analysis/probes/hypotheses.toml says when, and which came later or were reworded"
    caption = f"Hypotheses, written down before the models were opened ({dated}), each judged by itself: {text}"
    return [Table(caption, columns, tuple(rows), f"{inside.source}, analysis/probes/hypotheses.toml")]
