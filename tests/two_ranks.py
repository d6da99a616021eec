"""Tiny trainings, with notes of what each process saw and did.

`test_distributed.py` starts this file's command under torchrun, which gives it two processes, and calls `make` itself,
which is one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from models.dropout import Dropout
from models.errors import UserError
from tests.running import NO_DROPOUT, TINY, train
from tests.torture.sabotage import replaced
from train import evaluate, features, loop, session
from train.certificate import tensors_hash
from train.cli import parse_run
from train.distributed import joined, rank, world_size
from train.pretrain import masking
from train.pretrain import session as pretrain_session
from train.pretrain.cli import parse_pretrain

LAST_OF_ONE = ("--train-examples", "97")
"""The last of an epoch's batches has one example: of two processes one has none."""
STUCK = ("--init", "scratch", "--set", "optim.learning_rate=1e-30")
"""With a rate too small to change a float, no epoch is better than the first on any machine."""
MASKED = (
    *("--validation-examples", "48", "--max-tokens", "64", "--epochs", "2", "--batch-size", "9", "--threads", "1"),
    *("--precision", "float32", "--learning-rate", "0.01"),
)
CASES: dict[str, tuple[str, ...]] = {
    "plain": (*NO_DROPOUT, *LAST_OF_ONE, "--set", "optim.max_grad_norm=0.5", "--set", "trajectory=3"),
    "accumulated": (*NO_DROPOUT, "--train-examples", "93", "--batch-size", "4", "--accumulation", "3"),
    "thawing": (*NO_DROPOUT, *LAST_OF_ONE, "--freeze", "2", "--epochs", "3", "--set", "freeze.thaw_every=1"),
    "masked": (*NO_DROPOUT, *LAST_OF_ONE, *MASKED),
    "cached": (*NO_DROPOUT, *LAST_OF_ONE, "--freeze", "all"),
    "overflow": (*NO_DROPOUT, "--precision", "fp16"),
    "empty": (*NO_DROPOUT, "--precision", "fp16", "--batch-size", "1", "--max-steps", "4"),
    "dropout": ("--max-steps", "3"),
    "patience": (*NO_DROPOUT, *STUCK, "--epochs", "9", "--patience", "1", "--set", "evaluation.watched=32"),
}
"""`empty`: of every batch, the first one too, the second process has no example; nor has its loss scaler a loss."""
DOUBLE = ("plain", "accumulated", "thawing", "masked")
"""Cases in float64."""
OVERFLOW = 5
"""The update in which the gradient of one process overflows."""
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


class Notes:
    """What one process saw and did in one case."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.job: Any = None
        self.seen: dict[str, Any] = {"losses": [], "norms": [], "asked": [], "masks": [], "written": []}

    def prepare(self, original: Callable) -> Callable:
        def noted(*arguments: Any) -> Any:
            self.job = original(*arguments)
            if self.case in DOUBLE:
                self.job.model.double()
            return self.job

        return noted

    def update(self, original: Callable) -> Callable:
        def noted(optimizer: Any, loss: torch.Tensor, *more: Any) -> torch.Tensor:
            norm = original(optimizer, loss, *more)
            self.seen["losses"].append(loss.item())
            self.seen["norms"].append(norm.item())
            return norm

        return noted

    def run_batches(self, original: Callable) -> Callable:
        def noted(examples: Any, indices: Any, precision: Any, ask: Callable) -> torch.Tensor:
            asked: list[int] = []
            rows = original(examples, indices, precision, lambda part: (asked.extend(part), ask(part))[1])
            self.seen["asked"].append([len(indices), sorted(asked)])
            return rows

        return noted

    def draw_mask(self, original: Callable) -> Callable:
        def noted(dropout: Dropout, like: torch.Tensor) -> torch.Tensor:
            mask = original(dropout, like)
            self.seen["masks"].append(tensors_hash({"mask": mask}))
            return mask

        return noted

    def all_reduce_gradients_(self, original: Callable) -> Callable:
        def hurt(model: torch.nn.Module, *more: torch.Tensor) -> None:
            if self.case == "overflow" and len(self.seen["losses"]) == OVERFLOW - 1 and rank() == world_size() - 1:
                model.head.output.weight.grad.fill_(torch.inf)  # type: ignore[union-attr, operator]
            original(model, *more)

        return hurt


@contextmanager
def noting(notes: Notes) -> Iterator[None]:
    """Inside, the notes are taken."""
    with ExitStack() as stack:
        for module, name in (
            *((place, "prepare") for place in (session, pretrain_session)),
            *((place, "run_batches") for place in (evaluate, features, masking)),
            *((loop, "update"), (loop, "all_reduce_gradients_"), (Dropout, "draw_mask")),
        ):
            stack.enter_context(replaced(module, name, getattr(notes, name)))
        yield


def make(case: str, folder: Path, checkpoint: Path) -> dict[str, Any]:
    """The run `folder`/s/runs/`case`, and what this process noted."""
    notes = Notes(case)
    command = ["--checkpoint", str(checkpoint), *CASES[case]]
    with noting(notes):
        if case == "masked":
            pretrain_session.pretrain(parse_pretrain([*command, "--out", str(folder / "s" / "runs" / case)]))
        else:
            session.run(parse_run([*TINY, *command, "--results", str(folder), "--study", "s", "--name", case]))
    return {**notes.seen, "weights": tensors_hash(dict(notes.job.model.named_parameters()))}


def refused(folder: Path, checkpoint: Path) -> str:
    """What a run says whose processes would compute in different arithmetic, as those of unlike machines may."""
    choice = ("float32", "bf16")[rank()]
    with replaced(session, "choose_precision", lambda choose: lambda _, device: choose(choice, device)):
        try:
            train(folder, checkpoint, name="unlike")
        except UserError as error:
            return str(error)
    return ""


def main(folder: str, checkpoint: str) -> None:
    """Every case; the notes of all in `folder`/notes-RANK.json."""
    written: list[str] = []

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if opened or event in _CHANGES:
            written.append(str(arguments[0]))

    sys.addaudithook(audit)
    found = {}
    with joined(torch.device("cpu")):
        for case in CASES:
            found[case] = make(case, Path(folder), Path(checkpoint))
            found[case]["written"] = [path for path in written if folder in path]
            written.clear()
        found["unlike"] = {"refused": refused(Path(folder), Path(checkpoint))}
    text = json.dumps(found)
    Path(folder, f"notes-{os.environ['RANK']}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
