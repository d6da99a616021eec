"""Two processes under torchrun do what one does: the same losses, every example once, and only the first one writes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch.distributed import run as launch

from tests.running import metrics, predictions, record
from tests.two_ranks import CASES, DOUBLE, OVERFLOW, make
from train import course, distributed
from train.cli import parse_run
from train.launch import SHUTDOWN

ROOT = Path(__file__).parent.parent
NEAR = dict.fromkeys(DOUBLE, 1e-10) | {"cached": 2e-5}
"""Cases that two processes and one have in common, and how near their losses are: in float32 not nearer."""
CERTIFIED = ("certificate", "environment")


@pytest.fixture(scope="module")
def two(tmp_path_factory, tiny_checkpoint):
    """Folder of the runs that two processes made, and the notes of both, by case."""
    folder = tmp_path_factory.mktemp("two")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "tests.two_ranks", str(folder), str(tiny_checkpoint)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"notes-{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


@pytest.fixture(scope="module")
def one(tmp_path_factory, tiny_checkpoint):
    """Folder of the same runs, made here, and their notes by case."""
    folder = tmp_path_factory.mktemp("one")
    return folder, {case: make(case, folder, tiny_checkpoint) for case in NEAR}


def run_of(made, case):
    return made[0] / "s" / "runs" / case


@pytest.mark.parametrize("case", NEAR)
def test_losses_and_norms_are_those_of_one_process(one, two, case):
    """Uneven batches, one of which leaves a process without an example; clipping, accumulation, thaws, masked words."""
    expected = one[1][case]
    assert len(set(expected["losses"])) == len(expected["losses"]) >= 10, "a telling curve"
    for notes in two[1]:
        for what in ("losses", "norms"):
            assert notes[case][what] == pytest.approx(expected[what], rel=0, abs=NEAR[case]), what


@pytest.mark.parametrize("case", NEAR)
def test_records_are_those_of_one_process(one, two, case):
    """But for the last digits, and for the number of processes."""
    alone, together = (metrics(run_of(made, case)) for made in (one, two))
    for mine, other in zip(together, alone, strict=True):
        assert mine.keys() == other.keys()
        numbers = {name for name, value in mine.items() if isinstance(value, float)}
        assert {n: mine[n] for n in mine.keys() - numbers} == {n: other[n] for n in mine.keys() - numbers}
        assert [mine[n] for n in numbers] == pytest.approx([other[n] for n in numbers], rel=1e-5, abs=2e-5)
    sizes = [[record(run_of(made, case), name)["world_size"] for made in (one, two)] for name in CERTIFIED]
    assert sizes == [[1, 2]] * 2


@pytest.mark.parametrize("case", CASES)
def test_no_example_is_evaluated_twice_and_none_is_left_out(two, case):
    asked = [notes[case]["asked"] for notes in two[1]]
    assert len(asked[0]) == len(asked[1]) > 2
    for (count, first), (_, second) in zip(*asked, strict=True):
        assert len(first) - len(second) in (0, 1)
        assert len({*first, *second}) == len(first) + len(second) == count


def test_predictions_are_those_of_one_process_in_their_order(one, two):
    mine, other = (predictions(run_of(made, "plain")) for made in (two, one))
    assert [row["id"] for row in mine] == [row["id"] for row in other]
    for name in ("entailment", "contradiction", "neutral"):
        assert [float(row[name]) for row in mine] == pytest.approx([float(row[name]) for row in other], abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_the_first_process_alone_writes(two, case):
    first, second = (notes[case]["written"] for notes in two[1])
    assert any("metrics.jsonl" in path for path in first)
    assert second == []


@pytest.mark.parametrize("case", CASES)
def test_both_end_with_the_same_weights(two, case):
    assert two[1][0][case]["weights"] == two[1][1][case]["weights"]


def test_the_overflow_of_one_process_skips_the_update_of_both(two):
    run = run_of(two, "overflow")
    assert record(run, "summary")["skipped_updates"] == 1
    rates = [line["learning_rate"] for line in metrics(run, "train")]
    assert rates[OVERFLOW] == rates[OVERFLOW - 1] != rates[OVERFLOW - 2]


def test_both_stop_early_together(two):
    summary = record(run_of(two, "patience"), "summary")
    assert (summary["epochs"], summary["stop_reason"]) == (2, "no better validation_loss for 1 epochs")
    assert any(line["split"] == "watched_test" for line in metrics(run_of(two, "patience"), "evaluation"))


def test_each_process_draws_its_own_dropout(two):
    first, second = (notes["dropout"]["masks"] for notes in two[1])
    assert len(first) == len(second) == 3 * 8  # 3 updates, 8 places
    assert len({*first, *second}) == len(first) + len(second)


def test_processes_that_would_compute_differently_are_refused_by_what_differs(two):
    for notes, arithmetic in zip(two[1], ("float32", "bf16"), strict=True):
        said = notes["unlike"]["refused"]
        assert said.startswith(f"the processes of the run differ in arithmetic ({arithmetic} here): give all machines")
    assert not list(run_of(two, "unlike").glob("*.json")), "nothing is recorded of a run that never began"


def test_a_run_of_unlike_machines_is_compared_with_its_record_by_the_process_that_wrote_it(monkeypatch):
    """Another one's processor may be another, and was from the start."""
    monkeypatch.setattr(course, "differences_to", lambda *_: ["cpu: was 'AVX2', is 'AVX512'"])
    resumed = SimpleNamespace(begun=True), {}, SimpleNamespace(resume=True, allow_inexact=True)
    for writes, found in ((True, ["cpu: was 'AVX2', is 'AVX512'"]), (False, [])):
        monkeypatch.setattr(course, "is_main_process", lambda writes=writes: writes)
        assert course.start_records(*resumed) == found


def test_the_command_that_goes_on_finds_the_other_machines(monkeypatch, tmp_path):
    """By torchrun's own reading of its flags."""
    places = {"GROUP_RANK": "1", "MASTER_ADDR": "10.0.0.7", "MASTER_PORT": "29517", "TORCHELASTIC_RUN_ID": "test"}
    for name, value in (places | {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}).items():
        monkeypatch.setenv(name, value)
    words = shlex.split(parse_run(["--results", str(tmp_path)]).resume_command)
    read = launch.parse_args(words[1:])
    assert (read.nnodes, read.node_rank, read.nproc_per_node, read.shutdown_timeout) == ("2", 1, "2", SHUTDOWN)
    assert (read.master_addr, read.master_port) == ("10.0.0.7", 29517)
    assert read.training_script == "train.run" and read.module


def test_the_reason_that_nccl_gives_is_told():
    said = (
        "NCCL error in: a.cpp:1, invalid usage, NCCL version 2.27\nLast error:\nDuplicate GPU detected : rank 0 and 1"
    )
    told = pytest.raises(distributed.LostProcessError, match=r"50 s \(Duplicate GPU detected : rank 0 and 1\)$")
    with told, distributed._answered():
        raise RuntimeError(said)
    with pytest.raises(torch.OutOfMemoryError), distributed._answered():
        raise torch.OutOfMemoryError("no memory")


@pytest.mark.parametrize("fails", [False, True])
def test_an_error_leaves_without_waiting_for_the_others(monkeypatch, fails):
    """NCCL's way out waits for what is under way, which may never end."""
    called = []
    monkeypatch.setattr(distributed, "_patient", [])
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: True)
    for name in ("init_process_group", "new_group", "destroy_process_group"):
        monkeypatch.setattr(dist, name, lambda *_, name=name, **__: called.append(name))
    with suppress(ZeroDivisionError), distributed.joined(torch.device("cpu")):
        assert called == ["init_process_group", "new_group"]
        if fails:
            raise ZeroDivisionError
    assert ("destroy_process_group" in called) is not fails
