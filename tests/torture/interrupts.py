"""R4: SIGTERM, SIGINT, and SIGINT twice, wherever a run may be."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from tests.torture.bench import Bench
from tests.torture.compare import checkpoints, different_records, is_whole
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, send
from train import checkpoint, loop, session

SIGNALS = {
    "SIGTERM": (signal.SIGTERM,),
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
}
PLACES = {  # what is being called when the signal comes, and the step of the newest checkpoint afterwards
    "the first evaluation": ((session, "evaluate", 2), 0),
    "an update": ((loop, "accumulate", 8), 8),
    "an evaluation after an epoch": ((loop, "evaluate", 5), 6),
    "a save": ((checkpoint, "random_states", 2), 10),
    "a copy of the best weights": ((checkpoint, "save_file", 4), 6),
    "the last evaluation": ((session, "evaluate", 5), 12),
}


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Every signal in every place; and one that comes from another process."""
    combinations = [(place, name) for place in PLACES for name in SIGNALS]
    for place, name in combinations[:: 4 if quick else 1]:
        yield struck(bench, place, name)
    if not quick:
        yield struck_from_outside(bench)


def struck(bench: Bench, place: str, name: str) -> Trial:
    """The signals come in the given place; the run is then resumed and compared."""
    call, step = PLACES[place]
    numbers = SIGNALS[name]
    run = bench.new_run()
    outcome = bench.train(run, sabotage=(lambda: before_call(*call, send(*numbers)),))
    if len(numbers) == 1:
        wrong = outcome.unless(128 + numbers[0], f"error: {name}: saved", "--resume") or unsaved(run, step)
    else:
        wrong = outcome.unless(128 + numbers[0])
    wrong = wrong or torn(run)
    return Trial(what=f"{name} in {place}", wrong=wrong or bench.wrong_after_resume(run))


def torn(run: Path) -> str:
    """What is wrong with what lies on the disk."""
    broken = [folder.name for folder in checkpoints(run) if not is_whole(folder)]
    return f"torn: {', '.join(broken)}" if broken else ""


def unsaved(run: Path, step: int) -> str:
    """What is wrong with the newest checkpoint's step; 0 where there should be none."""
    found = [folder.name for folder in checkpoints(run)[-1:]]
    return "" if found == [f"step-{step}"] * (step > 0) else f"newest checkpoint {found}, not of step {step}"


def struck_from_outside(bench: Bench) -> Trial:
    """Both runs are processes of their own; another sends the signal."""
    run = bench.new_run()
    outcome = bench.in_a_new_process(bench.arguments(run), run, step=7, number=signal.SIGTERM)
    wrong = outcome.unless(128 + signal.SIGTERM, "--resume") or torn(run)
    wrong = wrong or bench.in_a_new_process(bench.resuming(run)).unless(0)
    wrong = wrong or ", ".join(different_records(run, bench.reference()))
    return Trial(what="SIGTERM from another process, once step 7 is logged", wrong=wrong)


R4 = Fault(
    title="SIGTERM, SIGINT, SIGINT twice",
    how=f"sent while the run is in {', in '.join(PLACES)}",
    correct="the step is finished and saved, exit 143 or 130 with the command that goes on, and the resumed run is the "
    "undisturbed one; the second SIGINT leaves at once and tears nothing",
    trials=trials,
)
