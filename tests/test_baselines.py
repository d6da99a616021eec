"""The bag of words is scikit-learn's, each baseline sees what it says, and all stand on the runs' own pairs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from analysis import bag_of_words as ours
from analysis.baselines import bag_of_words, main, majority
from tests.running import record, train
from train.cli import parse_run
from train.data.controlled import load_controlled
from train.data.pairs import LABELS, Example
from train.data.splits import load_splits

BOTH = ("premise", "hypothesis")


def pair(premise: str, hypothesis: str, label: str = "neutral") -> Example:
    return Example(id="x", premise=premise, hypothesis=hypothesis, label=label, group="")


@pytest.fixture(scope="module")
def pairs() -> tuple[list[Example], list[Example]]:
    """Training and test pairs of the built-in corpus with labels that words can tell, and a few words repeated."""
    chosen = random.Random(0).sample(load_controlled()["train"], 500)
    told = [
        pair(
            f"{e.premise} {e.premise.split()[-1]}",
            f"{e.hypothesis} Don't, {label[:3]}!" if i % 3 else e.hypothesis,
            label,
        )
        for i, (e, label) in enumerate(zip(chosen, np.random.default_rng(1).choice(LABELS, 500), strict=True))
    ]
    return told[:400], told[400:]


@pytest.mark.parametrize("sides", [("premise",), ("hypothesis",), BOTH])
@pytest.mark.parametrize("strength", [0.5, 20.0])
def test_probabilities_are_those_of_scikit_learn(
    pairs: tuple[list[Example], list[Example]], sides: tuple[str, ...], strength: float
) -> None:
    learn, test = pairs
    counters = [CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+") for _ in sides]
    counts = [c.fit_transform([getattr(p, s) for p in learn]) for c, s in zip(counters, sides, strict=True)]
    weights = TfidfTransformer()
    features = weights.fit_transform(hstack(counts))
    oracle = LogisticRegression(C=strength, tol=1e-10, max_iter=20_000).fit(features, [p.label for p in learn])
    unseen = hstack([c.transform([getattr(p, s) for p in test]) for c, s in zip(counters, sides, strict=True)])
    order = [list(oracle.classes_).index(label) for label in LABELS]
    expected = oracle.predict_proba(weights.transform(unseen))[:, order]
    model = ours.fit([ours.terms_of(p, sides) for p in learn], [p.label for p in learn], strength)
    bags = ours.to_bags([ours.terms_of(p, sides) for p in test], model.places, model.idf_T)
    found = ours.logits(model, bags).softmax(1).numpy()
    assert len(model.places) == features.shape[1]
    assert found == pytest.approx(expected, abs=1e-4)
    assert np.ptp(expected, axis=0).min() > 0.05, "the comparison tells something only if the words do"


def test_terms_by_hand() -> None:
    found = ours.terms_of(pair("A dog. A", "It isn't"), BOTH)
    premise = {"premise: a": 2, "premise: dog": 1, "premise: a dog": 1, "premise: dog a": 1}
    hypothesis = dict.fromkeys(("it", "isn", "t", "it isn", "isn t"), 1)
    assert found == Counter(premise | {f"hypothesis: {term}": 1 for term in hypothesis})


def test_a_pair_of_unknown_words_gets_the_biases(pairs: tuple[list[Example], list[Example]]) -> None:
    model = ours.fit([ours.terms_of(p, BOTH) for p in pairs[0]], [p.label for p in pairs[0]])
    empty = [ours.terms_of(pair("zyx", "wvu"), BOTH), ours.terms_of(pair("", ""), BOTH)]
    assert torch.equal(ours.logits(model, ours.to_bags(empty, model.places, model.idf_T)), model.bias_C.expand(2, 3))


@pytest.mark.parametrize(("sides", "changed"), [(("premise",), "hypothesis"), (("hypothesis",), "premise")])
def test_one_side_alone_is_seen(
    pairs: tuple[list[Example], list[Example]], sides: tuple[str, ...], changed: str
) -> None:
    learn, test = pairs
    guess = bag_of_words(learn, sides)
    other = [replace(p, **{changed: getattr(test[i - 1], changed)}) for i, p in enumerate(test)]
    assert guess(test) == guess(other)
    assert bag_of_words(learn, BOTH)(test) != bag_of_words(learn, BOTH)(other)


def test_the_majority_is_counted_in_training() -> None:
    two, one = [pair("a", "b", "neutral")] * 2, [pair("a", "b", "entailment")]
    assert majority(two + one)([*two, *one]) == ["neutral"] * 3
    tied = [pair("a", "b", label) for label in ("neutral", "contradiction")]
    assert majority(tied)(one) == ["contradiction"], "of equals the first in LABELS"


def test_it_stands_on_the_pairs_of_a_run(
    tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path, tiny_checkpoint, "--max-steps", "1")
    flags = ["--train-examples", "60", "96", "--validation-examples", "48", "--test-examples", "48"]
    assert main([*flags, "--out", str(tmp_path / "study")]) == 0
    found = json.loads((tmp_path / "study" / "baselines.json").read_text(encoding="utf-8"))
    hashes = record(run, "certificate")["data_sha256"]
    assert found["data"]["train_sha256"]["96"] == hashes["train"]
    assert found["data"]["sha256"] == {name: hashes[name] for name in ("validation", "test", "test_unseen")}
    assert len(found["baselines"]) == 2 * 2 * 4 and "majority class" in capsys.readouterr().out
    for row in found["baselines"]:
        assert row["examples"] == 48 and row["train_examples"] in (60, 96)
        assert row["low"] < row["accuracy"] < row["high"]
        assert row["accuracy"] * 48 == pytest.approx(round(row["accuracy"] * 48))
    usual = Counter(e.label for e in load_controlled()["train"][:96])
    label = max(LABELS, key=lambda name: usual[name])
    share = sum(e.label == label for e in load_controlled()["test"][:48]) / 48
    (row,) = (
        r
        for r in found["baselines"]
        if (r["baseline"], r["train_examples"], r["split"]) == ("majority class", 96, "test")
    )
    assert row["accuracy"] == pytest.approx(share)


def test_it_reads_what_a_run_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of other names, numbers as labels, training pairs among the test pairs: the run's own flags."""
    rows = [f"a dog sleeps {i}\ta dog rests {i}\t{label}" for i in range(30) for label in (0, 1, 2)]
    for name, found in (("train", rows), ("test", rows[60:])):
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tclaim\tverdict", *found]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    flags = ["--dataset", "own", "--data", str(tmp_path), "--validation-examples", "9", "--overlap", "drop"]
    flags += ["--columns", "premise=text,hypothesis=claim,label=verdict", "--label-names", ",".join(LABELS)]
    assert main(flags) == 0
    found = json.loads((tmp_path / "results" / "own" / "baselines.json").read_text(encoding="utf-8"))
    hashes = load_splits(parse_run(flags).config.data, 0).hashes()
    assert found["data"]["train_sha256"] == {str(found["baselines"][0]["train_examples"]): hashes.pop("train")}
    assert found["data"]["sha256"] == hashes


def test_what_cannot_work_is_a_line_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    small = ["--train-examples", "30", "--test-examples", "9"]
    for flags, code, message in (
        (["--train-examples", "9999999"], 3, "only 6000 are there"),
        (["--dataset", "snli"], 2, "dataset 'snli' is not one of"),
        ([*small, "--out", str(tmp_path / "file")], 2, "file: cannot be written"),
    ):
        assert main(flags) == code
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_help_imports_no_torch() -> None:
    code = "import sys\nfrom analysis.baselines import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    check = "print([m for m in ('torch', 'numpy', 'matplotlib', 'datasets') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
