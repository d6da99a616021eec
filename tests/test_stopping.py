"""Early stopping against its definition: no improvement by more than min_delta in the last `patience` epochs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train.config import StopConfig
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
        figures = {"loss": value, "accuracy": 0.5} if loss else {"loss": 0.5, "accuracy": value}
        assert stopping.improved(**figures) == better
        assert stopping.exhausted == (epoch - kept[-1] >= patience)


def test_without_patience_it_never_stops():
    stopping = Stopping(StopConfig())
    for _ in range(100):
        stopping.improved(1.0, 0.5)
    assert not stopping.exhausted
