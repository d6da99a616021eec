"""R7 to R9: losses and gradients that are no numbers, or too large."""

from __future__ import annotations

import itertools
import json
import math
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from tests.running import metrics, record
from tests.torture.bench import Bench, Outcome, Sabotage
from tests.torture.compare import differences, is_whole, newest
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, replaced, send
from train import loop
from train.precision import Precision

LONG = ("--train-examples", "480", "--epochs", "1", "--set", "evaluation.probes=1", "--set", "save.every_steps=15")
"""One epoch of 30 updates; losses are looked at after 10, 15, 25 and 30, and saved after 15 and 30."""
FP16 = ("--precision", "fp16")
FIRST_SCALE = 65536.0
"""Source: torch/amp/grad_scaler.py, `init_scale`."""


def multiplied(updates: Collection[int], *, loss: float = 1.0, gradient: float = 1.0) -> Sabotage:
    """The loss and the gradient of these updates, counted from 1 in a process, are multiplied."""

    def make(accumulate: Callable) -> Callable:
        calls = itertools.count(1)

        def hurt(job: Any, batches: Any) -> Any:
            found, correct = accumulate(job, batches)
            if next(calls) not in updates:
                return found, correct
            for parameter in job.model.parameters():
                parameter.grad.mul_(gradient)
            return found * loss, correct

        return hurt

    return lambda: replaced(loop, "accumulate", make)


def noted(path: Path) -> Sabotage:
    """After each update `path` gets a line: its pairs, whether weights moved, the applied norm, the loss scale."""

    def make(train_step: Callable) -> Callable:
        def stepped(job: Any, state: Any, batches: list[list[int]]) -> None:
            before = [p.detach().clone() for p in job.model.parameters()]
            try:
                train_step(job, state, batches)
            finally:
                note = {
                    "step": state.step,
                    "ids": [job.ids[index] for batch in batches for index in batch],
                    "moved": any(not torch.equal(a, b) for a, b in zip(before, job.model.parameters(), strict=True)),
                    "norm": torch.cat([p.grad.flatten() for p in job.model.parameters()]).double().norm().item(),
                    "scale": None if job.scaler is None else job.scaler.get_scale(),
                }
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(note) + "\n")

        return stepped

    return lambda: replaced(loop, "train_step", make)


def smaller_scale() -> AbstractContextManager[None]:
    """The loss scale starts at 2, so that two overflows bring it below 1."""
    return replaced(Precision, "build_scaler", lambda _: lambda _self: torch.amp.GradScaler("cpu", init_scale=2.0))


class Case:
    """A run that was hurt, and what it left."""

    def __init__(self, bench: Bench, flags: tuple[str, ...], *sabotage: Sabotage) -> None:
        self.run = bench.new_run()
        self.notes = bench.folder / f"{self.run.name}.jsonl"
        self.outcome: Outcome = bench.train(self.run, *flags, sabotage=(*sabotage, noted(self.notes)))

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The metrics of one kind."""
        return metrics(self.run, event)

    def unmoved(self) -> list[int]:
        """Updates after which no weight had moved. The first moves none in any run: its rate is 0."""
        return [line["step"] for line in _json_lines(self.notes) if not line["moved"] and line["step"] > 1]

    def after(self, step: int, name: str) -> Any:
        """What was noted of this kind after this update."""
        return next(line[name] for line in _json_lines(self.notes) if line["step"] == step)


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def first_wrong(*claims: tuple[bool, str]) -> str:
    """The first claim that does not hold; an empty text when all do."""
    return next((f"not so: {what}" for holds, what in claims if not holds), "")


def bad_losses(bench: Bench, quick: bool) -> Iterator[Trial]:
    """R7."""
    for value, step in [(math.nan, 16)] if quick else [(math.nan, 16), (math.inf, 16), (math.nan, 20), (math.nan, 25)]:
        case = Case(bench, LONG, multiplied({step}, loss=value, gradient=value))
        wrong = case.outcome.unless(5, f"error: step {step}: the loss is {value}")
        wrong = wrong or first_wrong(
            (case.unmoved() == [step], "that update, and no other, moved nothing"),
            (case.lines("train")[-1]["step"] == step, "the loss is the last that is logged"),
            (_json_lines(case.notes)[-1]["step"] <= step + 10, "at most 10 more updates were made"),
            (_pairs_named(case) == case.after(step, "ids"), "the pairs of the update are named"),
            (newest(case.run).name == "step-15" and is_whole(newest(case.run)), "the checkpoint before stays"),
        )
        what = f"{value} in update {step}; then resumed without it"
        yield Trial(what=what, wrong=wrong or bench.wrong_after_resume(case.run, *LONG))


def _pairs_named(case: Case) -> list[str]:
    (note,) = [line for line in case.lines("note") if "loss is not finite" in line["message"]]
    return note["ids"]


def large_gradients(bench: Bench, quick: bool) -> Iterator[Trial]:
    """R8."""
    case = Case(bench, LONG, multiplied({8}, gradient=1e6))
    norms = [metrics(run, "train")[7]["grad_norm"] for run in (case.run, bench.reference(*LONG))]
    wrong = case.outcome.unless(0) or first_wrong(
        (math.isclose(norms[0], 1e6 * norms[1], rel_tol=1e-4), f"the logged norms {norms} differ by 1e6"),
        (math.isclose(case.after(8, "norm"), 1.0, rel_tol=1e-5), "the gradient was applied with norm 1"),
    )
    yield Trial(what="one gradient times 1,000,000: clipped, its norm logged", wrong=wrong)
    for number in (9,) if quick else (1, 2, 9):
        case = Case(bench, LONG, multiplied(range(8, 8 + number), gradient=math.inf))
        wrong = case.outcome.unless(0) or first_wrong(
            (case.unmoved() == list(range(8, 8 + number)), "these updates, and no others, moved nothing"),
            (record(case.run, "summary")["skipped_updates"] == number, "they are counted"),
        )
        yield Trial(what=f"{number} infinite gradients in a row under finite losses: skipped and counted", wrong=wrong)
    case = Case(bench, LONG, multiplied(range(17, 27), gradient=math.inf))
    wrong = case.outcome.unless(5, "not finite 10 times in a row")
    wrong = wrong or first_wrong((newest(case.run).name == "step-15", "the checkpoint before stays"))
    what = "10 in a row: given up; then resumed without them"
    yield Trial(what=what, wrong=wrong or bench.wrong_after_resume(case.run, *LONG))


def overflows(bench: Bench, _quick: bool) -> Iterator[Trial]:
    """R9: three trials are short enough for every occasion."""
    overflow = multiplied({8}, gradient=math.inf)
    case = Case(bench, FP16, overflow)
    rates = [line["learning_rate"] for line in case.lines("train")]
    saved = json.loads((newest(case.run) / "state.json").read_text(encoding="utf-8"))
    wrong = case.outcome.unless(0) or first_wrong(
        ([case.after(step, "scale") for step in (7, 8)] == [FIRST_SCALE, FIRST_SCALE / 2], "the scale halves"),
        (rates[8] == rates[7] != rates[6], "the schedule stays where it is for one update"),
        (
            case.unmoved() == [8] and record(case.run, "summary")["skipped_updates"] == 1,
            "one update is skipped and counted",
        ),
        (saved["scaler"]["scale"] == FIRST_SCALE / 2, "the checkpoint holds the scale"),
        ((saved["step"], saved["updates"]) == (12, 11), "and the place in the schedule"),
    )
    yield Trial(what="one overflow on a CPU in fp16: the scale halves, the schedule waits", wrong=wrong)
    killed = bench.new_run()
    bench.train(killed, *FP16, sabotage=(overflow, lambda: before_call(loop, "train_step", 12, send(signal.SIGKILL))))
    wrong = bench.resume(killed).unless(0) or ", ".join(differences(killed, case.run))
    yield Trial(what="the same, killed in update 12 and resumed", wrong=wrong)
    case = Case(bench, FP16, smaller_scale, multiplied({6, 7}, gradient=math.inf))
    wrong = case.outcome.unless(5, "error: step 7: the loss scale fell below 1")
    wrong = wrong or first_wrong((newest(case.run).name == "step-5", "the checkpoint before stays"))
    yield Trial(what="two overflows at a scale of 2: given up", wrong=wrong)


R7 = Fault(
    title="NaN or infinite loss",
    how="loss and gradient of one update multiplied by NaN or infinity, early and late between two looks at the losses",
    correct="the update moves no weight, at most 10 updates follow, exit 5, the update's pairs are logged, the "
    "checkpoint before stays; without the fault the run resumes to the undisturbed end",
    trials=bad_losses,
)
R8 = Fault(
    title="exploding gradient",
    how="gradients multiplied by 1,000,000, or by infinity under a finite loss",
    correct="clipped to norm 1 and the norm logged; infinite ones are skipped and counted; 10 in a row: exit 5",
    trials=large_gradients,
)
R9 = Fault(
    title="overflow in fp16",
    how="gradients multiplied by infinity, with PyTorch's loss scaler on a CPU",
    correct="the scale halves, the schedule does not advance, the scaler is in the checkpoint and resumes exactly; a "
    "scale below 1: exit 5",
    trials=overflows,
)
