"""R10: one run in two processes, one of which dies, is told to stop, or is started again in another number."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

from tests.torture.bench import ROOT, Bench, Outcome, Sabotage
from tests.torture.compare import differences, different_records, newest
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, keep_checkpoints, send
from train import loop, session

LIMIT = 60.0
"""Seconds after which a run that lost a process has ended."""
PLACES = {  # what is being called when a process dies
    "an update": (loop, "accumulate", 8),
    "an evaluation": (loop, "evaluate", 5),
    "the last evaluation": (session, "evaluate", 7),
}


def ranked(rank: int, port: int) -> AbstractContextManager[dict[str, str]]:
    """Inside, this process is one of two, as torchrun would have it."""
    size = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "torture"}
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return patch.dict(os.environ, size | place)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def together(bench: Bench, arguments: list[str], *sabotage: Sabotage, victim: int = 1) -> tuple[list[Outcome], float]:
    """Both processes' ends, and how many seconds they took; the sabotage is the victim's alone."""
    port, started = free_port(), time.monotonic()
    children = [
        bench.start(
            arguments, lambda rank=rank: ranked(rank, port), keep_checkpoints, *(sabotage if rank == victim else ())
        )
        for rank in (0, 1)
    ]
    return [child.wait() for child in children], time.monotonic() - started


def undisturbed(bench: Bench) -> Path:
    """The run of two processes that nobody disturbed."""
    run = bench.new_run()
    for outcome in together(bench, bench.arguments(run))[0]:
        assert not outcome.unless(0), outcome.said
    return run


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Either process is killed in every place; each gets a signal; and another number of processes goes on."""
    reference = undisturbed(bench)
    places = list(PLACES)
    for place, victim in [(places[0], 1), (places[1], 0)] if quick else [(p, v) for p in places for v in (0, 1)]:
        yield killed(bench, reference, place, victim)
    for victim in (1,) if quick else (0, 1):
        yield told_to_stop(bench, reference, victim)
    yield in_another_number(bench)
    if not quick:
        yield under_torchrun(bench, reference)


def wrong_after_resume(bench: Bench, run: Path, reference: Path) -> str:
    """Two processes go on with a run; what then distinguishes it from the undisturbed one."""
    outcomes, _ = together(bench, bench.resuming(run))
    wrong = next((found for outcome in outcomes if (found := outcome.unless(0))), "")
    return wrong or ", ".join(differences(run, reference))


def killed(bench: Bench, reference: Path, place: str, victim: int) -> Trial:
    """The other process ends by itself, with a line that says why, and the run resumes exactly."""
    run = bench.new_run()
    outcomes, seconds = together(
        bench, bench.arguments(run), lambda: before_call(*PLACES[place], send(signal.SIGKILL)), victim=victim
    )
    wrong = outcomes[victim].unless(-signal.SIGKILL)
    wrong = wrong or outcomes[1 - victim].unless(1, "error: another process of the run ended")
    wrong = wrong or ("" if seconds < LIMIT else f"it took {seconds:.0f} s to end")
    wrong = wrong or wrong_after_resume(bench, run, reference)
    return Trial(what=f"process {victim} of two killed in {place}; then resumed by two", wrong=wrong)


def told_to_stop(bench: Bench, reference: Path, victim: int) -> Trial:
    """A signal to one process ends both after the same step, saved."""
    run = bench.new_run()
    outcomes, _ = together(
        bench, bench.arguments(run), lambda: before_call(loop, "accumulate", 8, send(signal.SIGTERM)), victim=victim
    )
    go_on = "torchrun --nproc-per-node 2 --shutdown-timeout 600 -m train.run --resume"
    ends = (outcome.unless(143, go_on) for outcome in outcomes)
    wrong = next((found for found in ends if found), "")
    wrong = wrong or ("" if newest(run).name == "step-8" else f"saved {newest(run).name}, not step-8")
    wrong = wrong or wrong_after_resume(bench, run, reference)
    return Trial(what=f"SIGTERM to process {victim} of two; then resumed by two", wrong=wrong)


def in_another_number(bench: Bench) -> Trial:
    """R6 for the world size: refused with the difference."""
    run = bench.new_run()
    together(bench, bench.arguments(run), lambda: before_call(loop, "accumulate", 8, send(signal.SIGKILL)))
    wrong = bench.resume(run).unless(4, "cannot be resumed exactly", "world_size: was 2, is 1")
    return Trial(what="begun by two processes, resumed by one: refused", wrong=wrong)


def under_torchrun(bench: Bench, reference: Path) -> Trial:
    """What forks show holds under torchrun, which ends what is left when a process is killed by another."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = bench.new_run()
    log = run / "metrics.jsonl"
    begun = subprocess.Popen([*launcher, "-m", "train.run", *bench.arguments(run)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while begun.poll() is None and not (log.exists() and '"step": 7,' in log.read_text(encoding="utf-8")):
        time.sleep(0.001)
    holder = (run / "holder.lock").read_text(encoding="utf-8")
    os.kill(int(holder.removeprefix("process ")), signal.SIGKILL)
    started = time.monotonic()
    begun.wait()
    seconds = time.monotonic() - started
    wrong = "torchrun ended well" if begun.returncode == 0 else ""
    wrong = wrong or ("" if seconds < LIMIT else f"it took {seconds:.0f} s to end")
    again = subprocess.run([*launcher, "-m", "train.run", *bench.resuming(run)], cwd=ROOT, capture_output=True)
    wrong = wrong or ("" if again.returncode == 0 else f"resuming failed: {again.stderr.decode()[-300:]}")
    wrong = wrong or ", ".join(different_records(run, reference))
    return Trial(what="under torchrun, the first process killed by another; then resumed", wrong=wrong)


R10 = Fault(
    title="one process of two dies",
    how="two processes over gloo, dropout 0.1, accumulation 2; one killed in "
    f"{', in '.join(PLACES)}; one sent SIGTERM; the run resumed by one process alone",
    correct="the other ends within 60 s and says why, and two processes resume to the undisturbed run, bit for bit; a "
    "signal to one saves and ends both after the same step; another number of processes is refused, exit 4",
    trials=trials,
)
