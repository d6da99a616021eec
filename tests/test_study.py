"""A study at work: what it skips, resumes and gives up; with stand-ins for the runs, and once with real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from filelock import FileLock

from models.errors import command
from tests.running import metrics, record
from tests.study_stand import SWEEP, Stand
from train.cli import Request
from train.config import NUMERICS_VERSION, RunConfig, from_record
from train.interrupt import Interrupted
from train.session import run
from train.study.pace import Pace, measure_pace
from train.study.plan import expand, read_study
from train.study.runs import Child


@pytest.fixture
def stand(tmp_path, monkeypatch) -> Stand:
    return Stand(tmp_path / "results", monkeypatch)


THREE = 'name = "s"\n[[block]]\nseed = [0, 1, 2]\nlearning_rate = 1e-3'
RUNS = [f"pretrained-lr1e-03-seed{seed}" for seed in (0, 1, 2)]


def test_weights_of_the_arm_mlm_are_missed_before_any_run_is_made(stand, capfd):
    text = f"{THREE}\ninit = ['pretrained', 'mlm']\nmlm = '{stand.results / 'mlm'}'"
    assert stand.run(text) == 4 and stand.made == []
    assert "no masked-language-model weights for --init mlm; make them with: " in capfd.readouterr().err
    assert stand.run(text, "--dry-run") == 0
    (stand.results / "mlm" / "export").mkdir(parents=True)
    assert stand.run(text) == 0 and len(stand.made) == 6
    (stand.results / "mlm" / "export").rmdir()
    assert stand.run(text) == 0 and stand.made == []


def test_finished_runs_are_skipped(stand, capfd):
    assert stand.run(THREE) == 0 and stand.made == RUNS
    (stand.results / "s" / "runs" / RUNS[1] / "summary.json").unlink()
    assert stand.run(THREE) == 0 and stand.made == [RUNS[1]]
    assert f"{RUNS[1]}: resumed" in capfd.readouterr().err
    assert stand.run(THREE) == 0 and stand.made == []
    assert f"next: {command('analysis.compare', stand.results / 's')}" in capfd.readouterr().err


@pytest.mark.parametrize(("code", "why"), [(4, "exit 4"), (-9, "signal 9")])
def test_a_failed_run_does_not_end_the_study_and_is_tried_again(stand, capfd, code, why):
    stand.codes = {RUNS[0]: code}
    assert stand.run(THREE) == 1 and stand.made == RUNS
    assert capfd.readouterr().err.splitlines()[-1] == f"error: 1 runs failed: {RUNS[0]} ({why})"
    stand.codes = {}
    assert stand.run(THREE) == 0 and stand.made == [RUNS[0]]


def test_a_diverged_run_is_not_tried_again(stand, capfd):
    stand.codes = {RUNS[1]: 5}
    assert stand.run(THREE) == 1 and stand.made == RUNS
    assert stand.run(THREE) == 1 and stand.made == []
    assert capfd.readouterr().err.splitlines()[-1] == f"error: 1 runs failed: {RUNS[1]} (diverged)"


def test_a_run_in_other_hands_is_left_to_them(stand, capfd):
    held = stand.results / "s" / "runs" / RUNS[0]
    held.mkdir(parents=True)
    with FileLock(held / "run.lock"):
        assert stand.run(THREE) == 0 and stand.made == RUNS[1:]
        shown = capfd.readouterr().err
    assert f"{RUNS[0]}: another process is at it; skipped" in shown and "1 runs are left" in shown
    assert stand.run(THREE) == 0 and stand.made == RUNS[:1]


def test_a_run_killed_before_it_measured_anything_begins_anew(stand):
    torn = stand.results / "s" / "runs" / RUNS[0]
    for half, file in (("config.json.tmp-1", "config.json"), ("trajectory", "step-0.safetensors")):
        (torn / half).mkdir(parents=True)
        (torn / half / file).write_text("{")
    (torn / "config.json").write_text("{}")
    (torn / "notes.txt").write_text("mine")
    assert stand.run(THREE) == 0 and stand.made == RUNS
    left = {entry.name for entry in torn.iterdir()}
    assert "notes.txt" in left and not left & {"config.json.tmp-1", "trajectory"}


def test_a_run_begun_with_other_settings_is_refused_before_anything_starts(stand, capfd):
    assert stand.run(THREE) == 0
    changed = THREE.replace("[0, 1, 2]", "[0, 1, 2, 3]") + "\nepochs = 9"
    assert stand.run(changed) == 2 and stand.made == []
    assert "was begun with optim.epochs = 4, and 9 is asked for now" in capfd.readouterr().err
    assert stand.run(f'mlm = "m"\n{THREE}') == 0, "of scratch the weights of another arm"


def test_settings_of_the_machine_stand_in_for_those_of_the_file(stand, capfd):
    shared, cpu = THREE.replace("[[block]]", 'precision = "bf16"\n[[block]]\ndevice = "cuda:1"'), ("--device", "cpu")
    assert stand.run(shared, "--precision", "float32", *cpu, "--threads", "2") == 0
    config = json.loads((stand.results / f"s/runs/{RUNS[0]}/config.json").read_text())
    assert (config["precision"], config["device"], config["threads"]) == ("float32", "cpu", 2)
    assert stand.run(shared, "--precision", "float64") == 2 and "'float64' is not one of" in capfd.readouterr().err


def test_no_run_is_made_beside_those_of_another_numerics_version(stand, capfd):
    assert stand.run(THREE) == 0
    first, last = (stand.results / "s" / "runs" / name for name in (RUNS[0], RUNS[2]))
    for version, code, made in ((NUMERICS_VERSION, 0, [RUNS[2]]), (NUMERICS_VERSION - 1, 2, [])):
        (first / "certificate.json").write_text(json.dumps({"numerics_version": version}))
        assert stand.run(THREE) == 0, "of a study that has all its runs nothing is asked"
        (last / "summary.json").unlink()
        assert (stand.run(THREE), stand.made) == (code, made)
    (last / "certificate.json").write_text("of a run that measured nothing")
    (last / "metrics.jsonl").unlink()
    assert f"{RUNS[0]}: was made by numerics version {NUMERICS_VERSION - 1}, and this is" in capfd.readouterr().err
    assert stand.run(THREE, "--dry-run") == 0


@pytest.mark.parametrize(
    "text", ["[[block]]\nsede = 1", "[[block]]\nseed = []", "[[block]]\ninit = 'bottom-x'", "nonsense"]
)
def test_a_file_that_cannot_work_starts_nothing(stand, capfd, text):
    assert stand.run(f'name = "s"\n{text}') == 2
    assert len(capfd.readouterr().err.splitlines()) == 1 and not stand.results.exists()


def test_a_dry_run_shows_every_run_and_makes_none(stand, capfd):
    assert stand.run(SWEEP, "--dry-run") == 0 and stand.made == [] and not stand.results.exists()
    shown = capfd.readouterr()
    assert shown.out.splitlines()[0] == "scratch-lr1e-04-seed0 to do" and shown.out.count("waits for sweep") == 4
    assert "0 of 10 runs finished, 10 left" in shown.err and "a guess" in shown.err


def test_no_run_starts_that_would_end_too_late(stand, capfd):
    assert stand.run(THREE, "--minutes", "0") == 0 and stand.made == []
    assert "3 runs are left" in capfd.readouterr().err
    assert stand.run(THREE, "--minutes", "600") == 0 and stand.made == RUNS


def test_time_follows_from_finished_runs(stand):
    stand.run(THREE)
    pace = measure_pace(sorted((stand.results / "s" / "runs").iterdir()))
    assert pace == Pace(trained=2 / 100, evaluated=1 / 10, test=50, runs=3)


def test_the_time_of_a_run_by_hand():
    data = {"train_examples": 1_000, "validation_examples": 50}
    evaluation = {"probes": 3, "probe_examples": 16}
    config = from_record(RunConfig, {"data": data, "optim": {"epochs": 2}, "evaluation": evaluation})
    pace = Pace(trained=0.5, evaluated=0.25, test=100)
    assert pace.seconds(config) == 1_000 * 2 * 0.5 + (50 * (2 + 2) + 100 * 2 + 2 * 16 * (3 + 1)) * 0.25


def test_an_epoch_with_a_frozen_encoder_costs_a_forward_pass():
    data = {"train_examples": 1_000, "validation_examples": 50}
    evaluation = {"probes": 0, "watched": 7, "last": True}
    optim, freeze = {"epochs": 50, "max_epochs": 6}, {"layers": "all", "thaw_every": 2}
    asked = {"data": data, "optim": optim, "evaluation": evaluation, "freeze": freeze}
    pace = Pace(trained=0.5, evaluated=0.25, test=100)
    looks = 50 * (6 + 2) + 100 * 3 + 2 * 7 * (6 + 1) + 2 * 128
    assert pace.seconds(from_record(RunConfig, asked)) == 1_000 * 4 * 0.5 + (1_000 * 2 + looks) * 0.25


def test_help_imports_no_torch():
    code = (
        "import sys\nfrom train.study.command import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'datasets', 'tokenizers', 'numpy') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]" and "--shard" in shown


REAL = """
name = "real"
export = false
threads = 1
max_tokens = 64
test_examples = 48
checkpoint = "CHECKPOINT"
[data]
validation_examples = 48
train_examples = 96
[evaluation]
probes = 3
probe_examples = 16
[[block]]
init = ["scratch", "pretrained"]
batch_size = 16
epochs = 40
learning_rate = 1e-3
"""


def test_a_study_that_is_stopped_goes_on_where_it_was(tmp_path, tiny_checkpoint):
    path = tmp_path / "real.toml"
    path.write_text(REAL.replace("CHECKPOINT", str(tiny_checkpoint)), encoding="utf-8")
    line = [sys.executable, "-m", "train.study", str(path), "--results", str(tmp_path)]
    planned = expand(read_study(path), {})
    first, second = (tmp_path / "real" / "runs" / run.name for run in planned)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
    log = first / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and '"event": "train"' in log.read_text()):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to every process of the terminal's group
    message = process.communicate(timeout=60)[1].splitlines()[-1]
    go_on = command("train.study", path, "--results", tmp_path)
    assert (process.returncode, message) == (130, f"error: SIGINT: saved; go on with {go_on}")
    assert any(first.glob("checkpoints/step-*")) and not (first / "summary.json").exists() and not second.exists()
    shown = subprocess.run(line, capture_output=True, text=True, check=True).stderr
    assert f"{first.name}: resumed" in shown and f"{second.name}: started" in shown and "2 of 2 runs finished" in shown
    run(Request(config=planned[0].config, directory=tmp_path / "whole"))
    whole, stopped = (record(directory, "summary") for directory in (tmp_path / "whole", first))
    assert stopped["weights_sha256"] == whole["weights_sha256"]
    assert len(metrics(first, "train")) == stopped["steps"] == 40 * 6


CHILD = """
import os, signal, sys, time
from pathlib import Path
mark, seen = Path(sys.argv[1]), []
signal.signal(int(sys.argv[2]), lambda number, _: seen.append(number))
mark.touch()
while not seen:
    time.sleep(0.01)
time.sleep(0.2)
mark.write_text(f"{seen} {os.getsid(0) == os.getpid()}")
sys.exit(3)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_handed_on_once_and_waits_for_the_child(tmp_path, number):
    mark = tmp_path / "mark"

    def send() -> None:
        while not mark.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    child = Child("this")
    with child, pytest.raises(Interrupted, match="saved; go on with this") as error:
        threading.Thread(target=send).start()
        child.run([sys.executable, "-S", "-c", CHILD, str(mark), str(int(number))])
    assert error.value.exit_code == 128 + number and mark.read_text() == f"[{number:d}] True"
