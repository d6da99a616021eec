"""R1: kill -9 at a point of the run that is counted, not hoped for; then resume."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.torture.bench import STEPS, Bench
from tests.torture.compare import differences, different_records, newest, reseal
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import Tripwire, before_call, send, watched
from train import loop

ARMS = (
    ("--init", "scratch"),
    ("--init", "pretrained", "--set", "trajectory=3"),
    ("--init", "scratch", "--freeze", "1"),
    ("--init", "pretrained", "--freeze", "all"),
)


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Half of the kills inside a save, spread evenly over all that the saves do; half elsewhere, likewise."""
    kills = 4 if quick else 20
    for k in range(kills):
        flags = ARMS[k % len(ARMS)]
        kind = ("inside", "outside")[(k + k // len(ARMS)) % 2]  # in turn, and for each arm in turn
        yield kill(bench, flags, kind, number=int((k // 2 + 0.5) / (kills / 2) * len(events(bench, flags)[kind])))
    yield lost_state(bench)
    if not quick:
        yield outside_kill(bench)


def exhaustive_trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Every disk call of all saves of one run."""
    flags = ARMS[1]
    for number in range(0 if quick else len(events(bench, flags)["inside"])):
        yield kill(bench, flags, "inside", number)


def events(bench: Bench, flags: tuple[str, ...]) -> dict[str, list[str]]:
    """All events of the undisturbed run."""
    log = bench.folder / f"events{'-'.join(flags)}.json"
    if not log.exists():
        wrong = bench.train(bench.new_run(), *flags, sabotage=(lambda: watched(Tripwire(), log),)).unless(0)
        assert not wrong, wrong
    return json.loads(log.read_text(encoding="utf-8"))


def kill(bench: Bench, flags: tuple[str, ...], kind: str, number: int) -> Trial:
    """Kill a run before this one of its events of one kind, resume it, and compare it with the undisturbed one."""
    names = events(bench, flags)[kind]
    what = f"{' '.join(flags)}: {kind} a save, before {names[number]} (event {number + 1} of {len(names)})"
    run = killed(bench, flags, kind, number)
    return Trial(what=what, wrong=bench.wrong_after_resume(run, *flags))


def killed(bench: Bench, flags: tuple[str, ...], kind: str, number: int) -> Path:
    """A run that was killed just before this event."""
    run = bench.new_run()
    outcome = bench.train(run, *flags, sabotage=(lambda: watched(Tripwire(kind, number)),))
    assert outcome.code == -signal.SIGKILL, f"the kill missed: exit code {outcome.code}\n{outcome.said}"
    return run


def cut_short(bench: Bench) -> Path:
    """A run killed in its eighth update, with one checkpoint, after the fifth."""
    run = bench.new_run()
    bench.train(run, *ARMS[0], sabotage=(lambda: before_call(loop, "train_step", 8, send(signal.SIGKILL)),))
    return run


def lost_state(bench: Bench) -> Trial:
    """The comparison sees a dropout stream that starts anew."""
    run = cut_short(bench)
    path = newest(run) / "random.safetensors"
    states = {name: state.clone() for name, state in load_file(path).items()}
    save_file(states | {"dropout": torch.Generator().manual_seed(0).get_state()}, path)
    reseal(path.parent)
    wrong = bench.resume(run).unless(0)
    if not wrong and f"checkpoints/step-{STEPS}/model.safetensors" not in differences(run, bench.reference(*ARMS[0])):
        wrong = "the comparison did not see it"
    return Trial(what="negative control: the dropout stream starts anew on resuming", wrong=wrong, control=True)


def outside_kill(bench: Bench) -> Trial:
    """What forks show holds for processes of their own, killed by another."""
    run = bench.new_run()
    outcome = bench.in_a_new_process(bench.arguments(run, *ARMS[0]), run, step=7, number=signal.SIGKILL)
    wrong = outcome.unless(-signal.SIGKILL) or bench.in_a_new_process(bench.resuming(run)).unless(0)
    wrong = wrong or ", ".join(different_records(run, bench.reference(*ARMS[0])))
    return Trial(what="a process of its own, killed by another once it has logged step 7", wrong=wrong, control=True)


R1 = Fault(
    title="`kill -9`, then resume",
    how="half of the kills inside a save, before a counted call that touches the disk, half before a counted call "
    "elsewhere between the first evaluation and the summary; dropout 0.1, accumulation 2; scratch and pretrained, with "
    "and without frozen layers",
    correct="weights, optimizer, random states, best weights, predictions, export and records equal the undisturbed "
    "run's bit for bit, clocks left out",
    trials=trials,
)
R1A = Fault(
    title="the same at every call of a save",
    how="one pretrained run, killed once before each call in its saves that opens, writes, flushes, renames or removes",
    correct="as R1",
    trials=exhaustive_trials,
)
