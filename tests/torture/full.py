"""R3: the disk is full. A limit on the size of files stands for it: both refuse the write that is one too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.torture.bench import Bench
from tests.torture.compare import checkpoints, is_whole, newest
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, limit_files
from train import checkpoint, course, loop, session

SHARES = (10, 50, 90)


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """In the second save, at three sizes; and wherever else a run writes."""
    largest = max(path.stat().st_size for path in newest(bench.reference()).iterdir())
    for share in SHARES[1:2] if quick else SHARES:
        size = largest * share // 100
        yield refused(bench, f"the second save, at {share}% of its largest file", (checkpoint, "save_file", 5), size)
    yield refused(bench, "the log of an update", (loop, "train_step", 7), 1)
    if not quick:
        yield refused(bench, "the copy of the best weights", (loop, "save_best", 1), 1000)
        yield refused(bench, "the predictions", (session, "finish", 1), 1000)
        yield refused(bench, "the exported model", (session, "export_checkpoint", 1), 1000)
        yield refused(bench, "the summary", (course, "tensors_hash", 1), 0)


def refused(bench: Bench, what: str, call: tuple[Any, str, int], size: int) -> Trial:
    """From this call on no file may grow beyond `size` bytes. Afterwards there is room again, and the run goes on."""
    run = bench.new_run()
    outcome = bench.train(run, sabotage=(lambda: before_call(*call, limit_files(size)),))
    wrong = outcome.unless(4, "error: ", "File too large")
    if not outcome.said.splitlines()[-1].startswith("error: "):
        wrong = wrong or "the error is not one line, the last"
    if not all(is_whole(folder) for folder in checkpoints(run)):
        wrong = wrong or "a checkpoint is torn"
    return Trial(what=f"no room for {what}", wrong=wrong or bench.wrong_after_resume(run))


R3 = Fault(
    title="disk full",
    how=f"a limit on the size of files that takes hold in the second save, at {', '.join(map(str, SHARES))}% of its "
    "largest file, and wherever else a run writes",
    correct="exit 4 with one line that names the file; every checkpoint before is whole; once there is room the run "
    "goes on to the undisturbed run's end",
    trials=trials,
)
