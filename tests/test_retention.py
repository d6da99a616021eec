"""What stays on the disk: two checkpoints, the best weights they need, and everything that is not the run's own."""

from __future__ import annotations

import pytest
import torch

from models.errors import CheckpointError
from tests.saving import make_job, new_state
from tests.torture.compare import checkpoints, contents
from train.checkpoint import folder_of, forget, save, save_best
from train.loop import train_step
from train.resume import restore, restore_best


@pytest.fixture
def job(tmp_path, tiny_checkpoint):
    return make_job(tmp_path / "run", tiny_checkpoint)


def test_the_best_weights_are_those_of_their_moment(job):
    state = new_state(job, step=1, best={"step": 1})
    save_best(job, state)
    best = {name: p.detach().clone() for name, p in job.model.named_parameters()}
    train_step(job, new_state(job, updates=1), [[0, 1]])
    assert any(not torch.equal(best[name], p) for name, p in job.model.named_parameters())
    restore_best(job, state)
    assert all(torch.equal(best[name], p) for name, p in job.model.named_parameters())


@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_damaged_best_weights_are_not_used(job, damage):
    state = new_state(job, step=2, best={"step": 2})
    save(job, new_state(job, step=1))
    save_best(job, state)
    save(job, state)
    path = folder_of(job) / "best-2.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data) if damage == "flip" else path.unlink()
    with pytest.raises(CheckpointError, match="missing or damaged"):
        restore_best(job, state)
    assert restore(job).step == 1


def test_best_weights_stay_while_a_checkpoint_needs_them(job):
    def names():
        return sorted(path.name for path in folder_of(job).glob("best-*"))

    state = new_state(job)
    for step, expected in ((2, [2]), (4, [2, 4]), (6, [4, 6]), (7, [6]), (8, [6, 8])):
        state.step = step
        if step != 7:
            state.best = {"step": step}
            save_best(job, state)
        save(job, state)
        assert names() == [f"best-{n}.safetensors" for n in expected]


def test_a_damaged_checkpoint_ahead_does_not_count_among_those_kept(job):
    for step in (4, 8):
        save(job, new_state(job, step=step))
    (folder_of(job) / "step-8" / "state.json").write_text("{")
    state = restore(job)
    assert state.step == 4
    for step, kept in ((5, [4, 5]), (6, [5, 6])):
        state.step = step
        save(job, state)
        assert [path.name for path in checkpoints(job.records.path)] == [f"step-{n}" for n in kept]


def test_the_checkpoint_before_may_be_damaged_too(job):
    """Found while pruning, which reads it: no reason to fail."""
    save(job, new_state(job, step=4))
    (folder_of(job) / "step-4" / "state.json").write_text("{")
    save(job, new_state(job, step=5))
    assert restore(job).step == 5


def test_pruning_leaves_what_is_not_ours(job):
    save(job, new_state(job, step=1))
    for name in ("notes.txt", "step-x", "best-of-all.safetensors", "step-1-copy"):
        (folder_of(job) / name).write_text("mine")
    for step in (2, 3):
        save(job, new_state(job, step=step))
    found = {path.name for path in folder_of(job).iterdir()}
    assert found == {"notes.txt", "step-x", "best-of-all.safetensors", "step-1-copy", "step-2", "step-3"}
    assert restore(job).step == 3


@pytest.mark.parametrize("where", ["checkpoints", "checkpoints/step-2", "checkpoints/best-2.safetensors"])
def test_planted_links_are_not_followed(tmp_path, job, where):
    target = tmp_path / "target"
    target.mkdir()
    (target / "step-1").mkdir()
    (target / "precious.tmp-1").write_text("precious")
    before = contents(target)
    link = job.records.path / where
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target / "precious.tmp-1" if where.endswith("s.safetensors") else target)
    state = new_state(job, step=2, best={"step": 2})
    if where == "checkpoints":
        for attempt in (save, save_best):
            with pytest.raises(CheckpointError, match="is a symbolic link"):
                attempt(job, state)
    else:
        save_best(job, state)
        save(job, state)
        save(job, new_state(job, step=3))
        save(job, new_state(job, step=4))
    forget(job)
    assert contents(target) == before
    assert (target / "step-1").is_dir()
    assert not link.exists()
