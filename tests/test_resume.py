"""Going on with a run: from where, from what, and when not. `test_torture.py` kills real processes."""

from __future__ import annotations

import json
import re
import shlex
import signal

import pytest

from models.errors import CheckpointError, UserError
from tests.running import TINY, Crash, crash, metrics, record, resume, train
from tests.torture.compare import checkpoints, different_records
from tests.torture.sabotage import before_call, replaced, send
from train import checkpoint, loop, session
from train.cli import parse_run
from train.data.pairs import LABELS
from train.guard import guard
from train.interrupt import Interrupted
from train.records import RunDirectory
from train.session import run

EVERY_4 = ("--set", "save.every_steps=4")


@pytest.fixture(scope="module")
def reference(tmp_path_factory, tiny_checkpoint):
    """A run that nothing disturbed."""
    return train(tmp_path_factory.mktemp("reference"), tiny_checkpoint, *EVERY_4)


def test_the_message_of_an_interrupted_run_is_the_command_that_goes_on(tmp_path, tiny_checkpoint, reference, capsys):
    with before_call(loop, "train_step", 6, send(signal.SIGTERM)), pytest.raises(Interrupted) as caught:
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    said = re.search(r"python -m train\.run (.*)", str(caught.value))
    run(parse_run(shlex.split(said[1])))
    assert "resumed at step 6" in capsys.readouterr().err
    assert different_records(tmp_path / "s" / "runs" / "run", reference) == []


def test_a_run_in_bf16_goes_on_exactly(tmp_path, tiny_checkpoint):
    flags = (*EVERY_4, "--precision", "bf16", "--max-steps", "8")
    whole = train(tmp_path, tiny_checkpoint, *flags, name="whole")
    with before_call(loop, "train_step", 6, send(signal.SIGTERM)), pytest.raises(Interrupted):
        train(tmp_path, tiny_checkpoint, *flags)
    assert record(whole, "environment")["precision"] == "bf16"
    resume(tmp_path / "s" / "runs" / "run", tiny_checkpoint)
    assert different_records(tmp_path / "s" / "runs" / "run", whole) == []


@pytest.mark.parametrize("written", [0, 1, 3])
def test_a_run_killed_before_its_first_measurement_starts_afresh(tmp_path, tiny_checkpoint, reference, written):
    directory = tmp_path / "s" / "runs" / "run"
    with before_call(RunDirectory, "write_json", written + 1, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    if written:
        resume(directory, tiny_checkpoint)
    else:  # nothing is known of it
        with pytest.raises(UserError, match="no run to resume"):
            resume(directory, tiny_checkpoint)
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    assert different_records(directory, reference) == []


def test_a_run_killed_before_its_first_checkpoint_starts_over_and_says_so(tmp_path, tiny_checkpoint, reference, capsys):
    with before_call(loop, "train_step", 3, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    directory = tmp_path / "s" / "runs" / "run"
    assert metrics(directory, "evaluation")
    resume(directory, tiny_checkpoint)
    assert "resumed at step 0: no checkpoint had been saved" in capsys.readouterr().err
    assert different_records(directory, reference) == []


def test_trainer_state_goes_once_the_summary_is_there_and_not_before(tmp_path, tiny_checkpoint, reference):
    assert not (reference / "checkpoints").exists()
    directory = tmp_path / "s" / "runs" / "run"
    with before_call(session, "forget", 1, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    assert record(directory, "summary")["weights_sha256"] == record(reference, "summary")["weights_sha256"]
    assert checkpoints(directory)
    with pytest.raises(UserError, match="is finished"):
        resume(directory, tiny_checkpoint)


@pytest.mark.parametrize("place", ["write_predictions", "export", "summary"])
def test_a_run_killed_while_it_writes_its_result_can_go_on(tmp_path, tiny_checkpoint, reference, place):
    directory = tmp_path / "s" / "runs" / "run"
    fault = {
        "write_predictions": before_call(RunDirectory, "write_predictions", 1, crash),
        "export": before_call(session, "export_checkpoint", 1, crash),
        "summary": before_call(RunDirectory, "write_json", 6, crash),
    }[place]
    with fault, pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    assert checkpoints(directory)[-1].name == "step-12"
    assert not (directory / "summary.json").exists()
    resume(directory, tiny_checkpoint)
    assert different_records(directory, reference) == []


def test_a_signal_while_the_result_is_written_is_too_late_to_matter(tmp_path, tiny_checkpoint, reference):
    with before_call(session, "export_checkpoint", 1, send(signal.SIGTERM)):
        directory = train(tmp_path, tiny_checkpoint, *EVERY_4)
    assert different_records(directory, reference) == []


def test_what_was_read_from_a_path_has_to_be_said_again(tmp_path, tiny_checkpoint):
    """A record has a path's last part, which the user may never have typed."""
    rows = [f"a dog sleeps {i}\ta dog rests {i}\t{label}" for i in range(80) for label in LABELS]
    (tmp_path / "mine.tsv").write_text("\n".join(["sentence1\tsentence2\tlabel", *rows]), encoding="utf-8")
    data = ("--data", str(tmp_path / "mine.tsv"))
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4, "--dataset", "own", *data)
    directory = tmp_path / "s" / "runs" / "run"
    read = "read from a folder or file called"
    for flags, what in (
        (["--checkpoint", str(tiny_checkpoint)], f"data were {read} mine.tsv; say where it is with --data"),
        (data, f"checkpoint was {read} {tiny_checkpoint.name}; say where it is with --checkpoint"),
    ):
        with pytest.raises(UserError) as error:
            run(parse_run(["--resume", str(directory), *flags]))
        assert str(error.value) == f"{directory}: its {what}"
    resume(directory, tiny_checkpoint, *data)
    assert record(directory, "summary")["steps"] == 12


def test_there_must_be_a_run_and_an_unfinished_one(tmp_path, tiny_checkpoint, reference):
    with pytest.raises(UserError, match="no run to resume"):
        resume(tmp_path / "nothing", tiny_checkpoint)
    with pytest.raises(UserError, match="is finished"):
        resume(reference, tiny_checkpoint)
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    with pytest.raises(UserError, match=r"unfinished run: go on with --resume"):
        train(tmp_path, tiny_checkpoint, *EVERY_4)


def test_every_inexact_resume_stays_on_the_record(tmp_path, tiny_checkpoint):
    directory = tmp_path / "s" / "runs" / "run"
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        resume(directory, tiny_checkpoint, "--learning-rate", "0.01", "--allow-inexact")
    with pytest.raises(CheckpointError, match=r"optim.weight_decay: was 0.01, is 0.5"):
        resume(directory, tiny_checkpoint, "--set", "optim.weight_decay=0.5")
    resume(directory, tiny_checkpoint, "--set", "optim.weight_decay=0.5", "--allow-inexact")
    marks = record(directory, "inexact")["resumes"]
    assert [mark["step"] for mark in marks] == [4, 8]
    assert "optim.learning_rate: was 0.001, is 0.01" in marks[0]["differences"]
    assert marks[1]["differences"] == ["optim.weight_decay: was 0.01, is 0.5"]
    assert len([note for note in metrics(directory, "note") if note["message"] == "resumed inexactly"]) == 2


@pytest.mark.parametrize("flags", [("--max-steps", "4"), ("--train-examples", "32", "--epochs", "9")])
def test_a_place_that_the_new_plan_does_not_have_is_refused(tmp_path, tiny_checkpoint, flags):
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    with pytest.raises(CheckpointError, match="none of its 1 checkpoints can be used"):
        resume(tmp_path / "s" / "runs" / "run", tiny_checkpoint, *flags, "--allow-inexact")


def test_patience_counts_across_a_resume(tmp_path, tiny_checkpoint):
    flags = ("--init", "scratch", "--set", "optim.learning_rate=1e-30", "--epochs", "9", "--patience", "2")
    whole = train(tmp_path, tiny_checkpoint, *flags, name="whole")
    stopped = record(whole, "summary")
    assert stopped["epochs"] == 3  # so small a rate changes no float: no epoch is better than the first
    with before_call(loop, "train_step", stopped["steps"] - 3, send(signal.SIGINT)), pytest.raises(Interrupted):
        train(tmp_path, tiny_checkpoint, *flags, name="cut")
    resume(tmp_path / "s" / "runs" / "cut", tiny_checkpoint)
    assert different_records(whole.parent / "cut", whole) == []


@pytest.mark.parametrize(
    ("flags", "expected"), [(("every_steps=5",), [5, 10, 12]), (("every_minutes=0",), [*range(1, 13)])]
)
def test_when_and_how_many(tmp_path, tiny_checkpoint, flags, expected):
    saved, kept = [], []

    def spy(save):
        def saving(job, state):
            path = save(job, state)
            saved.append(state.step)
            kept.append([int(folder.name[5:]) for folder in checkpoints(job.records.path)])
            return path

        return saving

    with replaced(checkpoint, "save", spy):
        train(tmp_path, tiny_checkpoint, "--set", f"save.{flags[0]}")
    assert saved == expected
    assert kept == [saved[max(0, i - 1) : i + 1] for i in range(len(saved))]


@pytest.fixture
def ctrl_c():
    """Python's own answer to it, also where the shell that started the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_the_second_ctrl_c_leaves_at_once(tmp_path, tiny_checkpoint):
    main = guard(lambda argv: run(parse_run(argv)))
    command = ["--checkpoint", str(tiny_checkpoint), *TINY, "--results", str(tmp_path), "--study", "s", "--name", "run"]
    with before_call(loop, "accumulate", 6, send(signal.SIGINT, signal.SIGINT)):
        assert main(command) == 130
    assert not (tmp_path / "s" / "runs" / "run" / "checkpoints").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_setting_younger_than_the_record_has_its_default(tmp_path, tiny_checkpoint, reference):
    with before_call(loop, "train_step", 6, crash), pytest.raises(Crash):
        train(tmp_path, tiny_checkpoint, *EVERY_4)
    directory = tmp_path / "s" / "runs" / "run"
    config = record(directory, "config")
    del config["freeze"]["thaws"], config["evaluation"]["watched"]
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"freeze.thaws: was 4, is 3"):
        resume(directory, tiny_checkpoint, "--set", "freeze.thaws=3")
    resume(directory, tiny_checkpoint)
    assert metrics(directory) == metrics(reference)
