"""R11: another locale, clock zone, hash seed, umask or path."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from analysis.compare import main as compare
from tests.torture.bench import FLAGS, ROOT, Bench, Outcome
from tests.torture.compare import contents, different_records
from tests.torture.fault import Fault, Trial

ARM = ("--init", "pretrained")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a process finds when it starts."""

    variables: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    folder: str = "elsewhere"


PLACES = {
    "LC_ALL=C, a random hash seed": Surroundings(variables={"LC_ALL": "C", "PYTHONHASHSEED": "random"}),
    "LC_ALL=tr_TR in its old encoding, the clock 14 hours ahead": Surroundings(
        variables={"LC_ALL": "tr_TR", "TZ": "UTC-14"}
    ),
    "umask 077, a path with a space and an accent": Surroundings(umask=0o077, folder="un été à la mer"),
}
ALL = Surroundings(
    variables={name: value for place in PLACES.values() for name, value in place.variables.items()},
    umask=0o077,
    folder="bütün yaz",
)


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """A few differences at a time, and all at once."""
    places = {**({} if quick else PLACES), "all of them, tr_TR for the locale": ALL}
    turkish(bench), reported(bench)  # made once, before two threads want them
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda what: elsewhere(bench, what, places[what]), places)


def elsewhere(bench: Bench, what: str, place: Surroundings) -> Trial:
    """A training there makes the records of one here, and the records of one here give the same report there."""
    here, there = reported(bench), bench.folder / bench.new_run().name / place.folder
    shutil.copytree(bench.checkpoint, there / "tiny")
    shutil.copytree(here / "runs", there / "same" / "runs")
    run = there / "study" / "runs" / "run"
    arguments = ["--checkpoint", str(there / "tiny"), *FLAGS, *ARM, "--results", str(there), "--study", "study"]
    commands = [["train.run", *arguments, "--name", "run"], ["analysis.compare", str(there / "same")]]
    wrong = tell(bench, commands, place).unless(0) or ", ".join(different_records(run, bench.reference(*ARM)))
    unequal = contents(there / "same").items() ^ contents(here).items()
    return Trial(what=what, wrong=wrong or ", ".join(sorted({f"the report's {name}" for name, _ in unequal})))


@cache
def turkish(bench: Bench) -> Path:
    """A folder with the locale tr_TR in it, unless the machine cannot make one: then C stands in for it."""
    folder = bench.folder / "locales"
    folder.mkdir()
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", folder / "tr_TR"], check=False)
    return folder


def reported(bench: Bench) -> Path:
    """A study of the undisturbed run, with its report."""
    study = bench.folder / "reported-here" / "same"
    if not study.exists():
        shutil.copytree(bench.reference(*ARM), study / "runs" / "run")
        wrong = bench.start([str(study)], command=compare).wait().unless(0)
        assert not wrong, wrong
    return study


def tell(bench: Bench, commands: list[list[str]], place: Surroundings, *options: str) -> Outcome:
    """Commands in an interpreter of their own, in these surroundings."""
    told = json.dumps(commands, ensure_ascii=False)  # a path's bytes arrive as they are, whatever the locale
    command = [sys.executable, "-m", "tests.torture.story", *options, told]
    child = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "LOCPATH": str(turkish(bench)), **place.variables},
        umask=place.umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return Outcome(code=child.returncode, said=child.stdout.decode(errors="backslashreplace"))


R11 = Fault(
    title="other surroundings",
    how="a training and a report in a process of its own, elsewhere, under another locale (C; Turkish in ISO-8859-9, "
    "compiled for the purpose where the machine can), clock zone, hash seed, umask or path, some and all at once",
    correct="the records of the training equal the undisturbed run's bit for bit, clocks left out; the report on the "
    "undisturbed run's records is the same, figures too, byte for byte",
    trials=trials,
)
