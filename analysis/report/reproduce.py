"""The commands that make a report's records again, and then the report."""

import shlex
import tomllib
from collections.abc import Iterator, Sequence, Set
from dataclasses import asdict
from pathlib import Path

from analysis.claims.judgement import Evidence
from analysis.records.benchmark import read_benchmark
from analysis.records.masked import masked_folder
from analysis.records.outlook import Plans
from analysis.records.reading import parse_object, read_text
from analysis.records.runs import Run
from analysis.records.study import Study, from_folder
from train.benchmark.settings import ROUNDS, Settings
from train.commands import changes, flags_for
from train.config import RunConfig
from train.flags import DATA_FLAGS
from train.kinds import completed
from train.pretrain.cli import PRETRAIN_FLAGS
from train.recipes import MASKED_LM, RECIPES
from train.study.plan import expand, read_study

STUDIES = Path(__file__).parents[2] / "train" / "studies"

NOTE = (
    "Here python is .venv/bin/python, in the project's folder. The first line moves what is there out of the way, to "
    "a name that must be free, and you may move it back later: a run that is there is not made again, and the probes "
    "need weights, which are not shipped. Every setting of a run stands in its config.json, where a path is its last "
    "part alone; the report follows from the records, byte for byte. The code of another numerics version makes other "
    "runs, no worse ones: that of these is in certificate.json, and the commit that has it in environment.json."
)

MOVE_LINE = "mv results results-before"
FOLDER_LINE = (
    "export MNLI_DIR=FOLDER  # the same pairs, by the sha256 in certificate.json; without it the hub's, other numbers"
)

BENCHMARK_SIZES = (
    *("instructions", "train_examples", "evaluation_examples", "frozen_examples", "frozen_epochs"),
    *("batch_size", "max_tokens", "rounds", "checkpoint"),
)
"""What a benchmark's record says of itself that is a flag of its command, too."""

BASELINE_FIELDS = {field for _, field, *_ in DATA_FLAGS} - {"data.train_examples"}
"""Settings that the baselines share with the runs."""


def commands(study: Study, evidence: Evidence) -> tuple[str, ...]:
    """Returns the commands that make again what the report shows, studies beside included, and then the report."""
    others = [other for name, other in evidence.studies.items() if name != (study.name or "")]
    folders = [("", study.name or "STUDY"), *(("--beside ", str(other.name)) for other in others)]
    folders += [("--benchmark ", folder.resolve().name) for folder in evidence.benchmarks]
    asked = (f"{flag}results/{shlex.quote(name)}" for flag, name in folders)
    made = data_commands([run for each in (study, *others) for run in each.runs])
    made += [line for each in (study, *others) for line in study_commands(each)]
    made += map(benchmark_command, evidence.benchmarks)
    return (*made, " ".join(["python -m analysis.compare", *asked]))


def benchmark_command(folder: Path) -> str:
    """Returns the command that measures speed again, with the sizes that its record has."""
    record = read_benchmark(folder / "record.json")
    found = record.get("sizes")
    sizes = {**(found if isinstance(found, dict) else {}), "checkpoint": record.get("checkpoint", "minilm")}
    usual = {**asdict(Settings()), "rounds": ROUNDS}
    asked = [
        word
        for name in BENCHMARK_SIZES
        if name in sizes and sizes[name] != usual[name]
        for word in (f"--{name.replace('_', '-')}", str(sizes[name]))
    ]
    return shlex.join(["python", "-m", "train.benchmark", *asked, "--out", f"results/{folder.resolve().name}"])


def data_commands(runs: Sequence[Run]) -> list[str]:
    """Returns what has to be said before any other command, so that runs are made anew and their data are found."""
    return [MOVE_LINE, *[FOLDER_LINE] * from_folder(runs)]


def study_commands(study: Study) -> list[str]:
    """Returns the commands that make again a study's runs, its baselines and what was looked up in its models."""
    plans = study.outlook.plans if study.outlook else {}
    return [*making_commands(study.name, study.runs, plans), *baseline_commands(study), *probe_commands(study)]


def making_commands(name: str | None, runs: Sequence[Run], plans: Plans) -> list[str]:
    """Returns the commands that make the runs of a study again: of the arm mlm its weights, study files, single runs.

    Args:
        name: the study's folder below results/.
        plans: the runs of each study file, as far as that was written down; else the files say it themselves.
    """
    there = {run.id for run in runs}
    files = {stem: names for stem, names in (plans or shipped_plans(name)).items() if there & set(names)}
    files = {stem: names for stem, names in files.items() if name_in(STUDIES / f"{stem}.toml") == name}
    planned = {run for names in files.values() for run in names}
    return [
        *dict.fromkeys(mlm_command(run) for run in runs if run.init == "mlm"),
        *(
            f"python -m train.study train/studies/{stem}.toml{instead(stem, runs)}{surplus(names, there)}"
            for stem, names in files.items()
        ),
        *(run_command(run, name or "STUDY") for run in runs if run.id not in planned),
    ]


def instead(stem: str, runs: Sequence[Run]) -> str:
    """Returns the flag that a study was made with where its runs are of another arithmetic than its file says."""
    planned = {run.name: run.config.precision for run in expand(read_study(STUDIES / f"{stem}.toml"), {})}
    asked = [(run.config.get("precision"), planned[run.id]) for run in runs if run.id in planned]
    others = {str(used) for used, said in asked if used and used != said}
    return f" --precision {others.pop()}" if len(others) == 1 else ""


def surplus(planned: Sequence[str], there: Set[str]) -> str:
    """Returns the remark that a study file makes more runs than the report has, where it does."""
    return "" if set(planned) <= there else "  # makes runs, too, that this report has not"


def shipped_plans(name: str | None) -> Plans:
    """Returns the runs of each study file that describes this study, as far as their rates are known."""
    files = [path for path in sorted(STUDIES.glob("*.toml")) if name == name_in(path)]
    return {path.stem: tuple(run.name for run in expand(read_study(path), {})) for path in files}


def name_in(path: Path) -> str | None:
    """Returns the name of the study that a study file describes, None where there is no such file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))["name"] if path.is_file() else None


def run_command(run: Run, study: str) -> str:
    """Returns the command that makes a run again: its recipe, and what differs from that."""
    recipe = str(run.config.get("recipe", "minilm"))
    settings = changes(run.config, RECIPES.get(recipe, RECIPES["minilm"]))
    words = ["--recipe", recipe, "--study", study, "--name", run.id, *flags_for(settings)]
    return shlex.join(["python", "-m", "train.run", *words])


def mlm_command(run: Run) -> str:
    """Returns the command that makes the weights which a run of the arm mlm began with, by their own record."""
    folder = masked_folder(run)
    command = ["python", "-m", "train.pretrain", "--out", f"results/mlm/{folder.name}"]
    record = folder / "config.json"
    if not record.is_file():
        return f"{shlex.join(command)}  # with settings that these records do not have"
    return shlex.join(
        [
            *command,
            *flags_for(changes(completed(parse_object(read_text(record), str(record))), MASKED_LM), PRETRAIN_FLAGS),
        ]
    )


def baseline_commands(study: Study) -> Iterator[str]:
    """Yields the command that measures the study's baselines again, where it has some."""
    if study.yardsticks:
        settings = changes(study.runs[0].config, RunConfig())
        data = {field: value for field, value in settings.items() if field in BASELINE_FIELDS}
        sizes = sorted({each.train_examples for each in study.yardsticks})
        words = [*flags_for(data), "--train-examples", *map(str, sizes), "--out", f"results/{study.name}"]
        yield shlex.join(["python", "-m", "analysis.baselines", *words])


def probe_commands(study: Study) -> Iterator[str]:
    """Yields the commands that look again into a study's models, and for the sentences that its report shows."""
    own = [probe for probe, inside in study.inside.items() if inside.study is None]
    for probe in [*own, *["quote"] * bool(study.quotes)]:
        yield f"python -m analysis.probes.{probe} results/{shlex.quote(study.name or 'STUDY')}"
