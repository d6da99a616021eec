"""R13: with data and weights on this machine nothing asks the network, not even in vain."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.compare import main as compare
from models.fetch import main as fetch
from tests.torture.bench import FLAGS, Bench, Command, Sabotage
from tests.torture.fault import Fault, Trial
from tests.torture.other_start import write_corpus
from train.pretrain.command import main as pretrain
from train.run import main as train

ASKING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
"""Audit events of a process that wants something from another machine."""
HELPERS = ("git",)
"""Programs that a run may start: they are asked about this machine alone."""


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Every command that takes local data and weights; the control asks for weights that are not here."""
    corpus = write_corpus(bench.folder / "offline" / "corpus")
    local = ["--checkpoint", str(bench.checkpoint), *FLAGS, "--results", str(bench.folder), "--study", "offline"]
    files = ["--dataset", "mnli", "--data", str(corpus)]
    small = ["--checkpoint", str(bench.checkpoint), "--epochs", "1", "--max-tokens", "64", "--threads", "1"]
    told: dict[str, tuple[Command, list[str]]] = {
        "train, built-in pairs, scratch": (train, [*local, "--init", "scratch"]),
        "train, pairs in files, pretrained": (train, [*local, *files, "--init", "pretrained", "--study", "files"]),
        "report": (compare, [str(bench.folder / "offline")]),
        "fetch a folder": (fetch, [str(bench.checkpoint)]),
        "pretrain": (pretrain, [*small, "--set", "data.train_examples=96", "--out", str(bench.folder / "offline-mlm")]),
        "train, mlm": (train, [*local, "--init", "mlm", "--mlm", str(bench.folder / "offline-mlm")]),
    }
    for what, (command, arguments) in list(told.items())[: 1 if quick else None]:
        yield silent(bench, what, command, arguments)
    yield noticed(bench, local)


def silent(bench: Bench, what: str, command: Command, arguments: list[str]) -> Trial:
    """The command ends well and asks nobody."""
    log = bench.folder / f"{what}.log"
    outcome = bench.start(arguments, listening(log), command=command).wait()
    asked = log.read_text(encoding="utf-8").splitlines()
    return Trial(what=what, wrong=outcome.unless(0) or ", ".join(sorted(set(asked))))


def noticed(bench: Bench, local: list[str]) -> Trial:
    """Weights that are not on this machine: the attempt is seen, and the run ends with one line."""
    log = bench.folder / "control.log"
    away = [*local, "--init", "pretrained", "--checkpoint", "nobody/nothing", "--name", "away"]
    wrong = bench.start(away, listening(log), lambda: empty_cache(bench.folder)).wait().unless(4, "error: ")
    if not log.read_text(encoding="utf-8"):
        wrong = wrong or "the attempt was not seen"
    return Trial(what="control: weights from the hub", wrong=wrong, control=True)


def listening(log: Path) -> Sabotage:
    """Sabotage: whoever asks the network is refused, and written down."""

    @contextmanager
    def listen() -> Iterator[None]:
        with log.open("w", encoding="utf-8", buffering=1) as file:

            def hear(event: str, arguments: tuple) -> None:
                program = Path(str(arguments[0])).name if event == "subprocess.Popen" else ""
                if event in ASKING or program not in ("", *HELPERS):
                    file.write(f"{event} {program}\n")
                    raise ConnectionRefusedError(event)

            sys.addaudithook(hear)
            yield

    return listen


@contextmanager
def empty_cache(folder: Path) -> Iterator[None]:
    """Inside, the hub's library knows no file yet, and thinks that it may ask."""
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_HOME"] = str(folder / "hub")
    yield


R13 = Fault(
    title="no network",
    how="training, report, fetching and pretraining with data and weights on this machine, while every attempt to open "
    "a connection, to look up a name, or to start a program other than git is refused and written down (Python's audit "
    "events)",
    correct="no attempt; the control, with weights that are on the hub alone, makes one",
    trials=trials,
)
