"""What the probes found inside the models: their records, checked, and the hypotheses that stood before them."""

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.records.arms import flatten
from analysis.records.reading import SCHEMA_VERSION, RecordError, is_kind, lookup, parse_object, read_text
from analysis.records.runs import Run
from analysis.records.text import number, span

HYPOTHESES = Path(__file__).parent.parent / "probes" / "hypotheses.toml"

EARLY_STEPS = 100
"""Steps over which the early gradient is averaged."""

OPTIONAL = None
"""The kind of a number that need not be there: NaN then."""

Kinds = Mapping[str, type | None]
Rows = Sequence[Mapping[str, Any]]

SPREAD: Kinds = {"low": OPTIONAL, "high": OPTIONAL, "seeds": int, "over": str}
EFFECT: Kinds = {"hypothesis": str, "difference": float, **SPREAD}
TABLES: dict[str, dict[str, Kinds]] = {
    "shortcut": {
        "templates": {"arm": str, "shortcut": str, "gold": str, "accuracy": float, **SPREAD},
        "conditions": {"arm": str, "condition": str, "accuracy": float, "unchanged": float, **SPREAD},
        "leads": {"arm": str, "lead": float, **SPREAD},
        "effects": EFFECT,
    },
    "layers": {
        "movements": {"arm": str, "seed": int, "part": str, "moved": OPTIONAL, "cosine": OPTIONAL},
        "rolled_back": {"arm": str, "part": str, "lost": float, "accuracy": float, **SPREAD},
        "similarities": {"what": str, "seed": int, "part": str, "cka": OPTIONAL, **SPREAD},
        "effects": EFFECT,
    },
    "landscape": {
        "lines": {"arm": str, "seed": int, "at": float, "loss": OPTIONAL},
        "planes": {"arm": str, "seed": int, "x": float, "y": float, "loss": OPTIONAL},
        "paths": {"arm": str, "seed": int, "x": float, "y": float, "share": float},
        "radii": {"arm": str, "radius": float, "beyond": int, **SPREAD},
        "between": {"what": str, "seeds": str, "at": float, "loss": OPTIONAL},
        "barriers": {"what": str, "seeds": str, "barrier": OPTIONAL},
        "effects": EFFECT,
    },
    "views": {
        "attention": {"arm": str, "layer": int, "place": int, "token": str, "share": float},
        "points": {"arm": str, "when": str, "label": str, "x": float, "y": float, "share": float},
        "effects": EFFECT,
    },
    "gradients": {
        "norms": {"arm": str, "step": int, "part": str, "norm": float},
        "runs": {"arm": str, "seed": int, "fading": OPTIONAL, "left": OPTIONAL},
        "effects": EFFECT,
    },
    "phases": {
        "runs": {
            **{"layers": int, "rate": float, "warmup": float, "seed": int},
            **{"steps": int, "left": OPTIONAL, "loss": OPTIONAL},
        },
        "effects": EFFECT,
    },
}
"""Probe -> its record's tables -> the columns of each and their kinds."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """One probe's record."""

    probe: str
    source: str
    """Where it lies below the study's folder; of another study, below results/."""
    tables: Mapping[str, Rows]
    examples: Mapping[str, int]
    """What was counted -> how many."""
    study: str | None = None
    """The other study whose runs were looked into."""

    def arms(self, table: str) -> list[str]:
        """Returns the arms of a table in its order."""
        return list(dict.fromkeys(row["arm"] for row in self.tables[table]))


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """What was expected before anything was seen."""

    statement: str
    measure: str
    expect: str
    """`above 0` or `below 0`."""
    needs: str = "several runs of both arms, seed by seed"
    """Without what nothing can be measured."""

    def verdict(self, low: float, high: float) -> str:
        """Returns `held` or `refuted` where the interval lies wholly on one side of 0, else `undecided`."""
        sides = {"above 0": low > 0, "below 0": high < 0}
        if not any(sides.values()):
            return "undecided"
        return "held" if sides[self.expect] else "refuted"


def read_hypotheses(probe: str) -> dict[str, Hypothesis]:
    """Returns every registered hypothesis of a probe by its id."""
    register = tomllib.loads(HYPOTHESES.read_text(encoding="utf-8"))
    return {id: Hypothesis(**entry) for id, entry in register.get(probe, {}).items()}


def read_probes(folder: Path, runs: Iterable[Run]) -> dict[str, Inside]:
    """Returns the records in a study's probes/ by name; none where there is no such folder.

    Raises:
        RecordError: unreadable, a value missing or of another kind, or looked up in other test pairs than the runs'.
    """
    paths = {name: folder / f"{name}.json" for name in TABLES}
    return {name: read_probe(path, TABLES[name], runs) for name, path in paths.items() if path.exists()}


def read_probe(path: Path, tables: Mapping[str, Kinds], runs: Iterable[Run]) -> Inside:
    """Returns one record."""
    record = parse_object(read_text(path), str(path))
    if record.get("schema_version") != SCHEMA_VERSION:
        raise RecordError(f"{path}: schema_version {record.get('schema_version')}, expected {SCHEMA_VERSION}")
    test = lookup(record, "data_sha256.test")
    for run in runs:
        if test != flatten(run.certificate).get("data_sha256.test"):
            raise RecordError(f"{path}: looked into other test pairs than those of {run.id}; make it again")
    counts = record.get("examples")
    if not isinstance(counts, dict) or not all(is_kind(count, int) for count in counts.values()):
        raise RecordError(f"{path}: examples should be a table of numbers")
    found = {name: read_table(record.get(name), kinds, f"{path}: {name}") for name, kinds in tables.items()}
    return Inside(probe=path.stem, source=f"{path.parent.name}/{path.name}", tables=found, examples=counts)


def read_table(rows: Any, kinds: Kinds, where: str) -> Rows:
    """Returns a table's rows, every cell of its kind."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecordError(f"{where} should be a list of rows")
    return [
        {name: read_cell(row.get(name), kind, f"{where}[{place}].{name}") for name, kind in kinds.items()}
        for place, row in enumerate(rows)
    ]


def read_cell(value: Any, kind: type | None, where: str) -> Any:
    """Returns one value; for a number that need not be there, NaN in the place of null."""
    if kind is OPTIONAL and value is None:
        return math.nan
    if not is_kind(value, kind or float):
        raise RecordError(f"{where} should be a {(kind or float).__name__}, found {json.dumps(value)[:60]}")
    return value


def found_row(id: str, hypothesis: Hypothesis, effect: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Returns one hypothesis and what was found of it, if it was, as cells."""
    expected = (id, hypothesis.statement, f"{hypothesis.measure}: {hypothesis.expect}")
    if effect is None:
        return (*expected, "n/a", "n/a", "n/a", f"not measured: needs {hypothesis.needs}")
    return (
        *expected,
        number(effect["difference"]),
        span(effect["low"], effect["high"]),
        f"{effect['over']}, {effect['seeds']} seeds" if "seeds" in effect["over"] else effect["over"],
        hypothesis.verdict(effect["low"], effect["high"]),
    )
