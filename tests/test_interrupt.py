"""Signals: at once where nothing would be lost, deferred where something would, and never for good."""

from __future__ import annotations

import os
import signal

import pytest

from train.interrupt import Interrupted, Signals

NUMBERS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)


@pytest.fixture(autouse=True)
def usual_hang_up():
    """Also where the tests were started under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@NUMBERS
def test_at_once(number, code):
    with pytest.raises(Interrupted, match="go on with this") as caught, Signals("this"):
        os.kill(os.getpid(), number)
        pytest.fail("it went on")
    assert caught.value.exit_code == code


@NUMBERS
def test_deferred_until_the_state_is_saved(number, code):
    reached = []
    with pytest.raises(Interrupted) as caught, Signals("") as signals:
        with signals.deferred():
            signals.check()
            os.kill(os.getpid(), number)
            reached.append("saved")
        reached.append("left")
        signals.check()
        pytest.fail("it went on")
    assert (reached, caught.value.exit_code) == (["saved", "left"], code)


def test_the_second_ctrl_c_waits_for_nothing():
    with pytest.raises(KeyboardInterrupt), Signals("") as signals, signals.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("it went on")


def test_a_second_sigterm_does_not_hurry_a_save():
    with pytest.raises(Interrupted), Signals("") as signals, signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        signals.check()


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(KeyboardInterrupt), Signals("") as signals, signals.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_run_that_is_to_outlive_its_terminal_does():
    """Under nohup SIGHUP is ignored, and stays so."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Signals("") as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
