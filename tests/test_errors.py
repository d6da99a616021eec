"""Which pairs go wrong: confusion, scores and the most confident mistakes, counted again from the files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from analysis.compare import main
from analysis.figures.error_figures import confusions
from analysis.probes.quote import main as quote
from analysis.records.quotes import MOST_QUOTED
from analysis.records.reading import RecordError
from analysis.records.runs import load_run
from analysis.records.study import open_study
from analysis.report.publish import TEMPLATES
from analysis.report.sections import error_blocks
from analysis.tables.errors import confusion, shown_mistakes
from tests.payloads import PAYLOADS
from tests.report_text import number, section, table
from tests.running import train
from tests.synthetic_runs import LABELS, scramble, write_run
from train.data.controlled import load_controlled

SEEDS = (0, 1, 2)
HEADING = "Which pairs go wrong?"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for place, init in enumerate(("scratch", "pretrained")):
        for seed in SEEDS:
            scramble(write_run(folder, init, seed), 10 * place + seed)
    assert main([str(folder)]) == 0
    return folder


def rows_of(study: Path, init: str, seed: int, split: str = "test") -> list[dict[str, str]]:
    with (study / "runs" / f"{init}-seed{seed}" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def said(rows: list[dict[str, str]]) -> tuple[list[str], list[str]]:
    return [row["gold"] for row in rows], [max(LABELS, key=lambda label: float(row[label])) for row in rows]


def test_confusion_and_scores_are_those_of_scikit_learn(study: Path) -> None:
    part = section((study / "report.md").read_text(), HEADING)
    for split in ("test", "test_unseen"):
        shown = split.replace("_", r"\_")
        by_label = {row["gold label"]: row for row in table(part, f"Accuracy on {shown} by gold label")}
        cells = {(row["arm"], row["gold label"]): row for row in table(part, f"What was said on {shown},")}
        for init in ("scratch", "pretrained"):
            golds, calls = zip(*(said(rows_of(study, init, seed, split)) for seed in SEEDS), strict=True)
            both = list(zip(golds, calls, strict=True))
            shares = np.mean([confusion_matrix(g, c, labels=LABELS, normalize="true") for g, c in both], axis=0)
            recalls = np.mean([recall_score(g, c, labels=LABELS, average=None) for g, c in both], axis=0)
            score = np.mean([f1_score(g, c, labels=LABELS, average="macro") for g, c in both])
            for place, label in enumerate(LABELS):
                assert number(by_label[label][init]) == pytest.approx(recalls[place], abs=5.1e-4)
                found = [number(cells[init, label][f"said {other}"]) for other in LABELS]
                assert found == pytest.approx(shares[place], abs=5.1e-4)
            assert number(by_label["macro F1"][init]) == pytest.approx(score, abs=5.1e-4)


def test_the_mistakes_are_the_most_confident_over_all_seeds(study: Path) -> None:
    part = section((study / "report.md").read_text(), HEADING)
    rows = [row for row in table(part, "Most confident mistakes on test") if row["arm"] == "pretrained"]
    chances, gold = defaultdict(lambda: np.zeros(3)), {}
    for seed in SEEDS:
        for row in rows_of(study, "pretrained", seed):
            chances[row["id"]] += [float(row[label]) / len(SEEDS) for label in LABELS]
            gold[row["id"]] = row["gold"]
    wrong = [id for id, shares in chances.items() if LABELS[shares.argmax()] != gold[id]]
    expected = sorted(wrong, key=lambda id: -chances[id].max())[:5]
    assert [row["pair"] for row in rows] == expected
    for row in rows:
        assert row["gold label"] == gold[row["pair"]]
        assert row["said"] == LABELS[chances[row["pair"]].argmax()]
        assert number(row["probability"]) == pytest.approx(chances[row["pair"]].max(), abs=5.1e-4)
    assert "premise" not in rows[0], "without quotes.json there is no sentence"


def test_a_report_shows_at_most_twenty_pairs(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained", "embeddings", "shuffled", "bottom-1", "bottom-2", "mlm"):
        write_run(tmp_path, init, 0)
    found = shown_mistakes(open_study([tmp_path], tmp_path).arms)
    assert len({each.arm for each in found}) == 7
    assert 14 <= len(found) <= MOST_QUOTED == 20


def test_sentences_are_quoted_from_the_runs_own_test_pairs(tmp_path: Path, tiny_checkpoint: Path) -> None:
    train(tmp_path, tiny_checkpoint, "--init", "scratch", "--max-steps", "2", name="one")
    folder = tmp_path / "s"
    (folder / "quotes.json").write_text("torn")  # is replaced, not read
    assert quote([str(folder)]) == 0
    assert main([str(folder)]) == 0
    part = section((folder / "report.md").read_text(), HEADING)
    texts = {each.id: (each.premise, each.hypothesis) for each in load_controlled()["test"]}
    rows = table(part, "Most confident mistakes on test")
    assert len(rows) == 5
    for row in rows:
        assert (row["premise"], row["hypothesis"]) == texts[row["pair"]]
    assert "The sentences are the project's own." in part


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "c" * 64}, "quotes other test pairs"),
        ({"pairs": {str(i): ["a", "b"] for i in range(21)}}, "a report at most 20"),
        ({"pairs": {"x": ["a", 7]}}, "should be premise and hypothesis"),
        ({"split": None}, "a str as split"),
    ],
)
def test_quotes_of_other_pairs_or_too_many_are_refused(change: dict, message: str, tmp_path: Path) -> None:
    write_run(tmp_path)
    good = {"schema_version": 1, "dataset": "mnli", "split": "test", "sha256": "b" * 64, "pairs": {}}
    (tmp_path / "quotes.json").write_text(json.dumps(good))
    assert open_study([tmp_path], tmp_path).quotes is not None
    (tmp_path / "quotes.json").write_text(json.dumps(good | change))
    with pytest.raises(RecordError, match=message):
        open_study([tmp_path], tmp_path)


def test_pairs_that_the_run_was_not_tested_on_are_not_quoted(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_run(tmp_path, size=96, data={"dataset": "controlled"})
    assert quote([str(tmp_path)]) == 3
    assert "these are not the test pairs of scratch-seed0" in capsys.readouterr().err
    assert not (tmp_path / "quotes.json").exists()


def test_an_unknown_gold_label_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    with (run / "predictions.csv").open("a") as file:
        file.write("test,new,perhaps,0.1,0.2,0.7,\n")
    with pytest.raises(RecordError, match="example new: gold should be one of"):
        confusion(load_run(run), "test")


def test_quoted_sentences_stay_inert(tmp_path: Path) -> None:
    write_run(tmp_path)
    ids = [each.id for each in shown_mistakes(open_study([tmp_path], tmp_path).arms)]
    pairs = {id: [text, "a|b $x$"] for id, text in zip(ids, PAYLOADS, strict=False)}
    record = {"schema_version": 1, "dataset": "mnli", "split": "test", "sha256": "b" * 64, "pairs": pairs}
    (tmp_path / "quotes.json").write_text(json.dumps(record))
    assert main([str(tmp_path)]) == 0
    own = (TEMPLATES / "report.js").read_text()
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text().replace(f"<script>{own}</script>", "")
        assert "<script" not in text.split("```sh")[0] and "<img" not in text
    rows = table((tmp_path / "report.md").read_text(), "Most confident mistakes")
    assert len(rows) == len(ids) and all(row["hypothesis"] == r"a\|b \$x\$" for row in rows)


def test_a_run_without_predictions_has_no_such_section(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    (run / "predictions.csv").unlink()
    study = open_study([tmp_path], tmp_path)
    assert error_blocks(study, {}) == [] and confusions(study) is None
