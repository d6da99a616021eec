"""The benchmark: what it counts, and how it compares."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.statistics.intervals import mean_interval, t_quantile
from models.batch import TokenBatch
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.dropout import Dropout
from models.initialise import initialise_, random_stream
from train.benchmark.agreement_report import agreement_text
from train.benchmark.flops import (
    forward_flops,
    gemm_rate,
    linear_flops,
    linear_shapes,
    training_flops,
    utilisation,
)
from train.benchmark.plain import PLAIN, make_plain
from train.benchmark.profile import KINDS, REST, by_kind, shares_of_time
from train.benchmark.record import (
    FIGURES,
    PRODUCTS,
    T_975,
    batches_sentence,
    describe_agreement,
    paired_difference,
    summarise,
)
from train.benchmark.report import pool_of_the_peer
from train.benchmark.settings import every_second

SHAPE = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}


def tiny_model(**changes) -> SequenceClassifier:
    model = SequenceClassifier(EncoderConfig(**{"num_hidden_layers": 3, **SHAPE, **changes}))
    initialise_(model, random_stream(3, "benchmark test"), 0.3)
    return model


def batch_of(lengths: list[int]) -> TokenBatch:
    stream = torch.Generator().manual_seed(5)
    ids = [torch.randint(5, 50, (length,), generator=stream) for length in lengths]
    return TokenBatch.from_sequences(ids, [torch.zeros_like(i) for i in ids])


def counted(model: SequenceClassifier, lengths: list[int], backward: bool) -> int:
    with FlopCounterMode(display=False) as counter:
        logits = model.classify(batch_of(lengths))
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_flops_are_those_that_torch_counts(family, layers):
    """On sequences of one length, where nothing is padded; with dropout on, so that attention is plain products."""
    changes = {"type_vocab_size": 0} if family == "distilbert" else {}
    model = tiny_model(family=family, num_hidden_layers=layers, **changes).train()
    lengths = [7] * 4
    assert forward_flops(lengths, model.config) == counted(model, lengths, backward=False)
    assert training_flops(lengths, model.config) == counted(model, lengths, backward=True)


@pytest.mark.parametrize("layers", [1, 3])
def test_linear_flops_are_those_that_torch_counts_without_attentions(layers):
    model = tiny_model(num_hidden_layers=layers).train()
    with FlopCounterMode(display=False) as counter:
        model.classify(batch_of([7] * 4)).sum().backward()
    by_operation = {str(name): count for name, count in counter.get_flop_counts()["Global"].items()}
    assert linear_flops([7] * 4, model.config) == by_operation["aten.mm"] + by_operation["aten.addmm"]
    assert by_operation.keys() == {"aten.mm", "aten.addmm", "aten.bmm", "aten.baddbmm"}


def test_the_rate_is_of_the_products_that_a_layer_makes():
    """Seen by torch's counter: the model's own products with weights, by their weight's shape."""
    model = tiny_model(num_hidden_layers=2)
    shapes = []
    whole = torch.nn.functional.linear
    with patch(
        "torch.nn.functional.linear", side_effect=lambda x, w, b: shapes.append(w.shape[::-1]) or whole(x, w, b)
    ):
        model.encoder.layers[0](torch.randn(14, 16), batch_of([7, 7]))
    assert tuple(map(tuple, shapes)) == linear_shapes(model.config)


def test_flops_of_a_ragged_batch_leave_the_pads_out():
    model = tiny_model().train()
    ragged = [3, 9, 6]
    alone = sum(counted(model, [length], backward=False) for length in ragged)
    assert forward_flops(ragged, model.config) == alone < counted(model, ragged, backward=False)


def test_utilisation_is_one_when_training_is_nothing_but_products():
    assert utilisation(flops=6e9, seconds=2.0, flops_per_second=3e9) == 1.0
    assert utilisation(flops=6e9, seconds=4.0, flops_per_second=3e9) == 0.5


def test_the_rate_of_products_weighs_shapes_by_the_time_they_take(monkeypatch):
    """With every product taking one second, the rate is the mean number of operations of a layer's 12 products."""
    monkeypatch.setattr("train.benchmark.flops.median_seconds", lambda work, _: (work(), 1.0)[1])
    config = EncoderConfig(num_hidden_layers=1, **SHAPE)
    linear_only = 3 * 2 * 10 * (4 * 16 * 16 + 2 * 16 * 24)
    assert gemm_rate(config, tokens=10) == pytest.approx(linear_only / 12)


def test_every_second_keeps_the_lengths():
    lengths = [5, 9, 1, 7, 3, 8, 2, 6]
    assert [lengths[i] for i in every_second(lengths)] == [9, 7, 5, 2]


def rounds_of(*rates: tuple[float, float]) -> list[dict]:
    one = {"examples_per_second": 0.0, "peak_memory_mb": 500.0, "first_step_seconds": 2.0, "utilisation": 0.8}
    return [
        {
            "ours.train": {**one, "examples_per_second": ours},
            "trainer.train": {**one, "examples_per_second": peer, "peak_memory_mb": 1000.0},
        }
        for ours, peer in rates
    ]


def test_ratios_are_made_round_by_round():
    """A machine that slows down for a whole round changes no quotient, while the medians' quotient would."""
    summary = summarise(rounds_of((80, 20), (8, 2), (90, 30)))
    found = summary["train_vs_trainer_ratio"]
    assert (found["min"], found["median"], found["max"]) == (3.0, 4.0, 4.0)
    assert (found["met"], found["met_in_rounds"]) == (True, 3)
    assert summarise(rounds_of((80, 20), (8, 4), (90, 30)))["train_vs_trainer_ratio"]["met_in_rounds"] == 2
    assert (summary["peak_memory_ratio"]["median"], summary["peak_memory_ratio"]["met"]) == (0.5, True)
    assert (summary["first_step_ratio"]["median"], summary["first_step_ratio"]["met"]) == (1.0, False)
    assert summary["eval_ratio"] is None


def test_a_figure_without_a_target_has_no_verdict():
    assert FIGURES["eval_vs_sorted_ratio"].is_met(0.1) is None
    assert FIGURES["train_vs_trainer_ratio"].is_met(2.999) is False


def test_a_record_says_how_ours_drew_its_batches():
    assert "its default then" in batches_sentence(["ours.train", "ours.random"])
    assert "at random" in batches_sentence(["ours.train", "ours.buckets"])


def test_quantiles_are_students():
    for degrees, quantile in enumerate(T_975, start=1):
        assert quantile == pytest.approx(t_quantile(0.95, degrees), abs=6e-4)


def test_agreement_is_an_interval_over_paired_seeds():
    fast, plain = [0.80, 0.82, 0.78, 0.81, 0.79], [0.805, 0.812, 0.781, 0.806, 0.79]
    found = paired_difference(fast, plain)
    expected = mean_interval([a - b for a, b in zip(fast, plain, strict=True)])
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-5), pytest.approx(expected.high, abs=1e-5))
    assert found.is_small
    assert not paired_difference(fast, [p + 0.03 for p in plain]).is_small
    assert not paired_difference([0.7, 0.9], [0.8, 0.8]).is_small, "no difference on average, but nothing is known"


def test_the_peers_pools_are_those_of_its_own_code():
    """As transformers sorts them: within a pool lengths fall, and from one to the next they need not."""
    from transformers.trainer_pt_utils import get_length_grouped_indices

    for examples in (320, 640, 8_000):
        stream = torch.Generator().manual_seed(1)
        lengths = torch.randint(5, 90, (examples,), generator=stream).tolist()
        order = get_length_grouped_indices(lengths, 32, generator=stream)
        first = 1 + next(i for i in range(1, examples) if i > 1 and lengths[order[i]] < lengths[order[i + 1]])
        pool = pool_of_the_peer({"train_examples": examples, "batch_size": 32})
        assert 0 <= 32 * pool - first < 32, "the first pool gave its longest sequence away"


def test_more_seeds_than_planned_do_not_hide_what_the_planned_ones_say():
    fast = dict(enumerate([0.80, 0.82, 0.78, 0.81, 0.79, 0.7, 0.6]))
    plain = dict(enumerate([0.805, 0.812, 0.781, 0.806, 0.79, 0.8, 0.8]))
    found = describe_agreement(fast, plain)
    alone = describe_agreement(*({seed: each[seed] for seed in range(5)} for each in (fast, plain)))
    assert found["planned_seeds_alone"] == alone["difference"] == alone["planned_seeds_alone"] != found["difference"]
    asked = {"settings": {"epochs": 4, "train_examples": 3000, "data": "some"}}
    assert "The first 5, which were planned, say by themselves: mean +0.12" in agreement_text(found | asked)
    assert "by themselves" not in agreement_text(alone | asked)


def test_the_plain_path_computes_the_same_function_by_other_means():
    model, lengths = tiny_model().double(), [3, 9, 6, 9]
    fast = model.eval().classify(batch_of(lengths))
    used = []
    try:
        make_plain()
        batch = batch_of(lengths)
        plain = model.classify(batch)
        with patch("models.dropout.F.dropout", side_effect=lambda x, *_: used.append(x.shape) or x):
            model.train().classify(batch)
    finally:
        patch.stopall()
    torch.testing.assert_close(plain, fast, rtol=0, atol=1e-12)
    assert used.count((4, 2, 9, 9)) == 3, "attention's probabilities are padded, in every layer"
    assert used.count((27, 16)) == 7, "all rows of all layers, and of the embeddings"
    assert len(PLAIN) == 5
    assert Dropout.forward.__module__ == "models.dropout"


def test_shares_of_time_follow_the_work_that_is_done():
    x = torch.ones(400, 400)
    shares = shares_of_time(lambda: [torch.mm(x, x) for _ in range(5)])
    assert sum(shares.values()) == pytest.approx(1) and shares[PRODUCTS] > 0.5
    shares = shares_of_time(lambda: [torch.nn.functional.gelu(x) for _ in range(20)])
    assert shares["GELU"] > 0.5 and shares[PRODUCTS] == 0


def test_every_operation_counts_once_and_unknown_ones_as_the_rest():
    names = [name for kind in KINDS.values() for name in kind]
    assert len(names) == len(set(names))
    shares = by_kind({"addmm": 3.0, "mm": 1.0, "gelu": 2.0, "no_such_operation": 4.0})
    assert (shares[PRODUCTS], shares["GELU"], shares[REST]) == pytest.approx((0.4, 0.2, 0.4))
