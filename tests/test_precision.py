"""Which arithmetic is chosen and why; and what the loss scaler may not do to a step."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from models.errors import UserError
from tests.running import NO_DROPOUT, metrics, record, train
from tests.saving import make_job, new_state
from tests.torture.sabotage import replaced
from train import loop
from train.journal import flush
from train.optim import clear_gradients
from train.precision import choose_device, choose_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
FP16 = ("--precision", "fp16")
SCALE = 65536.0
"""Source: torch/amp/grad_scaler.py, `init_scale`."""


@pytest.mark.parametrize(
    ("has", "name", "reason"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bf16", "the CPU has matrix units for bf16"),
        ({"amx_bf16": False, "avx512_bf16": True}, "float32", "the CPU has no matrix units for bf16"),
        ({}, "float32", "the CPU has no matrix units for bf16"),
    ],
)
def test_auto_on_a_cpu(monkeypatch, capsys, has, name, reason):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    chosen = choose_precision("auto", CPU)
    assert (chosen.name, chosen.reason, capsys.readouterr().err) == (name, reason, "")


@pytest.mark.parametrize(("native", "name"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_gpu(monkeypatch, native, name):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert choose_precision("auto", GPU).name == name


@pytest.mark.parametrize("name", ["float32", "bf16", "fp16"])
def test_what_is_asked_for_is_taken(name):
    assert choose_precision(name, CPU).name == name


@pytest.mark.parametrize(
    ("name", "has", "slow"),
    [
        *(("bf16", {unit: True}, False) for unit in ("amx_bf16", "avx512_bf16", "bf16")),
        *(("fp16", {unit: True}, False) for unit in ("amx_fp16", "avx512_fp16", "fp16_arith")),
        *(("bf16", {"avx512_fp16": True}, True), ("fp16", {"avx512_bf16": True, "f16c": True}, True)),
        *(("bf16", {}, True), ("fp16", {}, True), ("float32", {}, False)),
    ],
)
def test_what_is_asked_for_where_it_is_slow_gets_one_line_of_warning(monkeypatch, capsys, name, has, slow):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    choose_precision(name, CPU)
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"warning: this CPU has no instructions for {name};") for line in said] == [True] * slow


def test_processes_of_a_machine_take_a_gpu_each(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "zeros", lambda _size, device: asked.append(device))
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch._C, "_cuda_setDevice", current.append, raising=False)  # torch's own way to it is real
    places = [("auto", 1), ("cuda", 2), ("cuda:3", 0), ("cpu", 1), ("auto", None), ("cuda", None)]
    found = [str(choose_device(*place)) for place in places]
    assert found == [str(device) for device in asked] == ["cuda:1", "cuda:2", "cuda:3", "cpu", "cuda:0", "cuda:0"]
    assert current == [1, 2, 3, 0, 0], "the chosen GPU is the current one before anything is asked of it"


def test_one_gpu_for_several_processes_is_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(
        UserError, match="'cuda:1': each of several processes takes a GPU of its own: give --device cuda"
    ):
        choose_device("cuda:1", 0)


@pytest.mark.parametrize("name", ["meta", "mps"])
def test_a_device_on_which_no_run_could_be_repeated_is_refused(name):
    with pytest.raises(UserError, match=f"device '{name}': runs are made for cpu and cuda"):
        choose_device(name)


@pytest.fixture
def job(tmp_path, tiny_checkpoint):
    """A training in fp16 with a scaler, without dropout."""
    return make_job(tmp_path / "job", tiny_checkpoint, *FP16, *NO_DROPOUT)


BATCHES = [[0, 1, 2], [3, 4]]


def without_scaler(job, **changes):
    return replace(job, scaler=None, **changes)


def gradients(job):
    """Copies, by name; a frozen parameter has none."""
    return {name: p.grad.clone() for name, p in job.model.named_parameters() if p.grad is not None}


def assert_near(found, wanted):
    """To 1%: fp16 keeps 11 bits, and the scaler spares it what would vanish."""
    assert found.keys() == wanted.keys()
    one, other = (torch.cat([grads[name].flatten() for name in wanted]) for grads in (found, wanted))
    assert (one - other).norm() < 0.01 * other.norm()


@pytest.mark.parametrize("frozen", [False, True])
def test_accumulated_gradients_are_unscaled_once_and_then_clipped(job, monkeypatch, frozen):
    """Against the same passes without a scaler, clipped by PyTorch."""
    job.model.encoder.requires_grad_(not frozen)
    clear_gradients(job.model)
    loop.accumulate(without_scaler(job), BATCHES)
    norm = torch.nn.utils.clip_grad_norm_(job.model.parameters(), 0.01)
    assert norm > 0.1, "there is something to clip"
    wanted, applied, state = gradients(job), {}, new_state(job)
    monkeypatch.setattr(job.optimizer, "step", lambda: applied.update(gradients(job)))
    with replaced(loop, "update", lambda f: lambda o, loss, _norm, *more: f(o, loss, 0.01, *more)):
        loop.train_step(job, state, BATCHES)
    assert_near(applied, wanted)
    assert state.pending[0]["tensors"][2].item() == pytest.approx(norm.item(), rel=0.01)


@pytest.mark.parametrize("frozen", [False, True])
def test_an_overflow_in_one_of_several_batches_leaves_everything_where_it_was(job, frozen):
    job.model.encoder.requires_grad_(not frozen)
    state = new_state(job)
    loop.train_step(job, state, BATCHES)
    before = copy.deepcopy(job.model.state_dict()), copy.deepcopy(job.optimizer.state_dict()["state"])
    with replaced(torch.amp.GradScaler, "scale", overflowing):
        loop.train_step(job, state, BATCHES)
    assert all(torch.equal(before[0][name], found) for name, found in job.model.state_dict().items())
    after = job.optimizer.state_dict()["state"]
    assert all(torch.equal(before[1][i][name], after[i][name]) for i in after for name in after[i])
    assert (state.step, state.updates, job.scaler.get_scale()) == (2, 1, SCALE / 2)
    loop.train_step(job, state, BATCHES)
    assert (state.step, state.updates, job.scaler.get_scale()) == (3, 2, SCALE / 2)
    assert any(not torch.equal(before[0][name], found) for name, found in job.model.state_dict().items())
    assert [entry["learning_rate"] for entry in state.pending] == pytest.approx([0, 1e-3, 1e-3])
    flush(job, state)
    assert (state.skipped, state.skipped_in_a_row) == (1, 0)


def overflowing(scale):
    """The first of the update's losses is so large that its gradients overflow."""
    factors = iter([torch.inf])
    return lambda scaler, loss: scale(scaler, loss) * next(factors, 1.0)


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_the_loss_is_near_that_of_float32_and_not_the_same(job, name):
    losses = [
        loop.accumulate(without_scaler(job, precision=choose_precision(asked, CPU)), BATCHES)[0].item()
        for asked in ("float32", name)
    ]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], abs=0.02)


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_a_run_with_a_frozen_layer_and_accumulation_ends_and_is_recorded(tmp_path, tiny_checkpoint, name):
    flags = ("--precision", name, "--freeze", "1", "--accumulation", "2")
    run = train(tmp_path, tiny_checkpoint, *flags)
    assert record(run, "environment")["precision"] == name
    lines = metrics(run, "train")
    assert len(lines) == 6 and record(run, "summary")["skipped_updates"] == 0
    exact = metrics(train(tmp_path, tiny_checkpoint, *flags, "--precision", "float32", name="exact"), "train")
    rounded, unrounded = ([line["loss"] for line in each] for each in (lines, exact))
    assert rounded == pytest.approx(unrounded, abs=0.05) and rounded != unrounded
