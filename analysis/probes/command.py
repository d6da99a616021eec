"""What the commands of the probes share: their arguments, the runs that they look into, the record that they leave."""

import argparse
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.compare import common_study
from analysis.records.arms import Arm, flatten, group_arms
from analysis.records.choices import chosen_rates, read_choices
from analysis.records.reading import SCHEMA_VERSION
from analysis.records.runs import Run, load_run, run_directories
from analysis.records.study import arrange
from analysis.statistics.contrasts import headline_pair, seed_pairs
from analysis.statistics.paired import Array, Comparison, compare_items
from analysis.statistics.plateau import PLATEAU_LEVEL, loss_below
from models.errors import DataError, UserError, command
from models.files import replaced_file
from train.config import DataConfig, from_record
from train.data.pairs import Example, content_hash
from train.data.splits import load_splits

DIGITS = 6
"""Significant ones: a gradient that vanishes is small, not 0."""
FOLDER = "probes"
"""Where the records lie in a study folder."""


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """The runs that a probe looks into."""

    arms: tuple[Arm, ...]
    paths: Mapping[Run, Path]

    def pair(self) -> tuple[list[Run], list[Run]] | None:
        """Returns the pretrained and the scratch runs that share a seed, seed by seed; None where none do."""
        arms = headline_pair(self.arms)
        pairs = seed_pairs(arms[0].runs, arms[1].runs) if arms else []
        return ([one for one, _ in pairs], [other for _, other in pairs]) if pairs else None

    def of(self, init: str) -> list[Run]:
        """Returns the runs of the first arm of this init."""
        return next((list(arm.runs) for arm in self.arms if arm.init == init), [])


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Returns the command line of a probe; without a name, of all of them."""
    found = argparse.ArgumentParser(prog=f"python -m analysis.probes.{name}".rstrip("."), description=description)
    runs = "a run directory, or a study folder, of which the runs of its main comparison are taken"
    found.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=runs)
    out = "the study folder to write into (default: that of the runs)"
    found.add_argument("--out", type=Path, metavar="DIR", help=out)
    found.add_argument("--data", metavar="DIR", help="folder of the runs' data, as for train.run")
    checkpoint = "where the runs' checkpoint, and so their tokenizer, lies (default: its recorded name)"
    found.add_argument("--checkpoint", metavar="NAME", help=checkpoint)
    return found


def open_subjects(paths: Sequence[Path], kept: Callable[[Path], bool], needs: str, every_run: bool = False) -> Subjects:
    """Returns the finished runs at these paths that kept what a probe needs, by arm and seed.

    Args:
        kept: whether a run directory has it.
        needs: what that is, for the message when none has.
        every_run: take all runs of a study, not those of its main comparison alone, as the report draws that.

    Raises:
        UserError: none has.
        RecordError: a record is missing or malformed, or two runs are the same arm and seed.
    """
    places = {each.resolve(): each for path in paths for each in run_directories(path)}.values()
    found = {load_run(path): path for path in places if (path / "summary.json").is_file() and kept(path)}
    if not found:
        raise UserError(f"none of {len(places)} runs is finished and has {needs}")
    if left_out := len(places) - len(found):
        print(f"left out: {left_out} of {len(places)} runs, which are not finished or lack {needs}")
    arms = group_arms(found) if every_run else main_arms(found, paths)
    return Subjects(arms=tuple(arms), paths={run: found[run] for arm in arms for run in arm.runs})


def main_arms(runs: Collection[Run], paths: Sequence[Path]) -> Sequence[Arm]:
    """Returns the arms of a study's main comparison; of runs that were named one by one, or of several studies, all."""
    study = common_study(paths)
    if study is None or study.resolve() not in {path.resolve() for path in paths}:
        return group_arms(runs)
    return arrange(runs, chosen_rates(read_choices(study / "choices.json"))).arms


def test_hash(subjects: Subjects) -> str | None:
    """Returns the sha256 of the test pairs that the runs' certificates name, of the first run."""
    return flatten(next(iter(subjects.paths)).certificate).get("data_sha256.test")


def recorded_pairs(runs: Collection[Run], split: str, folder: str | None) -> list[Example]:
    """Returns a split that all the runs share, read again from where its data lie.

    Raises:
        DataError: it cannot be read, or is not what every run had.
    """
    first, *_ = runs
    config = from_record(DataConfig, first.config["data"] | {"folder": folder})
    pairs = load_splits(config, first.seed).all().get(split, [])
    for run in runs:
        if content_hash(pairs) != flatten(run.certificate).get(f"data_sha256.{split}"):
            raise DataError(f"these are not the {split} pairs of {run.id}: give the folder of its data as --data DIR")
    return pairs


def level(matrix: Array) -> Comparison:
    """Returns the mean of `(S, I)` over seeds and items, as a difference from 0."""
    return compare_items(matrix, 0 * matrix)


def spread(found: Comparison, name: str = "difference") -> dict[str, Any]:
    """Returns a mean or difference with its interval as a record; None where one value, or equal ones, allow none."""
    low, high = found.shown_interval()
    seeds = min(found.seeds)
    return {name: found.difference, "low": low, "high": high, "seeds": seeds, "over": found.over}


def effect(hypothesis: str, found: Comparison, items: str = "items") -> dict[str, Any]:
    """Returns what was found of one hypothesis of hypotheses.toml; `items` says what the items of the interval are."""
    return {"hypothesis": hypothesis, **spread(found), "over": found.over.replace("items", items)}


def plateau_left(run: Run) -> float:
    """Returns the step at which a run's loss on its training probe left the ln 3 plateau; infinite: never.

    The training probe, so that a run that memorises counts as alive.
    """
    return loss_below(run.evaluations.get("probe_train"), PLATEAU_LEVEL).step


def shortened(value: Any) -> Any:
    """Returns the same nested value, floats cut to the digits that mean something, and None for what is not finite."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    return [shortened(inner) for inner in value] if isinstance(value, list | tuple) else value


def study_of(asked: argparse.Namespace) -> Path:
    """Returns the study folder that a probe writes into.

    Raises:
        UserError: there is no one study folder.
    """
    study: Path | None = asked.out or common_study(asked.runs)
    if study is None:
        raise UserError("these runs are not all of one study; say where to write with --out DIR")
    return study


def look(asked: argparse.Namespace, name: str, make: Callable[[], dict[str, Any]]) -> None:
    """Makes a probe's record and puts it, whole, at probes/NAME.json of the study folder.

    Raises:
        UserError: there is no one study folder, or it cannot be written.
        DataError: a record of a run cannot be read.
    """
    study = study_of(asked)
    path = study / FOLDER / f"{name}.json"
    try:
        record = {"schema_version": SCHEMA_VERSION, "probe": name, **shortened(make())}
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as fresh:
            fresh.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None
    print(f"{name}: {path}\nNext: {command('analysis.compare', study)}")
