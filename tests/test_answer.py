"""The first screen tells what speaks against its own verdicts, and what an interval that is not there means."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from analysis.claims.findings import Findings, find
from analysis.claims.verdicts import claim_verdict, judge
from analysis.records.study import open_study
from analysis.records.text import number
from analysis.report.answer import accuracy_sentence, plateau_sentence, premise_sentence, start_sentence
from analysis.statistics.paired import compare_values
from tests.synthetic_runs import edit, write_run


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
        _, _, others = sentence.partition(" Other measures, which do not decide, give another verdict: ")
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


def right(folder: Path, init: str, seed: int, half: str = "") -> float:
    """A run's accuracy on the test set, by its predictions."""
    with (folder / f"runs/{init}-{half}seed{seed}/predictions.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return fmean(row[row["gold"]] == "0.8000" for row in rows)


def test_what_the_premise_is_worth_to_both_arms_is_compared_over_the_seeds_that_all_have(folder: Path) -> None:
    """Difference of differences: significant in one arm and not in the other would say nothing of the two."""
    for init, seeds in (("scratch", (0, 1)), ("pretrained", (1, 2, 0))):
        for seed in seeds:
            write_run(folder, init, seed, steps=40, hide="premise", name=f"{init}-half-seed{seed}")
    sentence = premise_sentence(found(folder))
    gains = [
        right(folder, "pretrained", seed)
        - right(folder, "pretrained", seed, "half-")
        - right(folder, "scratch", seed)
        + right(folder, "scratch", seed, "half-")
        for seed in (0, 1)
    ]
    assert f"to pretrained it is worth {number(fmean(gains))} more (2 seeds, 95% interval " in sentence


def test_an_interval_that_decides_by_lying_inside_the_margin_says_so(folder: Path) -> None:
    findings = found(folder)
    first = findings.verdicts["C1"][0]
    assert first.found is not None
    narrow = replace(first.found, difference=0.001, standard_error=0.0001, degrees=4.0)
    for outcome, told in ((narrow, True), (replace(narrow, difference=0.5), False)):
        verdicts = {**findings.verdicts, "C1": (replace(first, found=outcome), *findings.verdicts["C1"][1:])}
        said = "(wholly within the ±0.02 registered as no difference)"
        assert (said in start_sentence(replace(findings, verdicts=verdicts))) is told


def test_a_loss_that_comes_back_is_told(folder: Path) -> None:
    assert "By the last step" not in plateau_sentence(found(folder))
    path = folder / "runs/pretrained-seed1/metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    looks = [line for line in lines if line.get("split") == "probe_validation"]
    for look, loss in zip(looks[-3:], (0.9, 0.9, 1.2), strict=True):
        look["loss"] = loss
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    whole = [line["loss"] for line in lines if line.get("split") == "validation"][-1]
    told = f"above 1.0486 again in 1 of 3 runs of pretrained (on the whole validation set it was {whole:.3f} to "
    assert told in plateau_sentence(found(folder))


def test_a_difference_without_spread_says_that_it_has_none(folder: Path) -> None:
    test = found(folder).verdicts["C1"][0].test
    for values, told in (([0.0, 0.0, 0.0], True), ([0.0, 0.001, 0.002], False)):
        assert ("the same in all seeds" in judge(test, compare_values(np.array(values), np.zeros(3))).remark) is told
