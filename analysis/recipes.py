"""Lays runs of the seed report's recipes beside its own curves: report.md, report.html, figures/ in their study folder.

Runs of one recipe may differ in init alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from train.guard import guard


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    found = argparse.ArgumentParser(prog="python -m analysis.recipes", description=__doc__)
    found.add_argument("study", type=Path, metavar="STUDY", help="a study folder with runs/ in it")
    return found


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the report."""
    asked = parser().parse_args(arguments)
    if not (asked.study / "runs").is_dir():
        parser().error(f"{asked.study}: no study folder, there is no runs/ in it")
    from analysis.records.text import clean
    from analysis.report.recipes.report import write_recipe_report  # late: matplotlib takes a second, --help should not

    report, left_out = write_recipe_report(asked.study)
    for name in left_out:
        print(f"left out, not finished: {name}")
    print(f"report: {clean(str(report), 400)}")


if __name__ == "__main__":
    sys.exit(main())
