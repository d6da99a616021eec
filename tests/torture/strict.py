"""A whole story in Python's development mode, where every warning that our own modules cause is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.torture.bench import FLAGS, Bench
from tests.torture.fault import Fault, Trial
from tests.torture.other_start import write_corpus
from tests.torture.surroundings import Surroundings, tell


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """One process from pretraining to the report; the control leaves a file open."""
    local = ["--checkpoint", str(bench.checkpoint)]
    corpus, results = write_corpus(bench.folder / "strict" / "corpus"), str(bench.folder / "strict")
    study = ["train.run", *local, *FLAGS, "--results", results, "--study", "study"]
    mlm = [*local, "--train-examples", "96", "--max-tokens", "64", "--epochs", "1", "--out", f"{results}/mlm"]
    before = [
        ["models.fetch", str(bench.checkpoint)],
        ["train.pretrain", *mlm, "--threads", "1"],
        [*study, "--init", "mlm", "--mlm", f"{results}/mlm"],
        [*study, "--init", "scratch"],
    ]
    files = ["--dataset", "mnli", "--data", str(corpus)] if not quick else []
    told = [
        *([] if quick else before),
        [*study, "--init", "pretrained", "--set", "trajectory=3"],
        ["train.run", *local, *FLAGS, *files, "--results", results, "--study", "files", "--init", "scratch"],
        ["analysis.compare", f"{results}/study"],
    ]
    yield Trial(what=f"{len(told)} commands in one process", wrong=complaint(bench, told))
    seen = "" if complaint(bench, [["tests.torture.strict", results]]) else "the open file was not seen"
    yield Trial(what="control: a command that leaves a file open", wrong=seen, control=True)


def complaint(bench: Bench, commands: list[list[str]]) -> str:
    """What is wrong with how they went."""
    outcome = tell(bench, commands, Surroundings(variables={"PYTHONDEVMODE": "1"}), "--strict")
    warned = [line for line in outcome.said.splitlines() if "Warning" in line]
    return outcome.unless(0) or ", ".join(warned)


def main(arguments: list[str]) -> int:
    """The control: a command with the defect that it leaves a file open."""
    (Path(arguments[0]) / "open").open("w")
    return 0


STRICT = Fault(
    title="warnings",
    how="fetching, pretraining, training of three arms and a report in one process under `PYTHONDEVMODE=1`, where "
    "every warning is an error but for those that libraries cause in their own modules",
    correct="exit 0 and no word of a warning",
    trials=trials,
)
