"""R2: a checkpoint's files cut short, or with one bit turned over."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from tests.torture.bench import EVERY, Bench
from tests.torture.compare import changed, checkpoints, contents, differences, newest, reseal
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, replaced, send
from train import loop, session
from train.resume import restore
from train.state import Job

SHARES = (0, 1, 25, 50, 99)
FLIPS = 100

Damage = dict[str, Any]
"""`file`, and `cut` to that percentage or `bit` turned over."""


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Each damage is tried on the restoring code inside one process; one of each file also through a whole resume."""
    run = interrupted(bench)
    damages = [{"file": name, "cut": share} for name in files(run) for share in SHARES] + flips(run, FLIPS)
    yield from examine(bench, run, damages[:: 7 if quick else 1])  # no divisor of 5 shares or 6 files
    for name in files(run)[:: 5 if quick else 1]:
        yield resumed(bench, run, {"file": name, "cut": 50})
    yield all_damaged(bench, run)
    yield missing_state(bench, run)


def interrupted(bench: Bench) -> Path:
    """A run killed in update 11: best weights from step 6, to which only the newer of its two checkpoints refers."""
    run = bench.new_run()
    bench.train(run, sabotage=(lambda: before_call(loop, "train_step", 11, send(signal.SIGKILL)),))
    return run


def files(run: Path) -> list[str]:
    """What the newest checkpoint consists of."""
    best = run.glob("checkpoints/best-*")
    return sorted(str(path.relative_to(run)) for path in (*newest(run).iterdir(), *best))


def flips(run: Path, number: int) -> list[Damage]:
    """Single bits, as many in each file as in the next."""
    stream, names = random.Random("bit flips"), files(run)
    chosen = [names[i % len(names)] for i in range(number)]
    return [{"file": name, "bit": stream.randrange(8 * (run / name).stat().st_size)} for name in chosen]


def hurt(run: Path, damage: Damage) -> None:
    """Do the damage."""
    path = run / damage["file"]
    data = bytearray(path.read_bytes())
    if "cut" in damage:
        del data[len(data) * damage["cut"] // 100 :]
    else:
        data[damage["bit"] // 8] ^= 1 << damage["bit"] % 8
    path.write_bytes(data)


def _describe(damage: Damage) -> str:
    return f"{damage['file']}: " + (f"cut to {damage['cut']}%" if "cut" in damage else f"bit {damage['bit']} flipped")


def examine(bench: Bench, run: Path, damages: list[Damage]) -> Iterator[Trial]:
    """How each damage is met by the restoring code, and last a checkpoint without any."""
    answer = bench.folder / "damages.json"

    def look(_: Callable) -> Callable:
        def take_up(job: Job, _differences: list[str]) -> None:
            answer.write_text(json.dumps([attempt(job, run, damage) for damage in [*damages, {}]]), encoding="utf-8")
            os._exit(0)

        return take_up

    outcome = bench.resume(run, sabotage=(lambda: replaced(session, "take_up", look),))
    assert outcome.code == 0, outcome.said
    *wrong, undamaged = json.loads(answer.read_text(encoding="utf-8"))
    yield from (Trial(what=_describe(d), wrong=w) for d, w in zip(damages, wrong, strict=True))
    yield Trial(what="no damage: the newest checkpoint is taken without a warning", wrong=undamaged, control=True)


def attempt(job: Job, run: Path, damage: Damage) -> str:
    """What is wrong with how a run is restored after this damage. The damage is undone."""
    said: list[str] = []
    job.progress.say = said.append  # type: ignore[method-assign]
    touched = [run / name for name in ("metrics.jsonl", damage.get("file", "metrics.jsonl"))]
    before = [path.read_bytes() for path in touched]
    if damage:
        hurt(run, damage)
    state = restore(job)
    for path, data in zip(touched, before, strict=True):
        path.write_bytes(data)
    expected = EVERY if damage else 2 * EVERY
    if state is None or state.step != expected:
        return f"not the checkpoint of step {expected} was taken"
    return "" if bool(said) == bool(damage) else f"said {said}"


def resumed(bench: Bench, run: Path, damage: Damage) -> Trial:
    """A damaged run goes on from the checkpoint before, to the end."""
    copy = shutil.copytree(run, bench.new_run())
    hurt(copy, damage)
    outcome = bench.resume(copy)
    wrong = outcome.unless(0, "is passed over") or ", ".join(differences(copy, bench.reference()))
    return Trial(what=f"{_describe(damage)}, then resumed to the end", wrong=wrong)


def all_damaged(bench: Bench, run: Path) -> Trial:
    """With no checkpoint left the run is refused, and left as it is."""
    copy = shutil.copytree(run, bench.new_run())
    for folder in checkpoints(copy):
        hurt(copy, {"file": folder.relative_to(copy) / "state.json", "cut": 99})
    before = contents(copy)
    wrong = bench.resume(copy).unless(4, "none of its 2 checkpoints can be used")
    return Trial(what="both checkpoints damaged: refused", wrong=wrong or changed(before, contents(copy)))


def missing_state(bench: Bench, run: Path) -> Trial:
    """Without the dropout stream's state there is nothing to go on with, even if the manifest says all is well."""
    copy = shutil.copytree(run, bench.new_run())
    for folder in checkpoints(copy):
        save_file({"torch": load_file(folder / "random.safetensors")["torch"].clone()}, folder / "random.safetensors")
        reseal(folder)
    wrong = bench.resume(copy).unless(4, "dropout", "none of its 2 checkpoints can be used")
    return Trial(what="a random state taken out, the manifest made to agree: refused", wrong=wrong)


R2 = Fault(
    title="torn checkpoint",
    how=f"each file of the newest checkpoint, manifest and best weights too, cut to {', '.join(map(str, SHARES))}% of "
    f"its size, and {FLIPS} single bits flipped; one damage to each file also through the command line to the end",
    correct="the damage is noticed, a line says so, and the checkpoint before is taken; with none left: exit 4",
    trials=trials,
)
