"""The report of a whole study: every section's numbers against values computed from the files themselves."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.claims.register import register_sha256
from analysis.compare import main
from tests.report_text import number, section, table
from tests.synthetic_runs import edit, right, write_run

SIZES = {500: 2, 5000: 3, 19000: 2}
GROUPS = ("negation", "numerals")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "core"
    for init in ("scratch", "pretrained"):
        for size, seeds in SIZES.items():
            for seed in range(seeds):
                run = write_run(folder, init, seed, size=size, name=f"{size}-{init}-{seed}", groups=GROUPS)
                edit(run / "environment.json", claims_sha256=register_sha256())
        for seed in range(3):
            write_run(folder, init, seed, hide="premise", name=f"{init}-hide-{seed}", groups=GROUPS)
        for rate in (1e-3, 2e-3):
            write_run(folder, init, 0, rate=rate, name=f"{init}-{rate}", groups=GROUPS)
    edit(folder / "runs" / "500-scratch-0" / "environment.json", claims_sha256="d" * 64)
    assert main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("simple")
    for init in ("scratch", "pretrained"):
        write_run(folder, init, 0, groups=("",))
    assert main([str(folder)]) == 0
    return (folder / "report.md").read_text()


def record(folder: Path, run: str, name: str) -> dict:
    return json.loads((folder / "runs" / run / f"{name}.json").read_text())


def test_the_paired_difference_is_that_of_the_predictions(study: Path) -> None:
    rows = table((study / "report.md").read_text(), "Differences in test accuracy, paired")
    gaps = [right(study, f"5000-pretrained-{s}").astype(float) - right(study, f"5000-scratch-{s}") for s in range(3)]
    first = rows[0]
    assert (first["split"], first["arms"], first["seeds"], first["items"]) == (
        *("test", "pretrained minus scratch"),
        *("3", "300"),
    )
    assert number(first["difference"]) == pytest.approx(np.mean(gaps), abs=5e-4)
    low, high = map(number, first["95% interval"].split(" to "))
    assert low < np.mean(gaps) < high
    crossed = np.array(gaps)
    rest = crossed - crossed.mean(1, keepdims=True) - crossed.mean(0) + crossed.mean()
    squares = 300 * crossed.mean(1).var(ddof=1), 3 * crossed.mean(0).var(ddof=1), (rest**2).sum() / (2 * 299)
    error = np.sqrt((squares[0] + max(0, squares[1] - squares[2])) / 900)
    assert stats.norm.ppf(0.975) < (high - low) / 2 / error < stats.t.ppf(0.975, 2)
    assert number(first["smallest detectable gap"]) > (high - low) / 2


def test_the_first_screen_has_the_difference_the_verdicts_and_the_note_on_minilm(study: Path) -> None:
    report = (study / "report.md").read_text()
    screen = report.split("\n## ")[0]
    first = table(report, "Differences in test accuracy, paired")[0]
    assert f"Pretrained minus scratch is {first['difference']}, 95% interval over seeds and items" in screen
    assert re.search(r"claim C1, “it starts lower”, is (SUPPORTED|REFUTED|UNDECIDED)\.", screen)
    assert re.search(r"claim C2, “the loss falls faster”, is SUPPORTED\.", screen)
    assert screen.count("triplets built from the labels of MultiNLI and SNLI") == 2  # answer and figure
    assert report.count("triplets built from the labels of MultiNLI and SNLI") == 3  # and the threats
    assert screen.count("![") == 1
    page = (study / "report.html").read_text()
    assert page.index("triplets built from the labels") < page.index("<svg")


def test_each_arm_is_set_against_its_own_hypothesis_only_runs(study: Path) -> None:
    report = (study / "report.md").read_text()
    rows = {row["arms"]: row for row in table(report, "Differences in test accuracy, paired") if row["split"] == "test"}
    for init in ("scratch", "pretrained"):
        gap = np.mean(
            [right(study, f"5000-{init}-{s}").mean() - right(study, f"{init}-hide-{s}").mean() for s in range(3)]
        )
        found = rows[f"{init} minus {init}, hypothesis only"]
        assert number(found["difference"]) == pytest.approx(gap, abs=5e-4)
        assert (
            f"{found['difference']} to {init} (3 seeds, 95% interval {found['95% interval']})"
            in report.split("\n## ")[0]
        )
    assert "is not shown to use the premise" not in report
    accuracy = [row for row in table(report, "Accuracy with the best weights") if row["split"] == "test"]
    names = [row["arm"] for row in accuracy]
    assert names[:4] == ["scratch", "pretrained", "scratch, hypothesis only", "pretrained, hypothesis only"]
    assert "commonest test label (the best constant answer)" in names


def test_an_arm_no_better_than_with_one_side_is_said_to_have_shown_no_inference(tmp_path: Path, study: Path) -> None:
    for seed in (0, 1):
        blind = write_run(tmp_path, "scratch", seed, hide="premise", name=f"blind-{seed}", steps=40)
        run = write_run(tmp_path, "scratch", seed, steps=40)
        (run / "predictions.csv").write_bytes((blind / "predictions.csv").read_bytes())
    assert main([str(tmp_path)]) == 0
    sentence = "scratch, test: it is not shown to have learned any inference."
    assert sentence in (tmp_path / "report.md").read_text()
    assert "so scratch is not shown to use the premise" in (tmp_path / "report.md").read_text()
    assert sentence not in (study / "report.md").read_text()


def test_the_claims_table_has_verdict_effect_interval_seeds_and_smallest_gap(study: Path) -> None:
    rows = {row["claim"]: row for row in table((study / "report.md").read_text(), "Claims of the seed report")}
    assert list(rows) == ["C1", *("C1a", "C1b", "C1c", "C1d"), "C2", *("C2a", "C2b", "C2c"), "C3", *("C3a", "C3b")]
    losses = {
        init: [
            record(study, f"5000-{init}-{s}", "summary")["evaluations"]["before"]["validation"]["loss"]
            for s in range(3)
        ]
        for init in ("scratch", "pretrained")
    }
    paired = stats.ttest_rel(losses["pretrained"], losses["scratch"])
    low, high = map(number, rows["C1a"]["interval"].removesuffix(" (90%)").split(" to "))
    assert (low, high) == pytest.approx(tuple(paired.confidence_interval(0.90)), abs=6e-5)
    gaps = np.subtract(losses["pretrained"], losses["scratch"])
    assert number(rows["C1a"]["difference"]) == pytest.approx(gaps.mean(), abs=6e-5)
    assert rows["C1a"]["smallest detectable gap"] == "n/a", "an equivalence test has none"
    low, high = map(number, rows["C1b"]["interval"].removesuffix(" (95%)").split(" to "))
    quantile = stats.t.ppf(0.975, 2)
    beyond = number(rows["C1b"]["margin"]) + (1 + stats.t.ppf(0.8, 2) / quantile) * (high - low) / 2
    assert number(rows["C1b"]["smallest detectable gap"]) == pytest.approx(beyond, abs=2e-4)
    assert rows["C1"]["verdict"] == rows["C1a"]["verdict"]
    assert rows["C3a"]["verdict"] == "UNDECIDED"
    assert rows["C2a"]["seeds"] == "3"
    said = {claim: rows[claim]["statement, measure"] for claim in ("C2a", "C2c", "C3b")}
    assert "have a validation probe loss below 1.0486: pretrained minus scratch" in said["C2a"]
    assert "have a validation probe loss below 0.95 (shown beside): pretrained" in said["C2c"]
    assert "have a validation probe accuracy at or above 0.45: pretrained" in said["C3b"]


def test_accuracy_by_size_and_its_worth(study: Path) -> None:
    part = section((study / "report.md").read_text(), "How many labelled examples is it worth?")
    rows = {(row["training examples"], row["arm"]): row for row in table(part, "Test accuracy by number")}
    for size, seeds in SIZES.items():
        found = [
            record(study, f"{size}-scratch-{s}", "summary")["evaluations"]["after"]["test"]["accuracy"]
            for s in range(seeds)
        ]
        assert number(rows[f"{size:,}", "scratch"]["mean"]) == pytest.approx(np.mean(found), abs=5e-4)
    best = max(np.mean([right(study, f"{size}-scratch-{s}") for s in range(n)]) for size, n in SIZES.items())
    assert best < np.mean([right(study, f"500-pretrained-{s}") for s in range(2)])
    worths = table(part, "Examples-worth")
    assert [row["pretrained examples"] for row in worths] == ["500", "5,000", "19,000"]
    assert {row["scratch examples"] for row in worths} == {"&gt; 19,000"}
    assert worths[1]["doublings"] == "&gt; +1.9"


def test_the_sweep_marks_the_rate_that_is_compared(study: Path) -> None:
    part = section((study / "report.md").read_text(), "Learning rates")
    rows = [row for row in table(part, "Learning rates tried") if row["arm"] == "scratch"]
    assert [(row["learning rate"], row["seeds"], row["used"]) for row in rows] == [
        ("3e-4", "3", "compared"),
        ("1e-3", "1", ""),
        ("2e-3", "1", ""),
    ]
    shared = "validation accuracy on seed 0, which all rates have"
    loss = record(study, "scratch-0.001", "summary")["best"]["validation_loss"]
    assert number(rows[1]["validation loss"]) == pytest.approx(loss, abs=5e-5)
    for row, run in zip(rows, ("5000-scratch-0", "scratch-0.001", "scratch-0.002"), strict=True):
        accuracy = record(study, run, "summary")["best"]["validation_accuracy"]
        assert number(row[shared]) == pytest.approx(accuracy, abs=5e-4)
    assert rows[0]["validation accuracy"] != rows[0][shared]
    assert "Learning rates were chosen with seed 0 alone" in part
    assert "scratch: its rate, 3e-4, is at the edge of those tried" in part


def test_accuracy_by_group_and_split(study: Path) -> None:
    part = section((study / "report.md").read_text(), "Accuracy by group")
    for split in ("test", "test_unseen"):
        hits = np.array([right(study, f"5000-pretrained-{s}", split) for s in range(3)])
        for place, group in enumerate(GROUPS):
            row = table(part, f"Accuracy on {split} by group".replace("_", r"\_"))[place]
            assert row["group"] == group
            assert number(row["pretrained"]) == pytest.approx(hits[:, place::2].mean(), abs=5e-4)


def test_the_plateau_clock_counts_runs_and_waits(study: Path) -> None:
    rows = table((study / "report.md").read_text(), "Plateau clock")
    by_arm = {(row["probe"], row["arm"]): row for row in rows}
    stuck = by_arm["validation probe", "scratch"]
    assert (stuck["reached"], stuck["steps: median (range)"]) == ("0 of 3", "not in 80")
    left = by_arm["training probe", "pretrained"]
    assert left["reached"] == "3 of 3"
    assert left["mean step, cut at the end, ± 1 standard error"] == "20, the same in all"
    assert left["95% interval of the median step"] == "20 or more", "three runs bound it from below alone"


def test_runs_under_another_register_are_counted(study: Path, simple: str) -> None:
    part = section((study / "report.md").read_text(), "The claims, judged")
    assert "1 run recorded another claims register (sha256 dddddddddddd)" in part
    assert part.count("another claims register") == 1
    assert "not all runs recorded" in part and "before the runs" not in part
    assert "another claims register" not in simple and "2 runs recorded no register" in simple


def test_a_simple_study_has_no_section_that_it_cannot_fill(simple: str) -> None:
    headings = re.findall(r"^## (.*)$", simple, re.MULTILINE)
    assert not {"How many labelled examples is it worth?", "Learning rates", "Accuracy by group"} & set(headings)
    assert "The claims, judged" in headings
    assert "2 of 3" not in simple
