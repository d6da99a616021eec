"""What the report says of the claims register and of seeds holds for the runs that it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.claims.findings import find
from analysis.claims.register import load_register, register_sha256
from analysis.claims.verdicts import SUPPORTED, Verdict
from analysis.records.study import open_study
from analysis.report.claims_section import register_sentences, registration, share_sentences
from analysis.report.korean import summary
from analysis.report.sections import seed_words
from analysis.statistics.paired import compare_values
from tests.synthetic_runs import edit, write_run


def make(folder: Path, sha256: str | None) -> Path:
    for init in ("scratch", "pretrained"):
        run = write_run(folder, init, 0, steps=40)
        if sha256:
            edit(run / "environment.json", claims_sha256=sha256)
    return folder


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (register_sha256(), []),
        ("d" * 64, ["2 runs recorded another claims register (sha256 dddddddddddd) than the one applied here."]),
        (None, ["2 runs recorded no register: nothing shows that the tests were fixed before."]),
    ],
)
def test_the_registers_of_all_studies_count(tmp_path: Path, beside: str | None, said: list[str]) -> None:
    mine, theirs = make(tmp_path / "mine", register_sha256()), make(tmp_path / "theirs", beside)
    found = find(open_study([mine], mine), [open_study([theirs], theirs)])
    assert register_sentences(found) == said
    assert ("before the runs: 4 runs, each with" in registration(found)) == (not said)
    in_korean = summary(found)
    assert in_korean and ("실험 전에" in in_korean["notes"]) == (not said)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ({500: 1, 5000: 1}, " alone: one seed says nothing about others"),
        ({500: 1, 5000: 2}, ", and lets seeds vary where an arm has several"),
        ({500: 2, 5000: 2}, " and lets seeds vary"),
    ],
)
def test_the_interval_of_the_worth_varies_seeds_where_there_are_several(
    tmp_path: Path, seeds: Mapping[int, int], words: str
) -> None:
    for size, number in seeds.items():
        for seed in range(number):
            for init in ("scratch", "pretrained"):
                write_run(tmp_path, init, seed, size=size, steps=40, name=f"{init}-{size}-{seed}")
    assert seed_words(open_study([tmp_path], tmp_path)) == words


@pytest.mark.parametrize(
    ("id", "gaps", "said"),
    [
        ("C3b", (-1.0, -0.5, -0.9), True),
        ("C3b", (-0.5, -0.52, -0.54), False),
        ("C6a", (0.1, 0.9, 0.5), True),
        ("C1a", (-3.0, -2.0, -1.0), False),
    ],
)
def test_an_interval_wider_than_shares_can_be_is_explained(
    tmp_path: Path, id: str, gaps: Sequence[float], said: bool
) -> None:
    """Only of shares: a loss has no such bound."""
    folder = make(tmp_path / "mine", None)
    (test,) = (test for claim in load_register().values() for test in claim.tests if test.id == id)
    verdict = Verdict(test=test, verdict=SUPPORTED, found=compare_values(np.array(gaps), np.zeros(len(gaps))))
    found = replace(find(open_study([folder], folder), []), verdicts={id[:-1]: [verdict]})
    assert bool(share_sentences(found)) == said
