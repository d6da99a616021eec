"""The ladder of arms: shares and their intervals against Fieller's formula, coverage, and the rate that is compared."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from analysis.claims.findings import find
from analysis.figures.beyond_figures import ladder
from analysis.records.masked import masked_folder
from analysis.records.reading import RecordError
from analysis.records.study import open_study
from analysis.report.beyond_sections import ladder_blocks, words_sentence
from analysis.report.build import write_report
from analysis.statistics.ladder import rungs, share_of_gap
from tests.blocks import any_plots, drawn, headings, rows_of, text_of
from tests.report_text import number
from tests.synthetic_runs import right, write_run


def answers(generator: np.random.Generator, means: tuple[float, ...], seeds: int, items: int) -> list[np.ndarray]:
    """Right or wrong for arms with these accuracies: items are hard or easy for all, seeds good or bad for each."""
    hard = generator.normal(size=items)
    return [
        (generator.normal(mean + 0.1 * generator.normal(size=(seeds, 1)) + 0.7 * hard, 0.7) > 0).astype(float)
        for mean in means
    ]


def fieller(arm: np.ndarray, scratch: np.ndarray, pretrained: np.ndarray) -> np.ndarray:
    """The closed form over items: roots of (x - r y)^2 = t^2 var(x - r y). Source: Fieller 1954."""
    x, y, items = arm - scratch, pretrained - scratch, len(arm)
    (xx, xy), (_, yy) = np.cov(x, y) / items
    t2 = stats.t.ppf(0.975, items - 1) ** 2
    roots = np.roots([y.mean() ** 2 - t2 * yy, -2 * (x.mean() * y.mean() - t2 * xy), x.mean() ** 2 - t2 * xx])
    return np.sort(roots)


@pytest.mark.parametrize("middle", [-0.8, -0.2, 0.4, 1.5])
def test_the_interval_of_one_seed_is_fiellers(middle: float) -> None:
    arm, scratch, pretrained = answers(np.random.default_rng(3), (middle, -0.6, 0.4), 1, 400)
    share, low, high = share_of_gap(arm, scratch, pretrained)
    gaps = [(each.mean() - scratch.mean()) for each in (arm, pretrained)]
    assert share == pytest.approx(gaps[0] / gaps[1])
    assert (low, high) == pytest.approx(tuple(fieller(arm[0], scratch[0], pretrained[0])), abs=1e-9)


def test_the_ends_of_the_ladder_are_0_and_1() -> None:
    scratch, pretrained = answers(np.random.default_rng(4), (-0.6, 0.4), 3, 300)
    assert share_of_gap(scratch, scratch, pretrained) == pytest.approx((0, 0, 0), abs=1e-9)
    assert share_of_gap(pretrained, scratch, pretrained) == pytest.approx((1, 1, 1), abs=1e-9)


def test_the_interval_holds_the_true_share_about_as_often_as_it_says() -> None:
    normal, generator, hits = stats.norm(scale=math.sqrt(0.1**2 + 0.7**2 + 0.7**2)), np.random.default_rng(7), 0
    true = (normal.cdf(0.0) - normal.cdf(-0.8)) / (normal.cdf(0.8) - normal.cdf(-0.8))
    for _ in range(100):
        _, low, high = share_of_gap(*answers(generator, (0.0, -0.8, 0.8), 3, 150))
        hits += low <= true <= high
    assert hits >= 90, "95 of 100 within three standard errors"


def test_without_a_gap_there_is_no_share() -> None:
    arm, scratch = answers(np.random.default_rng(5), (0.3, 0.0), 2, 100)
    with pytest.raises(ValueError, match="has no share"):
        share_of_gap(arm, scratch, scratch)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scratch and pretrained with four seeds; embeddings at two rates, of which validation chose the second."""
    folder = tmp_path_factory.mktemp("results") / "s"
    for init in ("scratch", "pretrained"):
        for seed in (0, 1, 2, 4):
            write_run(folder, init, seed, steps=40)
    for seed in (0, 1, 2, 3):
        write_run(folder, "embeddings", seed, steps=40, rate=1e-4)
    for seed in (1, 2, 4):
        write_run(folder, "embeddings", seed, steps=40, rate=3e-4, name=f"chosen-{seed}")
    write_run(folder, "bottom-3", 1, steps=40)
    (folder / "choices.json").write_text(json.dumps({"between": {"embeddings": {"chosen": 3e-4}}}))
    return folder


def test_the_table_has_shares_over_common_seeds_at_the_chosen_rate(study: Path) -> None:
    blocks = ladder_blocks(open_study([study], study), [], any_plots())
    rows = {row["arm"]: row for row in rows_of(blocks, "Share of the gap")}
    row = rows["embeddings"]
    assert (row["learning rate"], row["also run at"], row["seeds"]) == ("3e-4", "1e-4 (4 runs)", "1, 2 and 4")
    ours, scratch, pretrained = (
        np.mean([right(study, name.format(seed)) for seed in (1, 2, 4)])
        for name in ("chosen-{}", "scratch-seed{}", "pretrained-seed{}")
    )
    assert number(row["share"]) == pytest.approx((ours - scratch) / (pretrained - scratch), abs=5.1e-3)
    low, high = map(number, row["95% interval"].split(" to "))
    assert low < number(row["share"]) < high
    assert (rows["bottom-3"]["seeds"], rows["bottom-3"]["also run at"]) == ("1", "n/a")
    assert f"embeddings {row['share']}, {row['95% interval']}" in drawn(study, "ladder")
    assert "How much of the gain do parts of the weights give?" in headings(study)


def test_the_table_stands_between_its_ends(study: Path) -> None:
    found = open_study([study], study)
    rows = rows_of(ladder_blocks(found, [], {}), "Share of the gap")
    assert [(row["arm"], row["share"]) for row in (rows[0], rows[-1])] == [("pretrained", "1.00"), ("scratch", "0.00")]
    recorded = [run.summary["evaluations"]["after"]["test"]["accuracy"] for run in found.arms[1].runs]
    assert number(rows[0]["test accuracy"]) == pytest.approx(np.mean(recorded), abs=5.1e-4)
    assert rows[0]["seeds"].startswith("0, 1") and rows[0]["learning rate"] != rows[-1]["learning rate"]


def test_a_rate_at_an_end_of_those_tried_is_told(study: Path, tmp_path: Path) -> None:
    told = "At an end of the rates tried, beyond which a better one may lie: embeddings."
    assert told in text_of(ladder_blocks(open_study([study], study), [], {}))
    wider = shutil.copytree(study, tmp_path / study.name)
    write_run(wider, "embeddings", 0, steps=40, rate=9e-4, name="above")
    assert "At an end of" not in text_of(ladder_blocks(open_study([wider], wider), [], {}))


def test_arms_below_the_words_of_the_hypothesis_are_named(study: Path) -> None:
    found = open_study([study], study)
    accuracies = [float(np.mean([run.accuracy("test") for run in each.arm.runs])) for each in rungs(found)]
    lowest, highest = min(accuracies), max(accuracies)
    for words, told in (((lowest + highest) / 2, 1), (highest + 0.01, 2), (lowest - 0.01, 0)):
        with_words = SimpleNamespace(words=lambda _, w=words: {found.arms[0].training_examples: w}, arms=found.arms)
        said = words_sentence(with_words, rungs(found))
        assert said.startswith(f"A bag of words of the hypothesis alone has {words:.3f} with these pairs.")
        assert sum(name in said.split("Below it:")[-1] for name in ("bottom-3", "embeddings")) == told


def test_what_the_weights_of_mlm_know_is_told(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained", "mlm"):
        write_run(tmp_path / "study", init, 0, steps=40, data={"train_examples": 5000})
    found = open_study([tmp_path / "study"], tmp_path / "study")
    assert "masked" not in text_of(ladder_blocks(found, [], {}))
    for run in found.runs:
        folder = masked_folder(run)
    assert (folder.parent, folder.name[-5:]) == (tmp_path / "mlm", "-5000")
    folder.mkdir(parents=True)
    (folder / "data.json").write_text('{"splits": {"train": {"sentences": 36963}}}')
    summary = {"evaluations": {"after": {"validation": {"accuracy": 0.2601, "loss": 5.3949}}}}
    (folder / "summary.json").write_text(json.dumps(summary))
    told = "come from 36,963 sentences; of others' masked words they guess 0.260 right, at 5.39 nats."
    assert told in text_of(ladder_blocks(found, [], {}))
    (folder / "summary.json").write_text("{}")
    with pytest.raises(RecordError, match=r"summary.json: evaluations.after.validation.accuracy should be a number"):
        ladder_blocks(found, [], {})


def test_the_highest_rung_comes_first(study: Path) -> None:
    shares = [each.share for each in rungs(open_study([study], study))]
    assert shares == sorted(shares, reverse=True) and len(shares) == 2


def test_arms_that_are_alike_have_a_table_without_shares_and_no_figure(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained", "mlm"):
        for seed in (0, 1):
            run = write_run(tmp_path, init, seed, steps=40)
            (run / "predictions.csv").write_bytes(
                (tmp_path / "runs" / f"scratch-seed{seed}" / "predictions.csv").read_bytes()
            )
    found = open_study([tmp_path], tmp_path)
    assert [math.isnan(each.share) for each in rungs(found)] == [True] and ladder(found) is None
    assert {row[-2:] for row in ladder_blocks(found, [], {})[0].rows} == {("n/a", "n/a")}


def test_an_arm_with_one_answer_has_no_share(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained", "mlm"):
        for seed in range(4):
            write_run(tmp_path, init, seed, steps=40)
    before = {row[0]: row[-2] for row in ladder_blocks(open_study([tmp_path], tmp_path), [], {})[0].rows}
    for run in (tmp_path / "runs").glob("mlm-*"):
        header, *lines = (run / "predictions.csv").read_text(encoding="utf-8").splitlines()
        constant = [",".join([*line.split(",")[:3], "0.1", "0.1", "0.8", line.split(",")[-1]]) for line in lines]
        (run / "predictions.csv").write_text("\n".join([header, *constant]) + "\n", encoding="utf-8")
    rows = ladder_blocks(open_study([tmp_path], tmp_path), [], {})[0].rows
    after = {row[0]: row[-2] for row in rows}
    assert {row[0]: row[-1] for row in rows}["mlm"] == "n/a", "nor an interval of none"
    (changed,) = {name for name in after if after[name] == "none: did not learn"}
    assert changed == "mlm" and before["mlm"] not in ("n/a", after["mlm"])


def test_the_ladder_of_a_study_beside_has_a_table_that_says_of_what_it_is(study: Path, tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path / "own", init, 0, steps=40)
    own, beside = (open_study([folder], folder) for folder in (tmp_path / "own", study))
    blocks = ladder_blocks(own, [beside], {})
    theirs = ladder_blocks(beside, [], {})
    assert [type(block) for block in blocks] == [type(block) for block in theirs]
    assert blocks[0].caption == f"{theirs[0].caption}, study s: {beside.arms[0].runs[0].training_examples:,} " + (
        "training examples of mnli-tsv"
    )
    assert blocks[0].rows == theirs[0].rows and blocks[1:] == theirs[1:]
    assert blocks[0].source == "results/s/runs/*/predictions.csv, results/s/runs/*/config.json"
    page = tmp_path / "page"
    write_report(find(own, [beside]), page)
    assert f"**{blocks[0].caption}**" in (page / "report.md").read_text(encoding="utf-8")


def test_a_study_beside_whose_arms_differ_in_more_has_no_shares(study: Path, tmp_path: Path) -> None:
    for init in ("scratch", "pretrained", "mlm"):
        for seed in (0, 1):
            write_run(tmp_path, init, seed, steps=40, data={"max_tokens": 64} if init == "mlm" else None)
    sentence, _ = ladder_blocks(open_study([study], study), [open_study([tmp_path], tmp_path)], {})[-2:]
    assert sentence.text.endswith(": no shares, since its arms also differ in data.max_tokens.")


def test_two_arms_have_no_ladder(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path, init, 0, steps=40)
    found = open_study([tmp_path], tmp_path)
    assert ladder_blocks(found, [found], {}) == [] and ladder(found) is None
