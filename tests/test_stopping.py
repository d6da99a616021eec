"""Early stopping against its definition: no improvement by more than min_delta in the last `patience` epochs."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from train.rules import StopConfig
from train.stopping import Stopping

EIGHTHS = st.integers(0, 16).map(lambda n: n / 8)  # exact in binary, so that ties are ties


@given(values=st.lists(EIGHTHS, min_size=1, max_size=20), delta=EIGHTHS, patience=st.integers(1, 4), loss=st.booleans())
def test_it_follows_its_definition(values, delta, patience, loss):
    monitor = "validation_loss" if loss else "validation_accuracy"
    stopping = Stopping(StopConfig(monitor=monitor, patience=patience, min_delta=delta))
    kept = []
    for epoch, value in enumerate(values):
        better = not kept or (values[kept[-1]] - value if loss else value - values[kept[-1]]) > delta
        kept += [epoch] * better
        assert stopping.improved({monitor: value}, epoch + 1) == better
        assert stopping.exhausted == (epoch - kept[-1] >= patience)


def test_without_patience_it_never_stops():
    stopping = Stopping(StopConfig())
    for epoch in range(1, 101):
        stopping.improved({"validation_loss": 1.0}, epoch)
    assert not stopping.exhausted


@given(values=st.lists(EIGHTHS, min_size=1, max_size=20), wait=st.integers(0, 20), patience=st.integers(1, 4))
def test_patience_begins_after_the_wait(values, wait, patience):
    stopping = Stopping(StopConfig(monitor="train_loss", patience=patience, wait=wait))
    for epoch, value in enumerate(values, start=1):
        stopping.improved({"train_loss": value, "validation_loss": 9.0}, epoch)
        best = 1 + values.index(min(values[:epoch]))
        assert stopping.exhausted == (epoch - max(best, wait) >= patience)


def test_training_accuracy_must_be_above_the_limit():
    rule = Stopping(StopConfig(train_accuracy=0.95))
    assert [rule.learned(accuracy) for accuracy in (None, 0.0, 0.95, 0.951)] == [False, False, False, True]
    assert not Stopping(StopConfig()).learned(1.0)


def test_an_epoch_without_a_number_is_never_the_best_for_good():
    """A loss scaler may skip all updates of the first epoch, which then has no mean loss."""
    for monitor, better in (("train_loss", 1.0), ("validation_accuracy", 0.5)):
        stopping = Stopping(StopConfig(monitor=monitor, patience=1))
        assert stopping.improved({monitor: math.nan}, 1), "some weights have to be the best ones"
        assert stopping.improved({monitor: better}, 2)
        assert not stopping.improved({monitor: math.nan}, 3) and stopping.exhausted
