"""Every committed report is what its own last command makes of the committed records, byte for byte."""

from __future__ import annotations

import json
import platform
import re
import shlex
import shutil
from pathlib import Path

import pytest

from analysis.coverage import to_markdown
from tests.torture.story import program

RESULTS = Path(__file__).parent.parent / "results"
COMMAND = re.compile(r"^python -m (analysis\.(?:compare|recipes)) (results/.*)$", re.MULTILINE)
REPORTS = sorted(path.parent.name for path in RESULTS.glob("*/report.html"))


def contents(folder: Path) -> dict[str, bytes]:
    """The report's files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (*folder.glob("report.*"), *folder.glob("figures/*"))
    }


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_follows_from_the_records(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (module, rest) = COMMAND.findall((RESULTS / name / "report.md").read_text(encoding="utf-8"))[-1]
    arguments = shlex.split(rest)
    for folder in {"results/mlm", *(word for word in arguments if word.startswith("results/"))}:
        shutil.copytree(RESULTS.parent / folder, tmp_path / folder)
    for file in contents(tmp_path / "results" / name):
        (tmp_path / "results" / name / file).unlink()
    monkeypatch.chdir(tmp_path)
    assert not program(module)(arguments)
    made, committed = contents(tmp_path / "results" / name), contents(RESULTS / name)
    assert made.keys() == committed.keys()
    assert not [file for file in committed if drawn_alike(file) and made[file] != committed[file]]


def drawn_alike(file: str) -> bool:
    """Whether every machine makes the same bytes: of a picture, and of the page that holds it, those like this one."""
    return file.endswith(".md") or (platform.system(), platform.machine()) == ("Linux", "x86_64")


def test_the_table_of_coverages_is_that_of_its_record() -> None:
    folder = RESULTS / "coverage"
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert (folder / "table.md").read_text(encoding="utf-8") == to_markdown(record)
