"""The run directory: one holder, whole files, and no way out through a planted link."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from models.errors import CheckpointError, UserError
from models.files import replaced_file, replaced_folder
from tests.torture.compare import contents
from train import environment
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


@pytest.fixture
def calls(monkeypatch):
    """What the disk is asked to hold, and what is renamed, in order, by name."""
    made, opened = [], {}

    def opening(original):
        def answer(path, *more, **options):
            descriptor = original(path, *more, **options)
            opened[descriptor] = Path(path).name
            return descriptor

        return answer

    def renaming(original):
        return lambda one, two: (made.append(("named", Path(two).name)), original(one, two))[1]

    def holding(original):
        return lambda descriptor: (made.append(("held", opened.get(descriptor))), original(descriptor))[1]

    for name, spy in (("open", opening), ("fsync", holding), ("rename", renaming), ("replace", renaming)):
        monkeypatch.setattr(os, name, spy(getattr(os, name)))
    return made


def test_the_disk_holds_what_is_written_before_it_gets_its_name(tmp_path, calls):
    """A machine that loses its power finds the old file or the new one, and never half of one."""
    with replaced_file(tmp_path / "a.json") as fresh:
        fresh.write_text("new")
    assert calls == [("held", "a.json"), ("named", "a.json"), ("held", tmp_path.name)]
    calls.clear()
    with replaced_folder(tmp_path / "step-4") as fresh:
        for name in ("one", "two"):
            (fresh / name).write_text("new")
    *files, folder, named, parent = calls
    assert sorted(files) == [("held", "one"), ("held", "two")]
    assert (folder, named, parent) == (("held", "new"), ("named", "step-4"), ("held", tmp_path.name))


def test_code_that_is_not_committed_is_recorded_as_such(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set inside a hook
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    for name in ("train/environment.py", "results/record.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "train" / "environment.py"))

    def described():
        found = environment.describe_environment(torch.device("cpu"), "float32", 1)
        return found["commit"], found["dirty"]

    commit = git("rev-parse", "HEAD").strip()
    (tmp_path / "results" / "record.json").write_text("2")
    assert described() == (commit, False), "results do not make themselves"
    (tmp_path / "train" / "environment.py").write_text("2")
    assert described() == (commit, True)
