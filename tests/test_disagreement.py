"""Pairs that one arm gets right and the other wrong: counted again from the files, and never too many quoted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from analysis.probes import quote
from analysis.records.quotes import MOST_QUOTED, read_quotes
from analysis.records.reading import RecordError
from analysis.records.runs import load_study
from analysis.records.study import open_study
from analysis.report.beyond_sections import disagreement_blocks
from analysis.tables.disagreement import both, disagreements, shown_disagreements
from analysis.tables.errors import shown_mistakes
from tests.blocks import headings, rows_of
from tests.report_text import number
from tests.synthetic_runs import LABELS, scramble, write_run
from train.data.pairs import Example, content_hash

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for place, init in enumerate(("scratch", "pretrained")):
        for seed in SEEDS:
            scramble(write_run(folder, init, seed), 10 * place + seed)
    return folder


def counted(study: Path, split: str = "test") -> dict[str, dict[str, tuple[list[bool], float, str]]]:
    """Arm -> id -> whether each seed is right, mean probability of the gold label, gold label."""
    found: dict = {}
    for init in ("scratch", "pretrained"):
        for seed in SEEDS:
            with (study / "runs" / f"{init}-seed{seed}" / "predictions.csv").open(newline="") as file:
                for row in csv.DictReader(file):
                    if row["split"] == split:
                        said = max(LABELS, key=lambda label: float(row[label]))
                        hits, share, _ = found.setdefault(init, {}).get(row["id"], ([], 0.0, ""))
                        more = float(row[row["gold"]]) / len(SEEDS)
                        found[init][row["id"]] = [*hits, said == row["gold"]], share + more, row["gold"]
    return found


def test_counts_and_order_are_those_of_the_files(study: Path) -> None:
    blocks = disagreement_blocks(open_study([study], study))
    for split in ("test", "test_unseen"):
        arms = counted(study, split)
        kinds = [(all(arms["pretrained"][id][0]), any(arms["pretrained"][id][0])) for id in arms["scratch"]]
        kinds = [(*kind, all(s[0]), any(s[0])) for kind, s in zip(kinds, arms["scratch"].values(), strict=True)]
        expected = {
            "pretrained right, scratch wrong": sum(a and not d for a, _, _, d in kinds),
            "pretrained wrong, scratch right": sum(not b and c for _, b, c, _ in kinds),
            "both right": sum(a and c for a, _, c, _ in kinds),
            "both wrong": sum(not b and not d for _, b, _, d in kinds),
        }
        expected["seeds of an arm differ"] = 300 - sum(expected.values())
        rows = rows_of(blocks, f"Pairs of {split} by what")
        assert {row["with every seed"]: int(row["pairs"]) for row in rows} == expected
        assert min(expected.values()) > 0
    answers = both(open_study([study], study).arms, "test")
    arms, rows = counted(study), rows_of(blocks, "Pairs that one arm gets right")
    for winner, loser in (("pretrained", "scratch"), ("scratch", "pretrained")):
        won = [id for id, (hits, _, _) in arms[winner].items() if all(hits) and not any(arms[loser][id][0])]
        won.sort(key=lambda id: (arms[loser][id][1] - arms[winner][id][1], id))
        mine = [row for row in rows if row["right"] == winner]
        assert [row["pair"] for row in mine] == won[:5]
        pairs = disagreements(answers, ("pretrained", "scratch").index(winner))
        assert [pair.id for pair in pairs] == won and len(won) > 5, "more than are shown"
        assert all(pair.instead != pair.gold == arms[winner][pair.id][2] for pair in pairs)
        for row in mine:
            assert row["gold label"] == arms[winner][row["pair"]][2] != row["wrong label of the other"]
            found = [number(row[key]) for key in ("probability of gold", "in the other arm")]
            assert found == pytest.approx([arms[arm][row["pair"]][1] for arm in (winner, loser)], abs=5.1e-4)
    assert "premise" not in rows[0], "without quotes.json there is no sentence"
    assert "Which pairs does one arm alone get right?" in headings(study)


def test_ties_go_by_id(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path, init, 0)
    found = [each for each in shown_disagreements(open_study([tmp_path], tmp_path).arms) if each.winner == "pretrained"]
    assert len({each.margin for each in found}) == 1
    assert [each.id for each in found] == sorted(each.id for each in found)


@pytest.mark.parametrize("others", [(), ("embeddings",), ("embeddings", "shuffled", "bottom-1", "bottom-2", "mlm")])
def test_a_whole_report_shows_at_most_twenty_pairs(tmp_path: Path, others: tuple[str, ...]) -> None:
    for init in ("scratch", "pretrained", *others):
        scramble(write_run(tmp_path, init, 0, steps=40), len(init))
    arms = open_study([tmp_path], tmp_path).arms
    mistakes, pairs = shown_mistakes(arms), shown_disagreements(arms)
    assert len(mistakes) >= 2 * len(arms) and {each.winner for each in pairs} == {"scratch", "pretrained"}
    assert len(pairs) >= 6 and len(mistakes) + len(pairs) <= MOST_QUOTED == 20


def test_sentences_of_these_pairs_are_quoted_too(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, _ = load_study([study])
    arms = open_study([study], study).arms
    ids = [row["id"] for row in runs[0].predictions if row["split"] == "test"]
    pairs = [Example(id=id, premise=f"p {id}", hypothesis=f"h {id}", label="neutral", group="") for id in ids]
    monkeypatch.setattr(quote, "recorded_pairs", lambda *_: pairs)
    record = quote.quote(open_study([study], study), None)
    assert set(record["pairs"]) == {each.id for each in (*shown_mistakes(arms), *shown_disagreements(arms))}
    assert record["sha256"] == content_hash(pairs)
    (tmp_path / "quotes.json").write_text(json.dumps(record | {"sha256": "b" * 64}))
    quotes = read_quotes(tmp_path / "quotes.json", runs)
    (study / "quotes.json").write_text((tmp_path / "quotes.json").read_text())
    blocks = disagreement_blocks(open_study([study], study))
    (study / "quotes.json").unlink()
    assert quotes is not None and blocks[-1].text == quotes.source
    assert all(row[-2:] == (f"p {row[1]}", f"h {row[1]}") for row in blocks[-2].rows)


def test_seeds_that_answered_other_pairs_are_refused(tmp_path: Path) -> None:
    for seed in (0, 1):
        for init in ("scratch", "pretrained"):
            run = write_run(tmp_path, init, seed, steps=40)
    text = (run / "predictions.csv").read_text()
    (run / "predictions.csv").write_text(text.replace("test,test-7,", "test,test-new,"))
    with pytest.raises(RecordError, match=r"pretrained-seed1/predictions\.csv: split test has other items"):
        shown_disagreements(open_study([tmp_path], tmp_path).arms)


def test_one_arm_or_no_predictions_have_no_such_section(tmp_path: Path) -> None:
    run = write_run(tmp_path, steps=40)
    assert disagreement_blocks(open_study([tmp_path], tmp_path)) == []
    write_run(tmp_path, "pretrained", steps=40)
    (run / "predictions.csv").unlink()
    assert disagreement_blocks(open_study([tmp_path], tmp_path)) == []
