"""The first screen tells what speaks against its own verdicts, and what an interval that is not there means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic_runs import edit, write_run

from analysis.claims.findings import Findings, find
from analysis.claims.verdicts import claim_verdict
from analysis.records.study import open_study
from analysis.report.answer import accuracy_sentence, plateau_sentence, start_sentence


def found(folder: Path) -> Findings:
    return find(open_study([folder], folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for init in ("scratch", "pretrained"):
        for seed in (0, 1, 2):
            write_run(tmp_path, init, seed, steps=40)
    return tmp_path


def test_a_test_that_says_another_thing_than_its_claim_is_named(folder: Path) -> None:
    findings, seen = found(folder), set()
    for claim, sentence in {"C1": start_sentence(findings), "C2": plateau_sentence(findings)}.items():
        _, _, others = sentence.partition(" Other readings: ")
        for each in findings.verdicts[claim]:
            differs = each.found is not None and each.verdict != claim_verdict(findings.verdicts[claim])
            assert (f"{each.test.measured}, " in others and f"({each.verdict})" in others) == differs
            seen.add(differs)
    assert seen == {True, False}


def test_seeds_with_one_accuracy_are_said_to_be_the_same(folder: Path) -> None:
    assert "the same in all" not in accuracy_sentence(found(folder))
    for run in folder.glob("runs/scratch-*"):
        evaluations = json.loads((run / "summary.json").read_text())["evaluations"]
        evaluations["after"]["test"]["accuracy"] = 0.333
        edit(run / "summary.json", evaluations=evaluations)
    assert "0.333 for scratch (3 seeds, the same in all)" in accuracy_sentence(found(folder))
