"""What reading meets: what it dropped, mended or counted, and the problems that forbid a source's use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from models.errors import DataError

SHOWN = 10
"""Problems told with their place; the others are counted by kind."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One defect, with all that is needed to mend it."""

    source: str
    """The file's name."""
    row: int | None
    """Line of the file, the header being 1, or record of a parquet file from 1; None is the whole file."""
    column: str
    """A column's name, or a place in the row; may be empty."""
    kind: str
    """What defects of its sort are called when they are counted."""
    found: str
    expected: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = f", column {self.column}" if self.column else ""
        return f"{self.source}{row}{column}: found {self.found}, expected {self.expected}"


@dataclass
class Findings:
    """What a reader met in one source."""

    source: str
    counts: Counter[str] = field(default_factory=Counter)
    """What was dropped, mended or merely met, and how often."""
    problems: list[Problem] = field(default_factory=list)
    """The first ones."""
    kinds: Counter[str] = field(default_factory=Counter)
    """All problems, by kind."""

    def problem(self, kind: str, found: str, expected: str, row: int | None = None, column: str = "") -> Problem:
        """Note a defect, and give it back."""
        problem = Problem(source=self.source, row=row, column=column, kind=kind, found=found, expected=expected)
        self.kinds[kind] += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)
        return problem

    def fatal(self, kind: str, found: str, expected: str, row: int | None = None) -> DataError:
        """Note a defect with which no further row can be read, and give the error to raise."""
        return DataError(str(self.problem(kind, found, expected, row)))


def first_problems(found: Iterable[Findings]) -> list[Problem]:
    """The first ten of all sources."""
    return [problem for findings in found for problem in findings.problems][:SHOWN]


def refuse(found: Collection[Findings]) -> None:
    """Raise one DataError that tells the first ten problems and counts all by kind, if there are any."""
    problems = first_problems(found)
    if len(problems) > 1:
        kinds = sum((findings.kinds for findings in found), Counter[str]())
        more = kinds.total() - len(problems)
        lines = [f"{kinds.total()} problems in the data ({listed(kinds)})", *map(str, problems)]
        raise DataError("\n  ".join([*lines, f"... and {more} more"] if more else lines))
    if problems:
        raise DataError(str(problems[0]))


def listed(counts: Counter[str]) -> str:
    """Counts in one line, the most frequent first."""
    return ", ".join(f"{what}: {n}" for what, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def shown(value: object, widest: int = 60) -> str:
    """A value as a message quotes it: on one line, without control characters, in at most so many characters."""
    text = repr(value)
    return text if len(text) <= widest else f"{text[: widest - 3]}..."
