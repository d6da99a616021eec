"""Groups runs into the arms of the comparison, and checks that nothing else sets the arms apart."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from analysis.records.reading import RecordError
from analysis.records.runs import Run
from analysis.records.text import clean
from train.config import RunConfig, to_record

ARM_ORDER = ("scratch", "pretrained", "embeddings", "shuffled", "bottom", "mlm")
"""Order in every table and legend; an unknown init comes last."""

NOT_SETTINGS = (
    *("schema_version", "init", "plan", "optim.learning_rate", "optim.learning_rates"),
    *("export", "trajectory", "save", "threads", "device", "data.folder"),
)
"""Parts of a configuration that follow from the arm, from other parts (the rate is the plan's) or from the machine."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The runs of one init under one set of settings, ordered by seed."""

    name: str
    init: str
    runs: tuple[Run, ...]

    @property
    def learning_rate(self) -> float:
        return self.runs[0].learning_rate

    @property
    def training_examples(self) -> int:
        return self.runs[0].training_examples


def family(init: str) -> str:
    """Returns the init without its depth: `bottom-3` belongs to `bottom`."""
    return init.split("-")[0]


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Returns dotted key -> value as text."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return flat


DEFAULTS = flatten(to_record(RunConfig()))
"""What a setting is that a run does not record, because it is younger than the run."""


def settings(run: Run) -> dict[str, str]:
    """Returns what was asked of a run apart from its arm and seed, and the rate and arithmetic that followed."""
    asked = {
        key: value
        for key, value in (DEFAULTS | flatten(run.config)).items()
        if not key.endswith("seed") and not any(f"{key}.".startswith(f"{part}.") for part in NOT_SETTINGS)
    }
    followed = {"precision": str(run.environment.get("precision", asked["precision"]))}
    if run.init != "mlm":
        followed["mlm"] = DEFAULTS["mlm"]  # a folder of weights that the run did not read
    return asked | followed | {"learning_rate": f"{run.learning_rate:g}"}


def varying(runs: Sequence[Run]) -> list[str]:
    """Returns the settings that take more than one value among runs of one init, sorted."""
    values: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    asked = [(run.init, settings(run)) for run in runs]
    keys = {key for _, found in asked for key in found}
    for init, found in asked:
        for key in keys:
            values[init, key].add(found.get(key))
    return sorted({key for (_, key), found in values.items() if len(found) > 1})


def arm_rank(init: str) -> tuple[int, str]:
    """Returns the sorting key of an init: `ARM_ORDER`, then by name."""
    name = family(init)
    return (ARM_ORDER.index(name) if name in ARM_ORDER else len(ARM_ORDER), init)


def group_arms(runs: Iterable[Run]) -> list[Arm]:
    """Returns the arms in `ARM_ORDER`, each with its runs by seed.

    Raises:
        RecordError: two runs of one arm have the same seed, and would count twice in every mean.
    """
    ordered = sorted(runs, key=lambda run: (arm_rank(run.init), run.seed, run.id))
    subject = varying(ordered)
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in ordered:
        groups[run.init, *(settings(run).get(key, "unset") for key in subject)].append(run)
    return [make_arm(key, found, subject, list(groups)) for key, found in groups.items()]


def make_arm(key: tuple[str, ...], runs: list[Run], subject: list[str], keys: list[tuple[str, ...]]) -> Arm:
    """Returns one arm, named by its init and by the settings in which the study varies it."""
    for one, other in pairwise(runs):
        if one.seed == other.seed:
            raise RecordError(f"runs {one.id} and {other.id} are the same arm and seed; leave one out")
    siblings = [other for other in keys if other[0] == key[0]]
    details = [f"{name.split('.')[-1]} {value}" for name, value in zip(subject, key[1:], strict=True)]
    name = ", ".join([key[0], *details]) if len(siblings) > 1 else key[0]
    return Arm(name=clean(name), init=key[0], runs=tuple(runs))
