"""What is saved comes back bit for bit, and what is damaged or foreign is refused before anything is touched."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, fields
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from models.errors import CheckpointError
from tests.saving import make_job, new_state
from tests.torture.compare import is_whole, reseal
from tests.torture.sabotage import replaced
from train import checkpoint
from train.checkpoint import folder_of, forget, save
from train.config import RunConfig
from train.interrupt import Signals
from train.loop import train_step
from train.resume import _verify, restore
from train.state import Job, TrainState
from train.stopping import Stopping


@pytest.fixture
def job(tmp_path, tiny_checkpoint):
    return make_job(tmp_path / "run", tiny_checkpoint)


def everything(job: Job) -> dict[str, torch.Tensor]:
    """Copies of all tensors that a training changes."""
    states = job.optimizer.state_dict()["state"]
    tensors = {f"{i}.{name}": value for i, state in states.items() for name, value in state.items()}
    tensors |= dict(job.model.named_parameters())
    tensors |= {"dropout": job.dropout.get_state(), "torch": torch.get_rng_state()}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


figures = st.floats(allow_nan=False, allow_subnormal=False)  # training flushes subnormals, in the whole process
numbers = st.integers(min_value=0, max_value=2**53)
STATES = {
    "step": st.integers(0, 11),
    "position": st.integers(0, 5),
    **dict.fromkeys(("updates", "epoch", "examples_seen", "skipped", "skipped_in_a_row"), numbers),
    **dict.fromkeys(("epoch_correct", "epoch_examples"), numbers),
    **dict.fromkeys(("seconds", "train_seconds", "epoch_loss"), figures),
    "before": st.dictionaries(st.text(max_size=5), figures, max_size=3),
    "stop_reason": st.text(max_size=9),
    "noticed": st.lists(st.text(max_size=5)),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.fixed_dictionaries(STATES), best=st.none() | figures, bad_epochs=numbers, seed=st.integers(0, 2**32))
def test_what_is_saved_comes_back(job, values, best, bad_epochs, seed):
    torch.manual_seed(seed)
    job.dropout.manual_seed(seed)
    train_step(job, new_state(job), [[0, 1], [2]])
    state = TrainState(stopping=Stopping(job.config.stop, best, bad_epochs), **values)
    expected, tensors = asdict(state), everything(job)
    path = save(job, state)
    train_step(job, new_state(job), [[3, 4]])
    torch.rand(3)
    found = restore(job)
    assert asdict(found) == expected
    after = everything(job)
    assert after.keys() == tensors.keys()
    assert all(torch.equal(after[name], tensors[name]) for name in tensors)
    assert is_whole(path)
    forget(job)


def test_every_field_of_the_state_is_tried():
    tried_elsewhere = {"stopping", "best", "pending", "origin"}
    assert STATES.keys() | tried_elsewhere == {field.name for field in fields(TrainState)}


def test_what_is_restored_lies_in_memory_of_its_own(job):
    """A mapped file's alignment changes the last bits of a matrix product; and the file may be deleted."""
    train_step(job, new_state(job), [[0, 1], [2]])
    places = {name: parameter.data_ptr() for name, parameter in job.model.named_parameters()}
    save(job, new_state(job, step=1))
    restore(job)
    assert {name: parameter.data_ptr() for name, parameter in job.model.named_parameters()} == places
    states = job.optimizer.state_dict()["state"].values()
    assert all(state["exp_avg"].data_ptr() % 64 == 0 for state in states)


def test_every_byte_of_a_manifest_counts(job):
    path = save(job, new_state(job, step=1)) / "manifest.json"
    whole = path.read_bytes()
    missed = []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with contextlib.suppress(CheckpointError):
            _verify(path.parent)
            missed.append(place)
    assert missed == []
    path.write_bytes(whole)
    _verify(path.parent)


def is_same_json(one: bytes, other: bytes) -> bool:
    """Whether they differ in nothing but blanks."""
    with contextlib.suppress(ValueError):
        return json.loads(one) == json.loads(other)
    return False


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(number=0, place=0, cut=1, new=b"")
@given(number=st.integers(0, 4), place=st.integers(0, 1000), cut=st.integers(0, 99), new=st.binary(max_size=9))
def test_whatever_becomes_of_a_file_it_is_noticed_and_nothing_is_touched(job, number, place, cut, new):
    """Bytes of any file replaced, inserted, or taken out, anywhere."""
    folder = save(job, new_state(job, step=1))
    path = sorted(folder.iterdir())[number]
    whole, before = path.read_bytes(), everything(job)
    start = place * len(whole) // 1000
    damaged = whole[:start] + new + whole[start + cut :]
    assume(damaged != whole and not (path.name == "manifest.json" and is_same_json(damaged, whole)))
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="none of its 1 checkpoints can be used"):
        restore(job)
    after = everything(job)
    assert all(torch.equal(after[name], before[name]) for name in before)
    path.write_bytes(whole)
    assert restore(job) is not None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(1, 11), min_size=1, max_size=6))
def test_the_two_newest_stay_whole_and_a_later_one_than_the_last_saved_goes(job, steps):
    """A run that was resumed from an older checkpoint saves again what it had saved."""
    kept: set[int] = set()
    for step in steps:
        save(job, new_state(job, step=step))
        kept = set(sorted({other for other in kept if other < step} | {step})[-2:])
        found = folder_of(job).iterdir()
        assert {int(path.name.removeprefix("step-")) for path in found if is_whole(path)} == kept
    forget(job)


@pytest.mark.parametrize("change", [{"updates": None}, {"unheard_of": 1}, {"scaler": None}])
def test_a_state_of_another_version_is_refused_by_name(job, change, capsys):
    path = save(job, new_state(job, step=1)) / "state.json"
    record = json.loads(path.read_text())
    for name, value in change.items():
        record.pop(name) if name in record else record.setdefault(name, value)
    path.write_text(json.dumps(record))
    reseal(path.parent)
    with pytest.raises(CheckpointError, match="none of its 1 checkpoints can be used"):
        restore(job)
    assert f"has not the fields of this version, but for: {next(iter(change))}" in capsys.readouterr().err


def test_tensors_of_another_model_are_refused_and_nothing_is_touched(tmp_path, tiny_checkpoint, job, capsys):
    other = make_job(tmp_path / "other", tiny_checkpoint, "--init", "scratch", "--set", "depth=1")
    train_step(job, new_state(job), [[0, 1]])
    save(job, new_state(job, step=1)).parent.rename(folder_of(other))
    other.records.path.joinpath("metrics.jsonl").write_bytes(job.records.path.joinpath("metrics.jsonl").read_bytes())
    before, lines = everything(other), (other.records.path / "metrics.jsonl").read_bytes()
    with pytest.raises(CheckpointError):
        restore(other)
    assert "model.safetensors: " in capsys.readouterr().err
    after = everything(other)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (other.records.path / "metrics.jsonl").read_bytes() == lines


def test_a_parameter_that_has_not_learned_yet_needs_no_optimizer_state(job):
    """Gradual unfreezing: part of the optimizer's parameters have had no gradient so far."""
    job.model.encoder.requires_grad_(False)
    train_step(job, new_state(job), [[0, 1]])
    some = job.optimizer.state_dict()["state"].keys()
    assert 0 < len(some) < len(list(job.model.parameters()))
    save(job, new_state(job, step=1))
    assert restore(job) is not None
    assert job.optimizer.state_dict()["state"].keys() == some


def without_one(collect):
    return lambda optimizer: {name: t for name, t in collect(optimizer).items() if name != "3.exp_avg_sq"}


def test_half_of_a_parameters_optimizer_state_is_refused(job):
    train_step(job, new_state(job), [[0, 1]])
    with replaced(checkpoint, "_optimizer_tensors", without_one):
        save(job, new_state(job, step=1))
    with pytest.raises(CheckpointError):
        restore(job)


@pytest.mark.parametrize(("waited", "saves"), [(599.0, 0), (600.0, 1)])
def test_at_most_ten_minutes_are_lost(monkeypatch, waited, saves):
    now, saved = [0.0], []
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(checkpoint, "save", lambda *_: saved.append(now[0]))
    usual = RunConfig().save
    saver = checkpoint.Saver(usual, Signals("go on"))
    now[0] = waited
    saver.after_step(None, SimpleNamespace(step=1, stop_reason=""))
    assert len(saved) == saves
