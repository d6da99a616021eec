"""The sentences of the few test pairs that a report may quote, as `analysis.probes.quote` looked them up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.records.arms import flatten
from analysis.records.reading import SCHEMA_VERSION, RecordError, is_kind, lookup, parse_object, read_text
from analysis.records.runs import Run

MOST_QUOTED = 20
"""Pairs that a whole report may quote."""

SOURCES = {
    "mnli": "The sentences are quoted from MultiNLI (Williams, Nangia and Bowman 2018, NAACL).",
    "controlled": "The sentences are the project's own.",
}
"""Data set -> whom its sentences are owed to."""


@dataclass(frozen=True, kw_only=True)
class Quotes:
    """Sentences of one test split."""

    source: str
    """Whom they are owed to."""
    split: str
    pairs: Mapping[str, tuple[str, str]]
    """Id of a pair -> premise and hypothesis."""


def read_quotes(path: Path, runs: Iterable[Run]) -> Quotes | None:
    """Returns a study's quotes.json; None where there is no such file.

    Raises:
        RecordError: unreadable, a value of another kind, too many pairs, or quoted from other data than the runs'.
    """
    if not path.exists():
        return None
    record = parse_object(read_text(path), str(path))
    for dotted, kind in (("dataset", str), ("split", str), ("sha256", str), ("pairs", dict)):
        if record.get("schema_version") != SCHEMA_VERSION or not is_kind(lookup(record, dotted), kind):
            raise RecordError(f"{path}: expected schema_version {SCHEMA_VERSION} and a {kind.__name__} as {dotted}")
    split, found = record["split"], record["pairs"]
    if len(found) > MOST_QUOTED:
        raise RecordError(f"{path}: quotes {len(found)} pairs, a report at most {MOST_QUOTED}")
    for id, pair in found.items():
        if not isinstance(pair, list) or [type(side) for side in pair] != [str, str]:
            raise RecordError(f"{path}: pairs.{id} should be premise and hypothesis")
    for run in runs:
        if flatten(run.certificate).get(f"data_sha256.{split}") != record["sha256"]:
            raise RecordError(f"{path}: quotes other {split} pairs than those of {run.id}; make it again")
    pairs = {id: (premise, hypothesis) for id, (premise, hypothesis) in found.items()}
    source = SOURCES.get(record["dataset"], f"The sentences are quoted from {record['dataset']}.")
    return Quotes(source=source, split=split, pairs=pairs)
