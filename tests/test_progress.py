"""What a run says while it works: in a log, a line every 30 seconds with the loss, the rate and the time left."""

from __future__ import annotations

import errno
import io
import signal
from types import SimpleNamespace

import pytest

from train import progress
from train.guard import guard
from train.interrupt import Interrupted
from train.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_log_gets_a_line_every_half_minute_with_the_time_left(clock, capsys):
    shown = Progress(100, "scratch seed 0")
    shown.go_on_from(40)
    for step, seconds in ((41, 10.0), (44, 29.9), (50, 30.0), (51, 59.0), (60, 60.0)):
        clock[0] = 1000.0 + seconds
        shown.update(step, 1.0986, 51.4)
    assert capsys.readouterr().err.splitlines() == [
        "scratch seed 0: step 50/100, loss 1.099, 51 examples/s, 2 min 30 s left",
        "scratch seed 0: step 60/100, loss 1.099, 51 examples/s, 2 min 00 s left",
    ]


def test_another_process_than_the_first_says_nothing(clock, capsys):
    shown = Progress(10, "x", silent=True)
    clock[0] += 100
    shown.update(5, 1.0, 1.0)
    shown.say("anything")
    assert capsys.readouterr().err == ""


DURATIONS = [(0, "0 min 00 s"), (89.6, "1 min 30 s"), (3599.6, "1 h 00 min"), (7261, "2 h 01 min")]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_a_duration_is_said_as_a_reader_says_it(seconds, text):
    assert duration(seconds) == text


def test_a_closed_terminal_ends_no_run(monkeypatch):
    """Its end is as good as a disk's: every write fails."""

    class Gone(io.StringIO):
        def write(self, _text):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    Progress(10, "x").say("epoch 1")

    def stopped(_argv):
        raise Interrupted(signal.SIGHUP, "SIGHUP: saved")

    assert guard(stopped)([]) == 129
