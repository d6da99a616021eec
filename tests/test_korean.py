"""The Korean summary says what the English report says: the same numbers, the same verdicts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.claims.findings import Findings, find
from analysis.claims.register import load_register
from analysis.compare import main
from analysis.records.study import open_study
from analysis.report.korean import STATEMENTS, VERDICTS, span, summary
from tests.report_text import table
from tests.synthetic_runs import write_run


def study(folder: Path) -> Path:
    for init in ("scratch", "pretrained"):
        for seed in range(3):
            write_run(folder, init, seed)
            write_run(folder, init, seed, hide="premise", name=f"{init}-blind-{seed}")
    return folder


def found_in(folder: Path) -> Findings:
    return find(open_study([folder], folder), [])


def said(found: Findings) -> str:
    """The first screen."""
    in_korean = summary(found)
    assert in_korean
    return "\n".join(in_korean["answer"])


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


def test_every_interval_names_its_coverage(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    assert main([str(folder)]) == 0
    english, korean = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.ko.md"))
    rows = {row["claim"]: row for row in table(english, "Claims of the seed report")}
    for claim, coverage in (("C1a", "90"), ("C2a", "95"), ("C3b", "95")):
        low, _, high = rows[claim]["interval"].removesuffix(f" ({coverage}%)").partition(" to ")
        shown = rf"{claim} {rows[claim]['difference']} ({coverage}% 신뢰구간 {low}"
        assert any(f"{shown}{end})" in korean for end in ((f"\\~{high}", f"–{high}") if high else ("",)))
    assert len(re.findall(r"9[05]% 신뢰구간", korean)) == len(re.findall(r"9[05]%", korean)) == 10
    assert "차이의 정의와 단위는 영어 보고서의 같은 번호(C1a 등)에 있다." in korean
    assert "C9" not in korean, "nothing was timed"


def test_the_first_screen_names_what_it_speaks_of(tmp_path: Path) -> None:
    text = said(found_in(study(tmp_path / "study")))
    assert "무작위 추측(균등 분포)의 손실은 ln 3 = 1.0986이다. 시드 3개를 짝지어 비교하면" in text
    assert "손실이 ln 3 부근의 정체 구간(plateau)을 벗어나기까지 걸린 스텝" in text
    assert "예제가 필요하다" not in text and "추론을 배웠다고는" not in text


def test_an_arm_that_gains_nothing_from_the_premise_is_named(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    for seed in range(3):
        blind = (folder / f"runs/scratch-blind-{seed}/predictions.csv").read_bytes()
        (folder / f"runs/scratch-seed{seed}/predictions.csv").write_bytes(blind)
    assert "따라서 무작위 초기화 모델이 추론을 배웠다고는 말할 수 없다." in said(found_in(folder))


def test_the_worth_in_examples_is_told_where_no_size_is_enough(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        for size in (500, 5000):
            for seed in range(2):
                write_run(tmp_path, init, seed, size=size, steps=40, name=f"{init}-{size}-{seed}")
    found = found_in(tmp_path)
    sentence = (
        "사전학습과 같은 정확도에 이르려면 무작위 초기화에는 5,000개보다 많은 예제가 필요하다(95% 신뢰구간 전체가"
    )
    assert sentence in said(found)
    enough = {size: replace(worth, low=4000.0) for size, worth in found.worths.items()}
    assert sentence not in said(replace(found, worths=enough))


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.346, 0.412), "0.346–0.412"),
        ((-0.15, 0.047), "\N{MINUS SIGN}0.150~0.047"),
        ((-0.925, -0.814), "\N{MINUS SIGN}0.925~\N{MINUS SIGN}0.814"),
        ((-1e-9, 0.0), "0.000–0.000"),
        ((float("nan"), 1.0), "n/a"),
    ],
)
def test_no_dash_meets_a_minus_sign(ends: tuple[float, float], text: str) -> None:
    assert span(*ends) == text


def test_every_claim_has_a_korean_statement() -> None:
    assert list(STATEMENTS) == list(load_register())
    assert all(re.search("[가-힣]", text) for text in STATEMENTS.values())


def test_a_study_of_one_arm_has_no_summary(tmp_path: Path) -> None:
    write_run(tmp_path / "study", "scratch", 0)
    assert main([str(tmp_path / "study")]) == 0
    assert not (tmp_path / "study" / "report.ko.md").exists()


def test_with_one_seed_the_interval_is_over_test_items_in_korean_too(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path, init)
    assert "(시드 1개, 문항에 대한 95% 신뢰구간" in said(found_in(tmp_path))


def test_one_test_pair_allows_no_gap_and_breaks_no_report(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        path = write_run(tmp_path, init) / "predictions.csv"
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        first = [next(row for row in rows if row.startswith(f"{split},")) for split in ("test", "test_unseen")]
        path.write_text("\n".join([head, *first]) + "\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
