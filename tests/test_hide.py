"""The two settings that baselines and starts rest on: a hidden side stays hidden, and a zero head starts at ln 3."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from models.build import build_classifier
from models.sources import find_checkpoint
from tests.running import TINY, metrics, predictions, record, train
from tests.tiny import vocabulary
from train.cli import parse_run
from train.data.controlled import load_controlled
from train.evaluate import evaluate
from train.material import gather
from train.precision import choose_precision

CLS, SEP = 2, 3
LABELS = ("entailment", "contradiction", "neutral")
LEARN = ("--init", "pretrained", "--learning-rate", "0.01", "--max-steps", "6")


def ids_of(text: str) -> list[int]:
    return [vocabulary().get(word, 1) for word in re.findall(r"\w+|[^\w\s]", text.lower())]


@pytest.mark.parametrize(("hide", "left"), [("premise", "hypothesis"), ("hypothesis", "premise")])
def test_the_hidden_side_is_in_no_split(tiny_checkpoint: Path, hide: str, left: str) -> None:
    material = gather(parse_run(["--checkpoint", str(tiny_checkpoint), *TINY, "--hide", hide]).config)
    for name, pairs in material.encoded.items():
        for i, pair in enumerate(load_controlled()[name][: len(pairs)]):
            words = ids_of(getattr(pair, left))
            found = pairs.ids_S[pairs.starts[i] : pairs.starts[i + 1]].tolist()
            assert found == ([CLS, SEP, *words, SEP] if hide == "premise" else [CLS, *words, SEP, SEP]), name


def spread(run: Path, side: str) -> float:
    """Largest difference in a probability between test pairs that have this side in common."""
    pairs = load_controlled()["test"]
    groups: dict[str, list[list[float]]] = defaultdict(list)
    for pair, row in zip(pairs, (r for r in predictions(run) if r["split"] == "test"), strict=False):
        assert pair.id == row["id"]
        groups[getattr(pair, side)].append([float(row[label]) for label in LABELS])
    shared = [torch.tensor(rows) for rows in groups.values() if len(rows) > 1]
    assert len(shared) > 5
    return max((rows.max(0).values - rows.min(0).values).max().item() for rows in shared)


def test_a_run_without_premises_tells_no_pairs_with_one_hypothesis_apart(tmp_path: Path, tiny_checkpoint: Path) -> None:
    both = train(tmp_path, tiny_checkpoint, *LEARN, name="both")
    one = train(tmp_path, tiny_checkpoint, *LEARN, "--hide", "premise", name="one")
    assert spread(one, "hypothesis") <= 1.01e-4 < 1e-3 < spread(both, "hypothesis")  # four decimals are recorded
    assert record(one, "config")["data"]["hide"] == "premise"
    assert record(one, "data")["tokens"]["mean"] < record(both, "data")["tokens"]["mean"] - 3
    for name in ("data_sha256", "head_sha256", "parameters_sha256"):
        assert record(one, "certificate")[name] == record(both, "certificate")[name]


@pytest.mark.parametrize("init", ["scratch", "pretrained", "embeddings", "shuffled", "bottom-1"])
def test_a_zero_head_says_ln_3_exactly(tiny_checkpoint: Path, init: str) -> None:
    material = gather(parse_run(["--checkpoint", str(tiny_checkpoint), *TINY]).config)
    checkpoint = find_checkpoint(str(tiny_checkpoint))
    model, _ = build_classifier(checkpoint, checkpoint.config, init, 0, head_init="zero")
    for pairs in material.encoded.values():
        found = evaluate(model, pairs, choose_precision("float32", torch.device("cpu")))
        assert abs(found.loss - math.log(3)) < 1e-15


def test_a_zero_head_learns(tmp_path: Path, tiny_checkpoint: Path) -> None:
    run = train(tmp_path, tiny_checkpoint, *LEARN, "--head-init", "zero")
    assert record(run, "summary")["evaluations"]["before"]["test"]["loss"] == pytest.approx(math.log(3), abs=5e-7)
    losses = [line["loss"] for line in metrics(run, "train")]
    assert losses[:2] == pytest.approx([math.log(3)] * 2, abs=5e-7), "the rate of the first update is 0"
    assert all(abs(loss - math.log(3)) > 1e-4 for loss in losses[2:])
