"""R12: somebody has planted symbolic links where a run or a report is about to write."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from analysis.compare import main as compare
from tests.torture.bench import Bench
from tests.torture.compare import differences, sha256
from tests.torture.fault import Fault, Trial
from tests.torture.kills import ARMS
from tests.torture.sabotage import before_call, send
from train import loop

Plant = Callable[[Path, Path], object]
"""Puts links to a folder elsewhere: (run or study folder, elsewhere)."""

FLAGS = ARMS[1]
"""Pretrained, with snapshots of its weights."""


def link(name: str, target: str = "") -> Plant:
    """A link of this name, to the folder elsewhere or to a file in it."""

    def plant(folder: Path, elsewhere: Path) -> None:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(elsewhere / target)

    return plant


IN_THE_WAY: dict[str, Plant] = {
    "the run's folder": link("runs/new"),
    "the folder of runs": link("runs"),
    "the study's folder": link(""),
}
"""In a study that is about to begin: refused."""
REFUSED: dict[str, Plant] = {
    "the folder of checkpoints": link("checkpoints"),
    "the log": link("metrics.jsonl", "precious"),
    "the lock": link("run.lock", "precious"),
    "the folder of snapshots": link("trajectory"),
}
"""In a run that was interrupted: refused, and without the link the run goes on."""
HARMLESS: dict[str, Plant] = {
    "latest, beside the checkpoints": link("checkpoints/latest"),
    "latest, a file": link("latest", "precious"),
    "a leftover of a save": link("checkpoints/step-5.tmp-1"),
    "a leftover of a record": link("summary.json.tmp-1", "precious"),
    "the next checkpoint": link("checkpoints/step-10"),
    "the next best weights": link("checkpoints/best-12.safetensors", "precious"),
    "the predictions": link("predictions.csv", "precious"),
    "the exported model": link("export"),
    "the holder's note": link("holder.lock", "precious"),
}
"""In a run that was interrupted: replaced, swept out or left alone, and the run goes on to the undisturbed end."""
REPORT: dict[str, tuple[Plant, int]] = {
    "the report": (link("report.md", "precious"), 0),
    "the page": (link("report.html", "precious"), 0),
    "the folder of figures": (link("figures"), 3),
}
"""In a study that is about to be reported: what the command's exit code is."""


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Each link by itself."""
    every = 3 if quick else 1
    for what, plant in list(IN_THE_WAY.items())[::every]:
        yield before_a_run(bench, what, plant)
    for what, plant in list(REFUSED.items())[::every]:
        yield in_a_run(bench, what, plant, refused=True)
    for what, plant in list(HARMLESS.items())[::every]:
        yield in_a_run(bench, what, plant, refused=False)
    for what, (plant, code) in list(REPORT.items())[::every]:
        yield before_a_report(bench, what, plant, code)


class Elsewhere:
    """A folder with something precious in every place that a link could make a program write to or delete."""

    def __init__(self, bench: Bench) -> None:
        self.folder = bench.folder / "elsewhere"
        if not self.folder.exists():
            for name in ("precious", "step-5/precious", "new/precious", "precious.tmp-1/precious", "figures/precious"):
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("precious\n" * 1000)
        self.before = self.contents()

    def contents(self) -> dict[str, str]:
        """Every path in the folder, locks too, with the hash of its content."""
        paths = sorted(self.folder.rglob("*"))
        return {str(p.relative_to(self.folder)): sha256(p.read_bytes()) if p.is_file() else "" for p in paths}

    def wrong(self) -> str:
        """What was written or deleted there."""
        after = self.contents()
        changed = sorted(name for name in self.before.keys() | after.keys() if self.before.get(name) != after.get(name))
        return f"changed elsewhere: {', '.join(changed)}" if changed else ""


def before_a_run(bench: Bench, what: str, plant: Plant) -> Trial:
    """The run is refused, naming the link."""
    elsewhere, study = Elsewhere(bench), bench.folder / "planted" / bench.new_run().name
    plant(study, elsewhere.folder)
    place = ["--results", str(study.parent), "--study", study.name, "--name", "new"]
    outcome = bench.start([*bench.arguments(study), *place]).wait()
    return Trial(what=f"{what}: refused", wrong=elsewhere.wrong() or outcome.unless(4, "is a symbolic link"))


def in_a_run(bench: Bench, what: str, plant: Plant, refused: bool) -> Trial:
    """An interrupted run meets the link when it goes on; where that is refused, it goes on once the link is gone."""
    elsewhere, run = Elsewhere(bench), bench.new_run()
    kept = shutil.copytree(interrupted(bench), run.with_name(f"{run.name}-kept"))
    shutil.copytree(kept, run)
    plant(run, elsewhere.folder)
    wrong = ""
    if refused:
        wrong = bench.resume(run).unless(4, "error: ")
        shutil.rmtree(run)
        kept.rename(run)
    wrong = wrong or bench.resume(run).unless(0) or different_from_undisturbed(bench, run)
    return Trial(what=f"{what}: {'refused' if refused else 'not followed'}", wrong=elsewhere.wrong() or wrong)


def different_from_undisturbed(bench: Bench, run: Path) -> str:
    """Files in which a run differs from the undisturbed one; links that were left alone are none of its files."""
    found = [name for name in differences(run, bench.reference(*FLAGS)) if not (run / name).is_symlink()]
    return ", ".join(found)


@cache
def interrupted(bench: Bench) -> Path:
    """A run killed in its eighth update, with one checkpoint, after the fifth."""
    run = bench.new_run()
    bench.train(run, *FLAGS, sabotage=(lambda: before_call(loop, "train_step", 8, send(signal.SIGKILL)),))
    return run


def before_a_report(bench: Bench, what: str, plant: Plant, code: int) -> Trial:
    """The report replaces the link, or is refused."""
    elsewhere, study = Elsewhere(bench), bench.folder / "reported" / bench.new_run().name
    shutil.copytree(bench.reference(*FLAGS), study / "runs" / "run")
    plant(study, elsewhere.folder)
    outcome = bench.start([str(study)], command=compare).wait()
    verdict = "refused" if code else "not followed"
    return Trial(what=f"{what}: {verdict}", wrong=elsewhere.wrong() or outcome.unless(code))


R12 = Fault(
    title="planted symbolic links",
    how="links to a folder with precious files, or to one of them, in the place of a folder that a run lies in, of "
    "what an interrupted run goes on with or writes next, of leftovers that it sweeps out, of `latest`, of a report",
    correct="nothing elsewhere is written or deleted; a link in the place of a folder is refused with exit 4 (a "
    "report: 3), any other is replaced, swept out or left alone, and the run ends as the undisturbed one",
    trials=trials,
)
