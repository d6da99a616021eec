"""R5: two processes want one run directory."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.torture.bench import Bench, Child
from tests.torture.compare import differences
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import keep_checkpoints, replaced
from train import session
from train.records import RunDirectory

PATIENCE = 2.0
"""Seconds in which the loser must have given up, from trying the lock on."""


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Two start together, again and again; then a holder is killed."""
    for number in range(1, 2 if quick else 11):
        yield race(bench, number)
    yield killed_holder(bench)


def race(bench: Bench, number: int) -> Trial:
    """Two children start together. The winner is held up until the loser has left."""
    run = bench.new_run()
    gate = Gate()
    children = [bench.start(bench.arguments(run), keep_checkpoints, timed(run), gate.before_training) for _ in "ab"]
    loser = first_to_end(children)
    winner = next(child for child in children if child is not loser)
    lost = loser.wait()
    gate.open()
    wrong = lost.unless(2, f"is in use by process {winner.pid}") or winner.wait().unless(0)
    waited = float((run.parent / f"{run.name}-waited").read_text())
    if waited > PATIENCE:
        wrong = wrong or f"the loser waited {waited:.1f} s for the lock"
    return Trial(what=f"pair {number}", wrong=wrong or ", ".join(differences(run, bench.reference())))


class Gate:
    """Children wait at it until the parent opens it, but no longer than 20 seconds: two holders must not hang."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def before_training(self) -> Any:
        """Sabotage: wait once the lock is taken, before anything is written."""

        def make(prepare: Callable) -> Callable:
            def wait(*arguments: Any) -> Any:
                os.close(self.writing)
                select.select([self.reading], [], [], 20)
                return prepare(*arguments)

            return wait

        return replaced(session, "prepare", make)

    def open(self) -> None:
        """Let everyone through, for good."""
        os.close(self.writing)
        os.close(self.reading)


def timed(run: Path) -> Callable[[], Any]:
    """Sabotage: leave a note of how long a refused child waited for the lock."""

    def make(create: Callable) -> Callable:
        def measured(path: Path, *more: str) -> RunDirectory:
            started = time.monotonic()
            try:
                return create(path, *more)
            except Exception:
                (run.parent / f"{run.name}-waited").write_text(str(time.monotonic() - started))
                raise

        return measured

    return lambda: replaced(RunDirectory, "create", make)


def first_to_end(children: list[Child]) -> Child:
    """The child that ends first; its outcome is still to be asked for."""
    pipes = select.poll()
    for child in children:
        pipes.register(child.output, 0)  # asks for nothing but to be told that the other end has closed
    (closed, _), *_ = pipes.poll()
    return next(child for child in children if child.output == closed)


def killed_holder(bench: Bench) -> Trial:
    """The lock dies with its holder, and what the holder had begun is no obstacle."""
    run = bench.new_run()
    gate = Gate()
    holder = bench.start(bench.arguments(run), gate.before_training)
    while not (run / "holder.lock").exists():
        time.sleep(0.001)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    gate.open()
    wrong = bench.train(run).unless(0) or ", ".join(differences(run, bench.reference()))
    return Trial(what="a holder killed: its lock is free", wrong=wrong)


R5 = Fault(
    title="two processes, one run directory",
    how="two started together; then a holder of the lock killed with `kill -9`",
    correct=f"one makes the undisturbed run; the other leaves within {PATIENCE:g} s of trying the lock, naming the "
    "holder; a killed holder's lock is free",
    trials=trials,
)
