"""Attention as transformers has it, and principal components of points that lie in a known plane."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.probes import views
from analysis.probes.command import recorded_pairs
from analysis.probes.weights import open_reader, read_snapshot, snapshots
from analysis.records.runs import load_run
from models.batch import TokenBatch
from tests.running import train
from tests.tiny_models import FAMILIES, VOCABULARY, our_model, saved, their_model


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_is_that_of_transformers(family: str, tmp_path: Path):
    theirs = their_model(family).double()
    ours = our_model(saved(theirs, tmp_path), theirs)
    ids = torch.randint(2, VOCABULARY, (1, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        layers = theirs(input_ids=ids, output_attentions=True).attentions
    found = views.first_token_attention(ours, TokenBatch.from_padded(ids))
    assert found == pytest.approx(np.stack([each[0, :, 0].mean(0).numpy() for each in layers]), abs=1e-9)
    assert found.sum(axis=1) == pytest.approx(1)


def test_points_in_a_plane_keep_their_distances():
    draws = np.random.default_rng(0)
    flat = draws.normal(size=(40, 2)) * (3, 1)
    axes, _ = np.linalg.qr(draws.normal(size=(7, 2)))
    found, share = views.widest_plane(flat @ axes.T + 5)
    assert share == pytest.approx(1)
    assert np.linalg.norm(found[:, None] - found, axis=2) == pytest.approx(np.linalg.norm(flat[:, None] - flat, axis=2))
    assert found[:, 0].var() > found[:, 1].var()


def test_the_share_is_that_of_the_two_widest_axes():
    vectors = np.concatenate([np.diag([3.0, 2.0, 1.0]), -np.diag([3.0, 2.0, 1.0])])
    assert views.widest_plane(vectors)[1] == pytest.approx((9 + 4) / (9 + 4 + 1))


def test_the_command_shows_both_arms(tmp_path: Path, tiny_checkpoint: Path):
    for init in ("scratch", "pretrained"):
        train(tmp_path, tiny_checkpoint, "--init", init, "--set", "trajectory=2", "--no-export", name=init)
    assert views.main([str(tmp_path / "s"), "--checkpoint", str(tiny_checkpoint)]) == 0
    found = json.loads((tmp_path / "s" / "probes" / "views.json").read_text(encoding="utf-8"))
    tokens = [row["token"] for row in found["attention"] if (row["arm"], row["layer"]) == ("scratch", 1)]
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    assert "by" in tokens
    assert len(found["attention"]) == 2 * 2 * len(tokens)
    kinds = [(row["arm"], row["when"]) for row in found["points"]]
    assert [kinds.count(kind) for kind in dict.fromkeys(kinds)] == [48] * 4
    run = load_run(tmp_path / "s" / "runs" / "pretrained")
    (first, last), reader = snapshots(run.path).values(), open_reader(run, str(tiny_checkpoint))
    pairs = recorded_pairs([run], "test", None)
    for when, path in (("before", first), ("after", last)):
        expected, _ = views.widest_plane(views.pooled_vectors(reader.fill(read_snapshot(path)), pairs))
        shown = [(row["x"], row["y"]) for row in found["points"] if (row["arm"], row["when"]) == ("pretrained", when)]
        assert np.array(shown) == pytest.approx(expected, rel=1e-4, abs=1e-5)
