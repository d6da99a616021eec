"""The layer ledger on cases with known answers: rotated copies, planted movements, a layer that alone matters."""

from __future__ import annotations

import json
import math
import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import linear_kernel

from analysis.probes import layers
from analysis.probes.parts import movement, parts_of
from analysis.probes.similarity import alignment, alignment_gap, batch_parts, independence, without_diagonal
from analysis.probes.weights import keeps_path, open_reader, read_snapshot, snapshots, trained_weights
from analysis.records.runs import load_run
from tests.running import record, train
from train.data.pairs import LABELS, Example

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(120, 9)), RNG.normal(size=(120, 5))


def criterion_by_its_sums(x: np.ndarray, y: np.ndarray) -> float:
    """The same estimate from its definition, a mean over ordered tuples of different examples.

    Source: Song et al. 2012, eq. 4: kernel products over (i, j), (i, j, q) and (i, j, q, r), without the fast form.
    """
    one, other = linear_kernel(x), linear_kernel(y)
    places = range(len(x))
    two = [one[i, j] * other[i, j] for i, j in permutations(places, 2)]
    three = [one[i, j] * other[i, q] for i, j, q in permutations(places, 3)]
    four = [
        one[i, j] * other[q, r]
        for i in places
        for j in places
        for q in places
        for r in places
        if len({i, j, q, r}) == 4
    ]
    return float(np.mean(two) + np.mean(four) - 2 * np.mean(three))


def test_the_criterion_is_the_mean_over_tuples_of_different_examples():
    x, y = X[:9] + 2, Y[:9] - 1
    found = independence(without_diagonal(x), without_diagonal(y))
    assert found == pytest.approx(criterion_by_its_sums(x, y), rel=1e-12)


def test_a_rotated_scaled_and_shifted_copy_is_the_same():
    rotation, _ = np.linalg.qr(RNG.normal(size=(9, 9)))
    assert alignment(batch_parts(X, 3.7 * X @ rotation + 5, 40)) == pytest.approx(1, abs=1e-12)
    stretched = X * np.array([20, *[1] * 8])
    assert alignment(batch_parts(X, stretched, 40)) < 0.9


def test_unrelated_vectors_average_to_zero_however_few_they_are():
    """The biased estimate of the same draws is far above: what the correction is for."""
    draws = np.random.default_rng(1)
    unbiased, biased = [], []
    for _ in range(400):
        x, y = draws.normal(size=(12, 30)), draws.normal(size=(12, 30))
        unbiased.append(independence(without_diagonal(x), without_diagonal(y)))
        x, y = x - x.mean(0), y - y.mean(0)
        biased.append(np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))
    assert abs(np.mean(unbiased)) < 3 * np.std(unbiased) / math.sqrt(len(unbiased))
    assert np.mean(biased) > 0.7


def test_the_interval_holds_the_alignment_of_many_more_examples():
    draws = np.random.default_rng(2)
    mix = draws.normal(size=(6, 6))

    def sample(n: int) -> np.ndarray:
        x = draws.normal(size=(n, 6))
        return batch_parts(x, x @ mix + draws.normal(size=(n, 6)), 50)

    truth = alignment(sample(50_000))
    held = [low <= truth <= high for low, high in (alignment_gap(sample(500)).interval() for _ in range(100))]
    assert 0.88 <= np.mean(held) <= 1


def test_a_gap_is_that_of_the_two_alignments():
    near, far = batch_parts(X, X + 0.1 * RNG.normal(size=X.shape), 20), batch_parts(X, Y, 20)
    found = alignment_gap(near, far)
    assert found.difference == pytest.approx(alignment(near) - alignment(far))
    low, high = found.interval()
    assert 0 < low < found.difference < high


def test_movement_is_the_pythagorean_one():
    before = {"encoder.layers.0.a": torch.tensor([3.0, 0.0]), "encoder.layers.0.b": torch.tensor([[4.0]])}
    after = {"encoder.layers.0.a": torch.tensor([3.0, 12.0]), "encoder.layers.0.b": torch.tensor([[4.0]])}
    moved, cosine = movement(before, after, list(before))
    assert moved == pytest.approx(12 / 5)
    assert cosine == pytest.approx(5 / 13)
    assert movement(before, before, list(before)) == (0, pytest.approx(1))


def test_parts_stand_from_below():
    names = (
        "head.output.bias",
        "pooler.weight",
        "encoder.layers.10.x",
        "encoder.layers.2.x",
        "encoder.embeddings.word",
    )
    assert list(parts_of(dict.fromkeys(names))) == ["embeddings", "layer 3", "layer 11", "pooler", "head"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    results = tmp_path_factory.mktemp("probed")
    for init in ("scratch", "pretrained"):
        for seed in ("0", "1"):
            train(results, tiny_checkpoint, "--init", init, "--seed", seed, "--keep-trajectory", name=f"{init}-{seed}")
    return results / "s"


def test_the_last_snapshot_is_what_was_exported_when_it_was_best(study: Path):
    run = study / "runs" / "pretrained-0"
    assert record(run, "summary")["best"]["step"] == record(run, "summary")["steps"]
    exported, which = trained_weights(run)
    last = read_snapshot(list(snapshots(run).values())[-1])
    assert which == "best"
    assert all(torch.equal(exported[name], tensor) for name, tensor in last.items())


@pytest.mark.parametrize("decides", ["layer 2", "pooler", "head"])
def test_rolling_back_what_decides_costs_everything_and_the_rest_nothing(
    study: Path, tiny_checkpoint: Path, decides: str
):
    """Layer 2 gives every token one vector, the pooler keeps it, the head reads its first three numbers.

    One of the three was trained to say entailment and said contradiction before; what lies below is never looked at.
    """
    run = study / "runs" / "scratch-0"
    reader = open_reader(load_run(run), str(tiny_checkpoint))
    before = read_snapshot(snapshots(run)[0])
    before["encoder.layers.1.feed_forward_norm.weight"].zero_()
    before["encoder.layers.1.feed_forward_norm.bias"] = torch.eye(16)[0]
    before["pooler.weight"], before["pooler.bias"] = torch.eye(16), torch.zeros(16)
    before["head.output.weight"], before["head.output.bias"] = torch.eye(16)[:3], torch.zeros(3)
    after = {name: tensor.clone() for name, tensor in before.items()}
    for name in after:
        if name.startswith(("encoder.embeddings", "encoder.layers.0")):
            after[name] += 0.1
    turn = torch.eye(16)[[1, 0, *range(2, 16)]]
    turned = {"layer 2": "encoder.layers.1.feed_forward_norm.bias", "pooler": "pooler.weight"}
    name = turned.get(decides, "head.output.weight")
    before[name] = before[name] @ turn
    pairs = [Example(id=f"x-{n}", premise="a dog", hypothesis="a cat", label=LABELS[0], group="") for n in range(3)]
    found = layers.roll_back(reader, before, after, pairs)
    parts = ("nothing", "embeddings", "layer 1", "layer 2", "pooler", "head")
    assert {part: right.mean() for part, right in found.items()} == {part: float(part != decides) for part in parts}


def test_a_path_without_its_start_is_not_looked_into(study: Path, tmp_path: Path):
    copy = tmp_path / "run"
    shutil.copytree(study / "runs" / "scratch-0", copy)
    assert keeps_path(copy)
    snapshots(copy)[0].unlink()
    assert len(snapshots(copy)) > 1 and not keeps_path(copy)


def test_vectors_are_the_means_of_each_pairs_tokens(study: Path, tiny_checkpoint: Path):
    run = study / "runs" / "scratch-0"
    reader = open_reader(load_run(run), str(tiny_checkpoint)).fill(trained_weights(run)[0])
    texts = [("a dog sleeps", "it rests"), ("the old man who sings", "he is not asleep at all")]
    pairs = [Example(id=f"x-{n}", premise=p, hypothesis=h, label=LABELS[0], group="") for n, (p, h) in enumerate(texts)]
    found = layers.mean_vectors(reader, pairs)
    assert found.shape == (3, 2, 16)
    encoder = reader.model.encoder
    stages: list[np.ndarray] = []
    for part in (encoder.embeddings, *encoder.layers):
        part.register_forward_hook(lambda _, __, x_TD: stages.append(x_TD.mean(0).double().numpy()))
    for place, pair in enumerate(pairs):
        stages.clear()
        with torch.no_grad():
            encoder(reader.encode([pair]).batch([0], torch.device("cpu")))
        assert np.stack(stages) == pytest.approx(found[:, place], abs=1e-6)


def test_the_command_accounts_for_every_layer(study: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "BATCH", 12)
    assert layers.main([str(study), "--checkpoint", str(tiny_checkpoint)]) == 0
    found = json.loads((study / "probes" / "layers.json").read_text(encoding="utf-8"))
    parts = ["embeddings", "layer 1", "layer 2", "pooler", "head"]
    for arm in ("scratch", "pretrained"):
        moved = [row for row in found["movements"] if (row["arm"], row["seed"]) == (arm, 1)]
        assert [row["part"] for row in moved] == [*parts, "encoder"]
        assert all(row["moved"] > 0 and row["cosine"] < 1 for row in moved)
        assert [row["part"] for row in found["rolled_back"] if row["arm"] == arm] == parts
    kinds = [row["what"] for row in found["similarities"] if row["part"] == "layer 2"]
    assert sorted(set(kinds)) == sorted(
        ["scratch, before and after", "pretrained, before and after"]
        + [f"pretrained and scratch, {when}" for when in ("before", "after")]
    )
    assert len(kinds) == 8
    assert {row["hypothesis"] for row in found["effects"]} == {"L1", "L2", "L3", "L4"}
