"""Inference or shortcut: the template pairs are what they claim, and models of known habits get known scores."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from analysis.probes import shortcut
from analysis.probes.command import open_subjects, recorded_pairs
from analysis.probes.templates import (
    CONSTITUENT,
    ENTAILED,
    ENTAILMENT,
    LEXICAL,
    NEUTRAL,
    TEMPLATES,
    template_pairs,
)
from models.errors import DataError
from tests.running import record, train
from train.data.pairs import LABELS, Example, content_hash

PAIRS = list(template_pairs())
CORPUS = [
    Example(id=f"x-{n}", premise=f"cat {n // 3} sat", hypothesis=f"{n} is {label}", label=label, group="")
    for n, label in enumerate(20 * LABELS)
]


def bare(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def contains(whole: list[str], part: list[str]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole)))


def test_there_are_3000_different_pairs_half_of_them_entailed():
    assert len(PAIRS) == len({pair.texts for pair in PAIRS}) == 3_000
    assert Counter(pair.label for pair in PAIRS) == {ENTAILMENT: 1_500, NEUTRAL: 1_500}
    kinds = Counter((each.shortcut, each.gold) for each in TEMPLATES)
    assert set(kinds.values()) == {5}
    assert len(kinds) == 6


def test_they_are_the_same_everywhere():
    """The record's interval compares studies only if the pairs never change; a change here is to be meant."""
    assert content_hash(PAIRS) == "ab9b579d318c414aae2530d981e0675c2db72ee80c0f2d9d4858a3d13b68d844"


@pytest.mark.parametrize("pair", PAIRS[::50], ids=lambda pair: pair.id)
def test_words_overlap_as_the_shortcut_says(pair: Example):
    template, premise, hypothesis = TEMPLATES[int(pair.group)], bare(pair.premise), bare(pair.hypothesis)
    if template.shortcut == LEXICAL:
        assert not Counter(hypothesis) - Counter(premise) - Counter(["the"])
    else:
        assert contains(premise, hypothesis)
    if template.shortcut == CONSTITUENT:
        clauses = re.split(r", (?:or |and )?| that ", re.sub(r"^\w+ (?:that )?(?=the )", "", pair.premise.lower()[:-1]))
        assert any(clause.endswith(pair.hypothesis.lower()[:-1]) for clause in clauses)
    assert pair.premise[0].isupper()
    assert pair.premise.endswith(".")


def always(label: str) -> shortcut.Say:
    return lambda pairs: [label] * len(pairs)


@pytest.mark.parametrize(
    ("say", "entailed", "not_entailed"),
    [
        (always("entailment"), 1, 0),
        (always("neutral"), 0, 1),
        (always("contradiction"), 0, 1),
        (lambda pairs: [pair.label for pair in pairs], 1, 1),
        (lambda pairs: ["contradiction" if pair.label == NEUTRAL else ENTAILMENT for pair in pairs], 1, 1),
    ],
    ids=["all entailed", "all neutral", "all contradiction", "copies the label", "the other negative label"],
)
def test_models_of_known_habits_get_known_scores(say, entailed, not_entailed):
    scores = shortcut.template_scores(say)
    for place, template in enumerate(TEMPLATES):
        assert scores[place] == (entailed if template.gold == ENTAILED else not_entailed)


def read_hypothesis(pairs: Sequence[Example]) -> list[str]:
    """A model that knows the label from the hypothesis alone."""
    return [next((label for label in LABELS if label in pair.hypothesis), "neutral") for pair in pairs]


def accuracy(say: shortcut.Say) -> dict[str, float]:
    found = shortcut.shares(shortcut.condition_answers(say, CORPUS), CORPUS)
    return {name: float(right.mean()) for name, (right, _) in found.items()}


def test_another_premise_costs_a_model_of_the_hypothesis_nothing():
    assert accuracy(read_hypothesis) == {
        "intact": 1.0,
        "other pairs' premises": 1.0,
        "sides swapped": pytest.approx(1 / 3),
        "words shuffled": 1.0,
    }


def test_another_premise_costs_a_model_of_the_pair_everything():
    known = {pair.texts: pair.label for pair in CORPUS}
    wrong = dict(zip(LABELS, [*LABELS[1:], LABELS[0]], strict=True))

    def say(pairs: Sequence[Example]) -> list[str]:
        return [known.get(pair.texts, wrong[pair.label]) for pair in pairs]

    found = accuracy(say)
    assert found["intact"] == 1
    assert found["other pairs' premises"] == found["sides swapped"] == 0


def test_no_pair_keeps_its_premise_and_every_premise_is_used():
    changed = shortcut.with_other_premises(CORPUS)
    assert all(one.premise != other.premise for one, other in zip(CORPUS, changed, strict=True))
    assert Counter(pair.premise for pair in changed) == Counter(pair.premise for pair in CORPUS)
    assert [pair.hypothesis for pair in changed] == [pair.hypothesis for pair in CORPUS]


def test_shuffled_words_are_the_same_words_in_a_fixed_order():
    once, again = (shortcut.with_shuffled_words(PAIRS) for _ in range(2))
    assert once == again
    assert all(sorted(a.premise.split()) == sorted(b.premise.split()) for a, b in zip(PAIRS, once, strict=True))
    assert sum(a.premise != b.premise for a, b in zip(PAIRS, once, strict=True)) > 2_900


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    results = tmp_path_factory.mktemp("probed")
    for init in ("scratch", "pretrained"):
        for seed in ("0", "1"):
            train(results, tiny_checkpoint, "--init", init, "--seed", seed, name=f"{init}-{seed}")
    train(results, tiny_checkpoint, "--init", "scratch", "--seed", "2", "--no-export", name="kept-nothing")
    return results / "s"


def test_the_command_says_of_each_run_what_its_own_test_said(study: Path, tiny_checkpoint: Path):
    """The mean accuracy on intact pairs has two ways here: through the export, and by the run's own summary."""
    assert shortcut.main([str(study), "--checkpoint", str(tiny_checkpoint)]) == 0
    found = json.loads((study / "probes" / "shortcut.json").read_text(encoding="utf-8"))
    assert [(row["arm"], row["seed"], row["weights"]) for row in found["runs"]] == [
        *(("scratch", 0, "best"), ("scratch", 1, "best"), ("pretrained", 0, "best"), ("pretrained", 1, "best"))
    ]
    for arm in ("scratch", "pretrained"):
        own = [record(study / "runs" / f"{arm}-{s}", "summary")["evaluations"]["after"]["test"] for s in (0, 1)]
        intact = next(row for row in found["conditions"] if (row["arm"], row["condition"]) == (arm, "intact"))
        assert intact["accuracy"] == pytest.approx(np.mean([each["accuracy"] for each in own]), abs=1e-6)
        assert intact["low"] <= intact["accuracy"] <= intact["high"]
    assert [row["hypothesis"] for row in found["effects"]] == ["S1", "S2", "S3", "S4", "S5"]


def test_other_data_are_refused(study: Path):
    subjects = open_subjects([study / "runs" / "scratch-0"], lambda _: True, "anything")
    run = next(iter(subjects.paths))
    run.config["data"]["test_examples"] = 47
    with pytest.raises(DataError, match="not the test pairs of scratch-0"):
        recorded_pairs(subjects.paths, "test", None)


def test_without_weights_it_says_so(study: Path, capsys: pytest.CaptureFixture[str]):
    assert shortcut.main([str(study / "runs" / "kept-nothing")]) == 2
    assert capsys.readouterr().err == "error: none of 1 runs is finished and has an export/ or a trajectory/\n"
