"""`python -m train.data.check PATH`: what a run would make of these pairs, without running. Imports no torch."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from models.errors import DataError, UserError, shown
from train.cli import add_flags, given
from train.commands import changes, flags_for
from train.config import DataConfig, RunConfig, with_setting
from train.data.findings import Problem, first_problems
from train.data.pairs import LABELS
from train.data.sources import read_source
from train.data.splits import Splits, divide
from train.flags import DATA_FLAGS
from train.guard import guard

_EPILOG = """\
It prints every problem's kind and the first ten with their place, what would be dropped, mended or is odd, and the
splits that a run would take. Exit code 3: a run with these settings would refuse them.

examples:
  python -m train.data.check pairs.csv --columns premise=text,hypothesis=claim,label=verdict
  python -m train.data.check FOLDER --validation-examples 500
  python -m train.data.check --dataset mnli
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m train.data.check`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.data.check",
        description="Check pairs as a run does before it starts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("path", nargs="?", metavar="PATH", help="folder or file; the same as --dataset own --data PATH")
    add_flags(parser, RunConfig(), DATA_FLAGS)
    return parser


def parse_check(argv: list[str] | None = None) -> DataConfig:
    """What is to be checked.

    Raises:
        UserError: a value that the configuration refuses, or two places of the pairs.
    """
    arguments = vars(build_parser().parse_args(argv))
    config = RunConfig()
    if arguments["path"] and arguments["data"]:
        raise UserError(f"{arguments['path']} and --data {arguments['data']}: give one of them")
    if arguments["path"]:
        config = with_setting(with_setting(config, "data.dataset", "own"), "data.folder", arguments["path"])
    for path, value in given(arguments, DATA_FLAGS):
        config = with_setting(config, path, value)
    return config.data


def check(config: DataConfig) -> None:
    """Print what a run would meet and take.

    Raises:
        DataError: it would refuse.
    """
    source = read_source(config)
    findings = list(source.findings.values())
    splits, refusal = None, None
    try:
        splits = divide(source, config, seed=0)
    except DataError as error:
        refusal = error
    print_table(("file", "row", "column", "found", "expected"), map(_problem_row, first_problems(findings)))
    kinds = [(found.source, kind, n, "refused") for found in findings for kind, n in found.kinds.items()]
    counts = [(found.source, what, n, "") for found in findings for what, n in sorted(found.counts.items())]
    print_table(("file", "what", "how many", ""), [*kinds, *counts])
    if splits is None:
        total = sum(found.kinds.total() for found in findings)
        raise DataError(f"a run would refuse these pairs (problems: {total})" if total else str(refusal))
    print_table(("split", "from", "pairs", *LABELS, "premises"), _split_rows(splits))
    settings = {"data.dataset": config.dataset, **changes({"data": asdict(config)}, RunConfig())}
    print(f"A run would take these pairs: {shlex.join(flags_for(settings))}")


def _problem_row(problem: Problem) -> tuple[object, ...]:
    row = "" if problem.row is None else problem.row
    return problem.source, row, problem.column, problem.found, problem.expected


def _split_rows(splits: Splits) -> Iterator[tuple[object, ...]]:
    for name, described in splits.to_record()["splits"].items():
        source = splits.files.get(name, splits.files.get("train", splits.name))
        yield name, source, described["examples"], *described["labels"].values(), described["premises"]


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, columns aligned, numbers to the right, a blank line behind; nothing for no rows."""
    table = [list(row) for row in rows]
    if not table:
        return
    widths = [max(len(_cell(row[i])) for row in [header, *table]) for i in range(len(header))]
    for row in [header, *table]:
        cells = (
            _cell(v).rjust(w) if isinstance(v, int) else _cell(v).ljust(w) for v, w in zip(row, widths, strict=True)
        )
        print("  ".join(cells).rstrip())
    print()


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else shown(str(value))


@guard
def main(argv: list[str] | None = None) -> None:
    """Check what the arguments name."""
    check(parse_check(argv))


if __name__ == "__main__":
    sys.exit(main())
