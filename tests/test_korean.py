"""The Korean summary says what the English report says: the same numbers, the same verdicts."""

from __future__ import annotations

import re
from pathlib import Path

from synthetic_runs import write_run

from analysis.claims.register import load_register
from analysis.compare import main
from analysis.report.korean import STATEMENTS, VERDICTS


def study(folder: Path) -> Path:
    for init in ("scratch", "pretrained"):
        for seed in range(3):
            write_run(folder, init, seed)
            write_run(folder, init, seed, hide="premise", name=f"{init}-blind-{seed}")
    return folder


def test_every_number_of_the_summary_stands_in_the_report(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    assert main([str(folder)]) == 0
    english, korean = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.ko.md"))
    found = re.findall(r"\N{MINUS SIGN}?\d+\.\d{2,}", korean)
    assert len(found) > 15
    assert "전제까지 읽을 때" in korean
    missing = [number for number in found if number not in english]
    assert not missing, f"{missing} stand in report.ko.md alone"


def test_every_verdict_is_that_of_the_report(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    assert main([str(folder)]) == 0
    english, korean = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.ko.md"))
    for claim in ("C1", "C2", "C3"):
        (verdict,) = re.findall(rf"^\| {claim} \| [^|]* \| (\w+) \|", english, re.M)
        assert re.search(rf"^\| {claim} \|.*\| {VERDICTS[verdict]} \({verdict}\) \|", korean, re.M)


def test_every_claim_has_a_korean_statement() -> None:
    assert list(STATEMENTS) == list(load_register())
    assert all(re.search("[가-힣]", text) for text in STATEMENTS.values())


def test_a_study_of_one_arm_has_no_summary(tmp_path: Path) -> None:
    write_run(tmp_path / "study", "scratch", 0)
    assert main([str(tmp_path / "study")]) == 0
    assert not (tmp_path / "study" / "report.ko.md").exists()
