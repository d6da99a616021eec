"""The short version of `make torture`, fault by fault; and the committed record of the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.report import render

pytestmark = pytest.mark.timeout(1200)  # one process tries all faults, in minutes; of a busy machine in many

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "results" / "reliability"
FAULTS = (*(f"R{number}" for number in range(1, 14)), "warnings")
"""Of which there is a short version; the catalogues of data, weights and output have their own tests."""


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Folder with the record and the report of the short version, made by a process that forks in peace."""
    out = tmp_path_factory.mktemp("torture")
    command = [sys.executable, "-m", "tests.torture", "--out", str(out), "--quick"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode in (0, 1), result.stderr
    return out


@pytest.mark.parametrize("fault", FAULTS)
def test_runs_survive(short, fault):
    found = json.loads((short / "record.json").read_text(encoding="utf-8"))["faults"][fault]
    assert [trial for trial in found["trials"] if trial["wrong"]] == []
    assert found["tried"] > 0


def test_the_report_is_made_of_the_record_alone(short):
    for folder in (short, COMMITTED):
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        assert (folder / "report.md").read_text(encoding="utf-8") == render(record)


def test_the_committed_record_is_of_the_whole_torture_and_nothing_failed():
    faults = json.loads((COMMITTED / "record.json").read_text(encoding="utf-8"))["faults"]
    assert {*FAULTS, "data", "weights", "output"} <= set(faults)
    assert all(fault["tried"] > 0 for fault in faults.values())
    assert sum(trial["control"] for trial in faults["output"]["trials"]) == 12
    assert (faults["R1"]["tried"], faults["R1"]["survived"]) == (20, 20)
    assert sum("flipped" in trial["what"] for trial in faults["R2"]["trials"]) == 100
    assert not [trial for fault in faults.values() for trial in fault["trials"] if trial["wrong"]]
