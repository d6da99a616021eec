"""`python -m train.study FILE.toml`: many runs in turn; what is finished is skipped, what is begun goes on."""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import DivergedError, UserError, command
from train.guard import guard
from train.progress import duration, say
from train.study.choice import choose_rates, chosen_rates, settle
from train.study.outlook import write_plan
from train.study.pace import Pace, measure_pace
from train.study.plan import Planned, Study, expand, read_study
from train.study.runs import (
    Child,
    RunState,
    check_recorded,
    check_versions,
    clear,
    command_of,
    in_use,
    mark_diverged,
    state_of,
)

INSTEAD = {"precision": str, "device": str, "threads": int}
"""Settings of a machine, which may stand in for those of a study file."""


class StudyError(UserError):
    """Some runs of a study failed; the others were made."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Every n-th run, from the i-th on."""

    i: int = 1
    n: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard written `i/n`."""
        i, _, n = text.partition("/")
        if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
            raise argparse.ArgumentTypeError(f"{text!r}: write i/n with i from 1 to n")
        return cls(i=int(i), n=int(n))

    def of(self, plan: list[Planned]) -> list[Planned]:
        """This shard's part; the parts of 1/n to n/n make the plan."""
        return plan[self.i - 1 :: self.n]


@dataclass(kw_only=True)
class Work:
    """A study while it is done."""

    study: Study
    folder: Path
    shard: Shard
    failed: dict[str, str] = field(default_factory=dict)
    """Run -> why; these are not tried again by this process."""
    busy: set[str] = field(default_factory=set)
    """Runs that another process was working on."""

    def directory(self, run: Planned) -> Path:
        """Where a run lies."""
        return self.folder / "runs" / run.name

    def plan(self) -> list[Planned]:
        """This shard's runs, as far as rates are chosen."""
        return self.shard.of(expand(self.study, chosen_rates(choose_rates(self.study, self.folder))))

    def settle(self) -> None:
        """Write down the rates that the runs made so far have chosen, and what is planned, of all shards."""
        choices = choose_rates(self.study, self.folder)
        settle(choices, self.folder)
        write_plan(self.study.stem, expand(self.study, chosen_rates(choices)), self.folder)

    def left(self, plan: list[Planned]) -> list[Planned]:
        """The runs that are neither finished nor given up."""
        over = (RunState.FINISHED, RunState.DIVERGED)
        missing = [run for run in plan if run.waits_for or state_of(self.directory(run)) not in over]
        return [run for run in missing if run.name not in self.failed]

    def ready(self) -> list[Planned]:
        """The runs that can be made now, by this process."""
        return [run for run in self.left(self.plan()) if not run.waits_for and run.name not in self.busy]

    def pace(self) -> Pace:
        """The pace of the study's finished runs."""
        return measure_pace([path.parent for path in sorted(self.folder.glob("runs/*/summary.json"))])

    def seconds(self, runs: list[Planned]) -> float:
        """What these runs will take."""
        pace = self.pace()
        return sum(pace.seconds(run.config) for run in runs)

    def outlook(self, plan: list[Planned]) -> str:
        """How many of the runs are finished and left, how long they will take, and where that is known from."""
        left = self.left(plan)
        finished = sum(state_of(self.directory(run)) == RunState.FINISHED for run in plan)
        known = self.pace().runs
        source = f"from {known} finished runs" if known else "a guess for 2 cores; the first run will tell"
        time_left = f", about {duration(self.seconds(left))} ({source})" if left else ""
        return f"{finished} of {len(plan)} runs finished, {len(left)} left{time_left}"


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m train.study`."""
    parser = argparse.ArgumentParser(prog="python -m train.study", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "file", type=Path, metavar="FILE.toml", help="the study, for example train/studies/mnli-5k.toml"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="folder of the studies")
    parser.add_argument(
        "--shard", type=Shard.parse, default=Shard(), metavar="i/n", help="every n-th run, from the i-th"
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no run that would end later than in M minutes"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and exit")
    for name, kind in INSTEAD.items():
        parser.add_argument(f"--{name}", type=kind, help="as for train.run, instead of the file's")
    return parser


@guard
def main(argv: list[str] | None = None) -> None:
    """Show the plan, make its runs, say what is left."""
    arguments = build_parser().parse_args(argv)
    given = {name: getattr(arguments, name) for name in INSTEAD}
    study = read_study(arguments.file, {name: value for name, value in given.items() if value is not None})
    work = Work(study=study, folder=arguments.results / study.name, shard=arguments.shard)
    show_plan(work, arguments.dry_run)
    if arguments.dry_run:
        return
    if left := work.left(work.plan()):
        check_versions(work.folder)
        check_weights(left)
    go_on = command("train.study", *(sys.argv[1:] if argv is None else argv))
    deadline = math.inf if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    child = Child(go_on)
    with child:
        make_runs(work, child, deadline)
    conclude(work, go_on)


def check_weights(plan: list[Planned]) -> None:
    """The arm mlm has its weights.

    Raises:
        CheckpointError: it has not; the message has the command that makes them.
    """
    from train.pretrain.weights import require_mlm_weights

    for run in plan:
        if run.config.init == "mlm":
            require_mlm_weights(run.config)


def show_plan(work: Work, every_run: bool) -> None:
    """Say how many runs there are, how many are left, and how long they will take.

    Raises:
        UserError: a run was begun with other settings than the study's.
    """
    plan = work.plan()
    for run in plan:
        check_recorded(work.directory(run), run.config)
        if every_run:
            print(run.name, f"waits for {run.waits_for}" if run.waits_for else state_of(work.directory(run)).value)
    part = "" if work.shard.n == 1 else f", shard {work.shard.i}/{work.shard.n}"
    say(f"{work.study.name}{part}: {work.outlook(plan)}")


def make_runs(work: Work, child: Child, deadline: float) -> None:
    """Make the runs one after another, until none is left that can be made, or the time is up."""
    work.settle()
    while ready := work.ready():
        run = ready[0]
        if in_use(work.directory(run)):
            skip(work, run)
        elif time.monotonic() + work.seconds([run]) > deadline:
            say(f"{run.name} would end too late; no more runs are started")
            return
        else:
            make_run(work, child, run)
            work.settle()


def skip(work: Work, run: Planned) -> None:
    """Leave a run to the process that holds its directory."""
    say(f"{run.name}: another process is at it; skipped")
    work.busy.add(run.name)


def make_run(work: Work, child: Child, run: Planned) -> None:
    """Make one run, or go on with it, and say how it went and what is left."""
    directory = work.directory(run)
    begun = state_of(directory) == RunState.STARTED
    if not begun:
        clear(directory)
    say(f"{run.name}: {'resumed' if begun else 'started'}")
    code = child.run(command_of(run.config, directory))
    if code and in_use(directory):  # it was taken in the moment since we looked
        skip(work, run)
        return
    if code == DivergedError.exit_code:
        mark_diverged(directory)
    if code:
        work.failed[run.name] = f"exit {code}" if code > 0 else f"signal {-code}"
    say(f"{run.name}: {work.failed.get(run.name, 'finished')}; {work.outlook(work.plan())}")


def conclude(work: Work, go_on: str) -> None:
    """Say what is left, or where the records are.

    Raises:
        StudyError: runs failed, now or before.
    """
    plan = work.plan()
    if left := work.left(plan):
        waiting = sum(run.waits_for is not None for run in left)
        say(f"{len(left)} runs are left, of which {waiting} wait for others; go on with {go_on}")
    else:
        say(f"records are in {work.folder}; next: {command('analysis.compare', work.folder)}")
    diverged = [run.name for run in plan if state_of(work.directory(run)) == RunState.DIVERGED]
    if failed := dict.fromkeys(diverged, "diverged") | work.failed:
        raise StudyError(f"{len(failed)} runs failed: {', '.join(f'{name} ({why})' for name, why in failed.items())}")
