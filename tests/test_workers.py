"""Threads that share work: same order and same errors as one after another. The same bits: test_loop.py."""

from __future__ import annotations

import threading

import pytest
import torch

from train.workers import ask_each

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_answers_come_in_order_each_from_one_thread_of_several(threads):
    meeting = threading.Barrier(threads)

    def ask(part: int) -> tuple[int, int, str]:
        meeting.wait(10)  # until all threads have a part each
        return part, torch.get_num_threads(), threading.current_thread().name

    found = ask_each(ask, range(6), CPU)
    assert [part for part, _, _ in found] == list(range(6))
    assert {inside for _, inside, _ in found} == {1}
    assert len({name for _, _, name in found}) == threads
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("threads")
def test_an_error_in_a_thread_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        ask_each(lambda part: 1 // part, [1, 1, 0, 1], CPU)
