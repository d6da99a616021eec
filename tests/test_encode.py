"""Encoding: the report's example, longest-first truncation, no padding, one-sided input, statistics by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.config import EncoderConfig
from models.tokenizer_file import open_tokenizer
from tests.tiny import save_tokenizer, vocabulary
from train.data.encode import encode_pairs, token_statistics
from train.data.pairs import Example

CPU = torch.device("cpu")
CONFIG = EncoderConfig(vocab_size=len(vocabulary()), max_position_embeddings=64)


@pytest.fixture
def tokenizer(tmp_path):
    return open_tokenizer(save_tokenizer(tmp_path / "tokenizer.json"), CONFIG)


def pairs_of(*sentences: tuple[str, str]):
    return [
        Example(id=str(i), premise=p, hypothesis=h, label="neutral", group="") for i, (p, h) in enumerate(sentences)
    ]


def test_pairs_are_packed_end_to_end_without_padding(tokenizer):
    encoded = encode_pairs(tokenizer, pairs_of(("a dog", "a cat ."), ("the dog", "a")), 64)
    assert encoded.lengths == [2 + 3 + 3, 2 + 1 + 3]
    batch = encoded.batch([1, 0], CPU)
    assert [group.lengths for group in batch.groups] == [(6, 8)]
    assert batch.segments_T.tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]
    assert batch.positions_T.tolist() == [*range(6), *range(8)]
    assert [vocabulary()[w] for w in ("[CLS]", "[SEP]")] == [batch.ids_T[0], batch.ids_T[-1]]


def test_off_the_cpu_a_batch_is_one_group(tokenizer):
    encoded = encode_pairs(tokenizer, pairs_of(("a dog", "a cat ."), ("the dog " * 9, "a")), 64)
    groups = {device: encoded.batch([0, 1], torch.device(device)).groups for device in ("cpu", "meta")}
    assert [group.lengths for group in groups["cpu"]] == [(8,), (22,)]
    (group,) = groups["meta"]
    assert group.lengths == (8, 22) and group.slots_T.device.type == "meta"


def test_the_longer_sentence_loses_tokens_first(tokenizer):
    encoded = encode_pairs(tokenizer, pairs_of(("dog " * 20, "a cat")), 12)
    batch = encoded.batch([0], CPU)
    assert [group.lengths for group in batch.groups] == [(12,)]
    assert int(batch.segments_T.sum()) == 3  # the short hypothesis is whole: two words and [SEP]


@pytest.mark.parametrize(("hide", "kept"), [("premise", "cat"), ("hypothesis", "dog")])
def test_a_hidden_side_is_blank(tokenizer, hide, kept):
    encoded = encode_pairs(tokenizer, pairs_of(("dog", "cat")), 64, hide)
    ids = set(encoded.ids_S.tolist())
    assert ids == {2, 3, vocabulary()[kept]}


def test_statistics_are_those_of_numpy_before_truncation(tokenizer):
    pairs = pairs_of(*[("dog " * n, "cat") for n in range(1, 41)])
    lengths = np.arange(1, 41) + 4
    found = token_statistics(tokenizer, pairs, 30)
    assert found == {
        "mean": lengths.mean(),
        "max": 44,
        "p90": pytest.approx(np.percentile(lengths, 90), abs=0.05),
        "p95": pytest.approx(np.percentile(lengths, 95), abs=0.06),
        "p99": pytest.approx(np.percentile(lengths, 99), abs=0.05),
        "max_tokens": 30,
        "truncated_share": (lengths > 30).mean(),
    }
