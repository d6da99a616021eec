"""The update against PyTorch's own clipping and AdamW; the schedule against transformers'."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from train.config import OptimConfig
from train.optim import build_optimizer, clear_gradients, global_norm, gradients, update
from train.schedule import learning_rate_at


class Toy(nn.Module):
    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.word = nn.Embedding(50, 8, sparse=sparse)
        self.norm = nn.LayerNorm(8)
        self.output = nn.Linear(8, 3)

    def loss(self, step: int) -> torch.Tensor:
        ids = torch.randint(0, 50, (16,), generator=torch.Generator().manual_seed(step))
        return nn.functional.cross_entropy(10 * self.output(self.norm(self.word(ids))), ids % 3)


def pair() -> tuple[Toy, Toy]:
    torch.manual_seed(0)
    ours = Toy(sparse=True).double()
    theirs = Toy(sparse=False).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_l2_decay_is_adam_with_a_penalty_that_is_not_clipped(max_norm):
    ours, theirs = pair()
    optimizer = build_optimizer(ours, OptimConfig(weight_decay=0.1, decay="l2"))
    reference = torch.optim.Adam(theirs.parameters(), lr=0.01, fused=False, foreach=False)
    for step in range(10):
        clear_gradients(ours)
        loss = ours.loss(step)
        loss.backward()
        update(optimizer, loss.detach(), max_norm, 0.01)
        reference.zero_grad()
        theirs.loss(step).backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
        (0.1 / 2 * (theirs.word.weight.square().sum() + theirs.output.weight.square().sum())).backward()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=2e-6 if max_norm < 1 else 1e-9)  # as below


@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_updates_equal_pytorch_clipping_and_adamw(max_norm):
    ours, theirs = pair()
    optimizer = build_optimizer(ours, OptimConfig(weight_decay=0.1, beta1=0.8, beta2=0.95, eps=1e-3))
    decay = [theirs.word.weight, theirs.output.weight]
    rest = [theirs.norm.weight, theirs.norm.bias, theirs.output.bias]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, betas=(0.8, 0.95), eps=1e-3, fused=False, foreach=False)
    for step in range(10):
        rate = 0.01 / (step + 1)
        clear_gradients(ours)
        loss = ours.loss(step)
        loss.backward()
        norm = update(optimizer, loss.detach(), max_norm, rate)
        reference.zero_grad()
        theirs.loss(step).backward()
        expected = nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        assert norm.item() == pytest.approx(expected.item(), rel=1e-6 if max_norm < 1 else 1e-12)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        # clip_grad_norm_ divides by norm + 1e-6, and the fused kernel takes its divisor in float32
        torch.testing.assert_close(mine, other, rtol=0, atol=2e-6 if max_norm < 1 else 1e-12)


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_a_non_finite_update_changes_nothing(poison):
    ours, _ = pair()
    optimizer = build_optimizer(ours, OptimConfig())
    clear_gradients(ours)
    loss = ours.loss(0)
    loss.backward()
    update(optimizer, loss.detach(), 1.0, 0.01)
    before = copy.deepcopy(ours.state_dict()), copy.deepcopy(optimizer.state_dict()["state"])
    clear_gradients(ours)
    loss = ours.loss(1)
    loss.backward()
    if poison == "gradient":
        ours.output.weight.grad[0, 0] = torch.inf
    update(optimizer, loss.detach() * (torch.nan if poison == "loss" else 1.0), 1.0, 0.01)
    assert all(torch.equal(a, b) for a, b in zip(before[0].values(), ours.state_dict().values(), strict=True))
    after = optimizer.state_dict()["state"]
    assert all(torch.equal(before[1][i][k], after[i][k]) for i in after for k in after[i])


def test_the_word_gradient_keeps_its_buffer_and_forgets_its_content():
    ours, theirs = pair()
    clear_gradients(ours)
    ours.loss(0).backward()
    buffer = ours.word.weight.grad.data_ptr()
    clear_gradients(ours)
    ours.loss(1).backward()
    theirs.loss(1).backward()
    assert ours.word.weight.grad.data_ptr() == buffer
    torch.testing.assert_close(ours.word.weight.grad, theirs.word.weight.grad, rtol=0, atol=1e-15)


def test_biases_and_norms_are_not_decayed():
    groups = build_optimizer(pair()[0], OptimConfig(weight_decay=0.3)).param_groups
    shapes = {group["weight_decay"]: [tuple(p.shape) for p in group["params"]] for group in groups}
    assert shapes == {0.3: [(50, 8), (3, 8)], 0.0: [(8,), (8,), (3,)]}


def test_a_frozen_parameter_neither_moves_nor_decays_and_starts_afresh_when_it_thaws():
    ours, _ = pair()
    ours.output.weight.requires_grad_(False)
    optimizer = build_optimizer(ours, OptimConfig(weight_decay=0.3))
    before = ours.output.weight.clone()
    for step in range(3):
        clear_gradients(ours)
        loss = ours.loss(step)
        loss.backward()
        update(optimizer, loss.detach(), 1.0, 0.1)
    assert torch.equal(ours.output.weight, before)
    assert ours.output.weight not in optimizer.state and ours.norm.weight in optimizer.state
    ours.output.weight.requires_grad_(True)
    clear_gradients(ours)
    loss = ours.loss(3)
    loss.backward()
    update(optimizer, loss.detach(), 1.0, 0.1)
    first = before * (1 - 0.1 * 0.3) - 0.1 * ours.output.weight.grad.sign()  # bias correction: the sign alone
    torch.testing.assert_close(ours.output.weight, first, rtol=0, atol=1e-4)


def test_global_norm_is_that_of_all_entries():
    tensors = [torch.randn(3, 4), torch.randn(7)]
    expected = torch.cat([t.flatten() for t in tensors]).norm()
    torch.testing.assert_close(global_norm(tensors), expected)
    assert gradients(build_optimizer(nn.Linear(2, 2), OptimConfig())) == []


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("kind", ["linear", "constant"])
def test_the_schedule_is_transformers(warmup, kind):
    from transformers import get_constant_schedule_with_warmup, get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    if kind == "linear":
        theirs = get_linear_schedule_with_warmup(optimizer, warmup, 30)
    else:
        theirs = get_constant_schedule_with_warmup(optimizer, warmup)
    for step in range(31):
        assert learning_rate_at(step, 0.5, warmup, 30, kind) == pytest.approx(theirs.get_last_lr()[0], abs=1e-15)
        optimizer.step()
        theirs.step()
