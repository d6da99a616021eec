"""Compares finished runs and writes report.md, report.html and figures/ into their study folder.

Refuses runs that differ in more than init and learning rate, naming what differs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.records.text import clean
from models.errors import DataError
from train.guard import guard


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    found = argparse.ArgumentParser(prog="python -m analysis.compare", description=__doc__)
    found.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a run directory, or a study folder with runs/ in it",
    )
    found.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: the runs' study folder)")
    found.add_argument(
        "--beside",
        action="append",
        default=[],
        type=Path,
        metavar="STUDY",
        help="another study's folder, for the claims that need its runs (may be repeated)",
    )
    benchmark = "results of train.benchmark; the first decides the claims on speed, the others are shown"
    found.add_argument("--benchmark", type=Path, action="append", default=[], metavar="DIR", help=benchmark)
    found.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="KEY",
        help="a difference that the comparison is about, such as head_sha256 or data.max_tokens (may be repeated)",
    )
    return found


def study_of(path: Path) -> Path | None:
    """Returns the study folder of a path: itself if it has runs/, the one above runs/ for a run in it, or None."""
    if (path / "runs").is_dir():
        return path
    above = path.resolve().parent
    return above.parent if above.name == "runs" else None


def common_study(paths: Sequence[Path]) -> Path | None:
    """Returns the one study folder that all paths belong to, or None."""
    studies = [study_of(path) for path in paths]
    places = {study.resolve() if study else None for study in studies}
    return studies[0] if len(places) == 1 else None


def missing(paths: Sequence[Path]) -> list[Path]:
    """Returns the paths that are neither a run directory nor a study folder."""
    return [path for path in paths if not ((path / "runs").is_dir() or (path / "config.json").is_file())]


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the report."""
    asked = parser().parse_args(arguments)
    for path in missing([*asked.runs, *asked.beside]):
        raise DataError(f"{clean(str(path), 400)}: no such run directory or study folder")
    folder = common_study(asked.runs)
    out = asked.out or folder
    if out is None:
        parser().error("these runs are not all below the runs/ folder of one study; say where to write with --out DIR")
    if out.exists() and not out.is_dir():
        parser().error(f"--out {out}: not a directory")
    from analysis.claims.findings import find
    from analysis.records.fairness import require_fair
    from analysis.records.study import open_study, with_probes_of
    from analysis.report.build import write_report  # late: matplotlib takes a second, --help should not
    from analysis.report.recipes.systems import refuse_recipes

    study = open_study(asked.runs, folder)
    refuse_recipes(study.runs, str(folder or "STUDY"))
    for name in study.left_out:
        print(f"left out, not finished: {name}")
    beside = [open_study([path], path) for path in asked.beside]
    findings = find(with_probes_of(study, beside), beside, asked.benchmark)
    require_fair(findings.differences, asked.subject)
    print(f"report: {clean(str(write_report(findings, out)), 400)}")


if __name__ == "__main__":
    sys.exit(main())
