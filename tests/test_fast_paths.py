"""Speed costs no meaning: what is computed quickly equals what a textbook computes, in float64 to 1e-10."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch

from models.attention import attend, attend_by_length, attend_padded, attend_plain, merge_heads, split_heads
from models.batch import Group, TokenBatch
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.dropout import Dropout
from models.initialise import initialise_, random_stream
from tests.running import metrics, record, train
from train.benchmark.plain import PLAIN

SHAPE = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 24}
LENGTHS = ([3, 11, 7, 1], [2, 3, 6, 8, 8], [5, 5, 5], [9], [1, 1])
"""Ragged, no two of like length; in two groups; equal; one sequence; sequences of a single token."""


def tiny_model(family: str, dropout: float = 0.0) -> SequenceClassifier:
    segments = 0 if family == "distilbert" else 2
    config = EncoderConfig(family=family, type_vocab_size=segments, **SHAPE).with_dropout(dropout, dropout, dropout)
    model = SequenceClassifier(config)
    stream = random_stream(4, "fast paths")
    initialise_(model, stream, 0.3)
    for parameter in model.parameters():  # biases too: a bias of zero would hide how it is added
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, parameter.mean().item(), 0.3, generator=stream)
    return model.double().train()


def batch_of(lengths: list[int]) -> TokenBatch:
    stream = torch.Generator().manual_seed(6)
    ids = [torch.randint(5, 40, (length,), generator=stream) for length in lengths]
    return TokenBatch.from_sequences(ids, [torch.arange(len(i)) * 2 // (len(i) + 1) for i in ids])


def loss_and_gradients(model: SequenceClassifier, batch: TokenBatch) -> list[torch.Tensor]:
    model.zero_grad()
    labels = torch.arange(len(batch.first_B)) % 3
    loss = torch.nn.functional.cross_entropy(model.classify(batch), labels)
    loss.backward()
    return [loss.detach(), *(p.grad.to_dense().clone() for p in model.parameters() if p.grad is not None)]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("dropped", [False, True])
def test_the_fast_path_gives_the_plain_paths_loss_and_gradients(family, lengths, dropped, monkeypatch):
    """Plain: three products for query, key and value, padded attention, all rows of the last layer.

    A square stands for dropout: after it, too, a query's weights have another sum than 1, and both paths draw the same.
    """
    model = tiny_model(family, 0.1 if dropped else 0.0)
    monkeypatch.setattr(Dropout, "forward", lambda module, x: x * x if module.is_active else x)
    fast = loss_and_gradients(model, batch_of(lengths))
    patches = [
        patch(name, plain) for name, plain in PLAIN.items() if name.startswith(("models.encoder", "models.batch"))
    ]
    assert len(patches) == 3
    for each in patches:
        each.start()
    plain = loss_and_gradients(model, batch_of(lengths))
    for each in patches:
        each.stop()
    assert len(fast) == len(plain)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_both_padded_attentions_agree(lengths):
    """The plain operations, which a CPU uses with dropout, and the library's call, which a GPU uses."""
    group = Group.of(tuple(lengths))
    gradients = []
    for fast in (True, False):
        stream = torch.Generator().manual_seed(8)
        x = torch.randn(sum(lengths), 3 * 16, generator=stream, dtype=torch.float64, requires_grad=True)
        query, key, value = split_heads(x, group, 4, 3)
        if fast:
            mixed = attend(query, key, value, group, Dropout(0.0))
        else:
            mask = None if group.is_rectangular else group.real_BL[:, None, None]
            mixed = attend_plain(query, key, value, mask, Dropout(0.0))
        merge_heads(mixed, group).cos().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_laying_out_and_merging_are_inverse_and_so_are_their_gradients(lengths):
    group = Group.of(tuple(lengths))
    x = torch.randn(sum(lengths), 16, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(sum(lengths), 16, dtype=torch.float64)
    back = merge_heads(split_heads(x, group, 4, 1)[0], group)
    assert torch.equal(back, x)
    (back * weights).sum().backward()
    assert torch.equal(x.grad, weights)


def padded(x_TE: torch.Tensor, batch: TokenBatch, heads: int) -> torch.Tensor:
    """Laid out with pads, by the library's call, as a GPU does it."""
    rows = x_TE.split([group.tokens for group in batch.groups])
    return torch.cat(
        [attend_padded(x, group, heads, Dropout(0.0)) for x, group in zip(rows, batch.groups, strict=True)]
    )


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("attend_all", [padded, attend_by_length])
def test_every_sequence_is_as_if_alone(attend_all, grouped):
    """Whether laid out with others or not: a pad's own gradient is dropped, and its query adds nothing to the rest."""
    lengths = (2, 3, 6, 8, 8, 8, 1, 1)
    ids = [torch.zeros(length, dtype=torch.int64) for length in lengths]
    batch = TokenBatch.from_sequences(ids, ids, grouped)
    assert len(batch.groups) == (3 if grouped else 1)
    x = torch.randn(sum(lengths), 3 * 16, dtype=torch.float64, requires_grad=True)
    attend_all(x, batch, 4).sin().sum().backward()
    alone = []
    for rows in x.detach().split(lengths):
        y = rows.clone().requires_grad_(True)
        attend_by_length(y, batch_of([len(rows)]), 4).sin().sum().backward()
        alone.append(y.grad)
    torch.testing.assert_close(x.grad, torch.cat(alone), rtol=0, atol=1e-12)


def test_a_head_trained_on_cached_features_is_the_one_trained_through_the_frozen_encoder(
    tmp_path, tiny_checkpoint, monkeypatch
):
    """Dropout on: the head's masks are the same, and the frozen encoder draws none."""
    cached = train(tmp_path, tiny_checkpoint, "--init", "pretrained", "--freeze", "all", name="cached")
    monkeypatch.setattr("train.session.cache_features", lambda _model, pairs, _precision: pairs)
    asked = train(tmp_path, tiny_checkpoint, "--init", "pretrained", "--freeze", "all", name="asked")
    losses = [[line["loss"] for line in metrics(run, "train")] for run in (cached, asked)]
    assert losses[0] == pytest.approx(losses[1], abs=2e-6)
    assert record(cached, "summary")["steps"] == record(asked, "summary")["steps"] == 12


def test_a_frozen_encoder_is_asked_once_for_each_pair(tmp_path, tiny_checkpoint, monkeypatch):
    asked = []
    original = SequenceClassifier.features
    monkeypatch.setattr(
        SequenceClassifier, "features", lambda self, batch: asked.append(len(batch.first_B)) or original(self, batch)
    )
    train(tmp_path, tiny_checkpoint, "--init", "pretrained", "--freeze", "all", "--epochs", "3")
    assert sum(asked) == 96 + 48 + 48 + 48
