"""The cheap masks are real dropout: right probability, right mean, independent, repeatable."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn

from models.dropout import Dropout, seed_dropout

P_VALUE = 1e-6  # of a fixed seed: a right implementation passes for ever, a wrong one by chance never


def make(p: float, seed: int = 0) -> Dropout:
    dropout = Dropout(p)
    seed_dropout(dropout, torch.Generator().manual_seed(seed))
    return dropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_the_probability_is_p(p):
    mask = make(p).draw_mask(torch.empty(1000, 999))
    dropped = int((mask == 0).sum())
    assert stats.binomtest(dropped, mask.numel(), p).pvalue > P_VALUE
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)], rel=1e-4)


def test_the_mean_is_kept_exactly_for_the_rounded_probability():
    kept = round(0.7 * 2**16)
    scale = make(0.3).draw_mask(torch.empty(64, dtype=torch.float64)).max().item()
    assert scale * kept / 2**16 == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("p", [1e-6, 1 - 1e-6])
def test_a_probability_next_to_an_end_is_still_one(p):
    """Rounded to a level it would be that end: never dropped, or always, which has no mean to keep."""
    mask = make(p).draw_mask(torch.empty(2_000, 1_000))
    levels = 1 if p > 0.5 else 2**16 - 1
    kept = int((mask != 0).sum())
    assert stats.binomtest(kept, mask.numel(), levels / 2**16).pvalue > P_VALUE
    assert mask.max().item() == pytest.approx(2**16 / levels)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 384])
def test_neighbours_are_independent(lag):
    dropped = (make(0.3).draw_mask(torch.empty(400_000)) == 0).double()
    correlation = torch.corrcoef(torch.stack([dropped[:-lag], dropped[lag:]]))[0, 1].item()
    assert abs(correlation) * math.sqrt(dropped.numel()) < 5  # standard normal under independence


def test_two_calls_differ_and_two_streams_of_one_seed_agree():
    first, second = make(0.5, seed=3), make(0.5, seed=3)
    x = torch.ones(1000)
    one, two = first(x), first(x)
    assert not torch.equal(one, two)
    assert torch.equal(one, second(x)) and torch.equal(two, second(x))


def test_it_rests_in_evaluation_mode_and_at_p_0():
    x = torch.randn(10)
    assert make(0.5).eval()(x) is x
    assert make(0.0)(x) is x


def test_its_gradient_is_its_mask():
    x = torch.randn(50, requires_grad=True)
    y = make(0.4)(x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.where(y == 0, 0.0, y.detach() / x.detach()).nan_to_num()) or torch.allclose(
        x.grad, y.detach() / x.detach()
    )


def test_every_dropout_of_a_model_draws_from_the_one_stream():
    model = nn.Sequential(Dropout(0.1), nn.Sequential(Dropout(0.2)))
    generator = torch.Generator()
    seed_dropout(model, generator)
    assert model[0].generator is generator and model[1][0].generator is generator
