"""Simulates how often our 95% intervals hold the true difference of two arms, and writes table.md and record.json."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from analysis.records.files import write_whole
from analysis.statistics.simulation import ITEMS, METHODS, settings, simulate
from train.guard import guard

BAND = (0.93, 0.97)
"""Coverage that counts as right for a 95% interval; it leaves room for the simulation's own error."""


def simulate_all(repeats: int) -> list[dict[str, Any]]:
    """Returns each setting with its results; the k-th setting draws from the k-th stream, whatever the others do."""
    results = []
    for stream, setting in enumerate(settings()):
        methods = simulate(setting, repeats, np.random.default_rng(stream))
        results.append(asdict(setting) | {"methods": methods})
        print(f"{stream + 1}: {label(results[-1])}: {percent(methods['ours']['coverage'])}", flush=True)
    return results


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def label(result: dict[str, Any]) -> str:
    """Returns a setting as text."""
    kind = "paired" if result["paired"] else "independent"
    return f"{result['quantity']}, {result['seeds']} {kind} seeds, sd {result['seed_sd']:g}"


def within_band(result: dict[str, Any]) -> bool:
    """Whether our interval covers as often as it should."""
    return BAND[0] <= result["methods"]["ours"]["coverage"] <= BAND[1]


def to_markdown(record: dict[str, Any]) -> str:
    """Returns the record as a page with one table."""
    results, repeats = record["results"], record["repeats"]
    good = sum(map(within_band, results))
    error = (0.95 * 0.05 / repeats) ** 0.5
    lines = [
        "# Do our 95% intervals hold the truth 95% of the time?",
        "",
        f"Coverage lies between 93 and 97% in {good} of {len(results)} settings. {repeats:,} simulated studies each: "
        f"a coverage has a standard error of {percent(error)}. Accuracies are over {ITEMS:,} items, and every study "
        "draws new seeds and new items. Each cell: coverage (median width of the interval).",
        "",
        "| setting (sd over seeds of one arm) | " + " | ".join(METHODS) + " |",
        "|---|" + "---|" * len(METHODS),
    ]
    for result in results:
        cells = []
        for method in METHODS:
            found = result["methods"].get(method)
            cells.append(f"{percent(found['coverage'])} ({found['median_width']:.4f})" if found else "")
        lines.append(f"| {label(result)} | " + " | ".join(cells) + " |")
    notes = [f"- **{method}**: {meaning}" for method, meaning in METHODS.items()]
    return "\n".join([*lines, "", *notes, "", "Made by `python -m analysis.coverage`.", ""])


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the simulation."""
    parser = argparse.ArgumentParser(prog="python -m analysis.coverage", description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=5_000, help="simulated studies per setting (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/coverage"), help="where to write (default: %(default)s)"
    )
    asked = parser.parse_args(arguments)
    if asked.repeats < 1:
        parser.error(f"--repeats is {asked.repeats}, must be at least 1")
    asked.out.mkdir(parents=True, exist_ok=True)
    record = {"schema_version": 1, "repeats": asked.repeats, "items": ITEMS, "results": simulate_all(asked.repeats)}
    write_whole(asked.out / "record.json", (json.dumps(record, indent=1) + "\n").encode())
    write_whole(asked.out / "table.md", to_markdown(record).encode())


if __name__ == "__main__":
    sys.exit(main())
