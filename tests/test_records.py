"""The run directory: one holder, whole files, and no way out through a planted link."""

from __future__ import annotations

import errno
import os

import pytest

from models.errors import CheckpointError, UserError
from models.files import replaced_file
from tests.torture.compare import contents
from train.records import RunDirectory


@pytest.fixture
def outside(tmp_path):
    """A folder that no run may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("precious\n" * 99)
    (folder / "precious.tmp-1").write_text("precious")
    return folder


def test_one_holder_at_a_time(tmp_path):
    holder = RunDirectory.create(tmp_path / "run")
    with pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
        RunDirectory.create(tmp_path / "run")
    holder.close()
    RunDirectory.create(tmp_path / "run").close()


def test_what_a_killed_holder_was_about_to_write_is_swept_out(tmp_path, outside):
    run = tmp_path / "run"
    (run / "trajectory" / "step-1.safetensors.tmp-abc").mkdir(parents=True)
    (run / "config.json.tmp-xyz").mkdir()
    (run / "config.json.tmp-xyz" / "config.json").write_text("{")
    (run / "metrics.tmp-link").symlink_to(outside)
    (run / "checkpoints").symlink_to(outside)
    before = contents(outside)
    RunDirectory(run).close()
    assert sorted(path.name for path in run.rglob("*.tmp-*")) == []
    assert contents(outside) == before


def test_a_link_in_the_place_of_the_metrics_is_refused(tmp_path, outside):
    run = RunDirectory.create(tmp_path / "run")
    (run.path / "metrics.jsonl").symlink_to(outside / "precious")
    before = contents(outside)
    for attempt in (lambda: run.log("note", message="x"), lambda: run.cut_metrics(0)):
        with pytest.raises(CheckpointError, match=r"metrics.jsonl: cannot be written \(Too many levels"):
            attempt()
    assert contents(outside) == before


@pytest.mark.parametrize("name", ["config.json", "holder.lock", "predictions.csv"])
def test_a_link_in_the_place_of_a_record_is_replaced(tmp_path, outside, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(outside / "precious")
    before = contents(outside)
    run = RunDirectory(tmp_path / "run")
    run.write_json("config.json", {})
    run.write_predictions([])
    assert not (run.path / name).is_symlink()
    assert contents(outside) == before


def test_a_link_in_the_place_of_the_lock_is_refused(tmp_path, outside):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").symlink_to(outside / "precious")
    before = contents(outside)
    with pytest.raises(CheckpointError, match="cannot be written"):
        RunDirectory(tmp_path / "run")
    assert contents(outside) == before


def test_a_place_that_cannot_be_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file/run: cannot be written \(Not a directory\)"):
        RunDirectory.create(tmp_path / "file" / "run")


def test_a_write_that_fails_leaves_the_file_before(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("whole")
    with pytest.raises(OSError, match="No space left"), replaced_file(path) as fresh:
        fresh.write_text("ha")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
