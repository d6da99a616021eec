"""Which commits the rounds of a record are of, and what those of each say by themselves."""

from __future__ import annotations

from typing import Any

from train.benchmark.markdown import table
from train.benchmark.record import FIGURES, summarise


def commits_text(record: dict[str, Any]) -> str:
    """The commit that the rounds are of; where they are of several, how many of each."""
    counts = {commit: len(found) for commit, found in by_commit(record).items()}
    if len(counts) == 1:
        return f"commit {next(iter(counts))}"
    return f"rounds by commit: {', '.join(f'{commit} {count}' for commit, count in counts.items())}"


def by_commit(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rounds of each commit, and of each that had changes besides."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in record["rounds"]:
        made = record["environment"] | each
        commit = (made["commit"] or "unknown")[:7] + (" with changes" if made.get("dirty") else "")
        found.setdefault(commit, []).append(each)
    return found


def runs_table(record: dict[str, Any]) -> str:
    """The figures that have a target, by the commit of the rounds; nothing, where all are of one."""
    rounds = by_commit(record)
    if len(rounds) == 1:
        return ""
    alone = {commit: summarise([each["measured"] for each in found]) for commit, found in rounds.items()}
    rows = [
        (figure.meaning, figure.target, *(_cell(alone[commit][name], len(found)) for commit, found in rounds.items()))
        for name, figure in FIGURES.items()
        if figure.target
    ]
    return (
        "The rounds were measured at several times, and looked at in between: how many there would be was not fixed "
        "beforehand. Rounds of one time are more alike than those of several. Medians of each, and how many of its "
        f"rounds meet the target:\n\n{table(('figure', 'target', *rounds), rows)}"
    )


def _cell(found: dict[str, Any] | None, rounds: int) -> str:
    return f"{found['median']:.3g} ({found['met_in_rounds']} of {rounds})" if found else "not measured"
