"""The fairness certificate: everything but the initial weights has to be the same in all arms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.records.arms import Arm, flatten, settings
from analysis.records.reading import RecordError
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import listing

CERTIFIED = {
    "numerics_version": "numerics version",
    "parameters_sha256": "parameter names and shapes",
    "head_sha256": "head tensors",
    "batch_order_sha256": "batches and their order",
    "world_size": "number of processes",
    "data_sha256.train": "training data",
    "data_sha256.validation": "validation data",
    "data_sha256.test": "test data",
    "data_sha256.test_unseen": "unseen test data",
    "data_sha256.test_mismatched": "mismatched test data",
}
"""Certificate entries that compared runs must share, and what they stand for."""

OF_A_SEED = ("head_sha256", "batch_order_sha256", "data_sha256.train", "data_sha256.validation")
"""Those that a seed may change: only runs of one seed must share them."""

UNRECORDED = {"world_size": "1"}
"""What an entry is that a run does not record, because it is younger than the run."""

ENVIRONMENT = ("python", "torch", "threads", "world_size", "device", "precision", "commit", "dirty")

OF_AN_INIT = ("learning_rate", "mlm")
"""Settings that belong to an init: its own tuned rate, which every table shows, and the folder of its weights."""

MOST_NAMED = 3
"""Runs named beside each value of a difference; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not equal between runs."""

    key: str
    """Where the records hold it: a certificate entry, a setting, or a part of the environment."""
    what: str
    where: str
    values: Mapping[str, tuple[str, ...]]
    """Value -> names of the runs that have it."""

    def __str__(self) -> str:
        return f"{self.what} ({self.key}), {self.where}: {self.sides}"

    @property
    def sides(self) -> str:
        """Each value with the runs that have it."""
        parts = []
        for value, names in self.values.items():
            more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
            parts.append(f"{value[:12] if len(value) == 64 else value} in {listing([*names[:MOST_NAMED], *more])}")
        return "; ".join(parts)


def compare(key: str, what: str, where: str, found: Iterable[tuple[str, str]]) -> list[Difference]:
    """Returns one difference if the (run, value) pairs do not all have one value, else none."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in found:
        values[value] = (*values.get(value, ()), name)
    return [Difference(key=key, what=what, where=where, values=values)] if len(values) > 1 else []


def certificate_differences(runs: Sequence[Run]) -> list[Difference]:
    """Returns where the certificates of runs do not agree: within a seed, and in what no seed changes between all."""
    certificates = [(run, flatten(run.certificate)) for run in runs]
    seeds = {f"seed {seed}": seed for seed in sorted({run.seed for run in runs})}
    differences = []
    for key, what in CERTIFIED.items():
        unrecorded = UNRECORDED.get(key, "not recorded")
        for where, seed in (seeds if key in OF_A_SEED else {"all seeds": None}).items():
            values = [(run.id, each.get(key, unrecorded)) for run, each in certificates if seed in (None, run.seed)]
            differences += compare(key, what, where, values)
    return differences


def differing_settings(one: Run, other: Run) -> list[str]:
    """Returns the settings, apart from `OF_AN_INIT`, in which two runs differ, sorted."""
    ours, theirs = settings(one), settings(other)
    return sorted(key for key in {*ours, *theirs}.difference(OF_AN_INIT) if ours.get(key) != theirs.get(key))


def setting_differences(arms: Sequence[Arm], subject: Sequence[str] = ()) -> list[Difference]:
    """Returns the settings that differ between arms.

    Args:
        subject: settings that set these arms apart on purpose.
    """
    keys = {key for arm in arms for key in differing_settings(arms[0].runs[0], arm.runs[0])}.difference(subject)
    asked = [(arm.name, settings(arm.runs[0])) for arm in arms]
    return [
        difference
        for key in sorted(keys)
        for difference in compare(key, "setting", "configuration", [(n, s.get(key, "unset")) for n, s in asked])
    ]


def unfair(study: Study) -> list[Difference]:
    """Returns what differs, beside init and rate, between runs that the report compares.

    Compared are the arms of one size, and each arm with itself where it saw one side of each pair.
    """
    found = [each for runs in study.cells.values() for each in certificate_differences(runs)]
    size = study.arms[0].training_examples
    for arms in (study.arms, *(arms for other, arms in study.sizes.items() if other != size)):
        found += setting_differences(arms)
        for arm in arms:
            found += setting_differences([arm, *study.halves(arm)], ["data.hide"])
    return found


def require_fair(differences: Sequence[Difference], subjects: Sequence[str]) -> None:
    """Refuses a comparison with a difference that is not said to be its subject.

    Args:
        subjects: keys of differences, or their beginnings up to a dot.

    Raises:
        RecordError: the message has every such difference.
    """
    left = [found for found in differences if not any(f"{found.key}.".startswith(f"{s}.") for s in subjects)]
    if left:
        keys = " ".join(f"--subject {key}" for key in dict.fromkeys(found.key for found in left))
        listed = "; ".join(map(str, left))
        raise RecordError(f"no fair comparison, the runs differ in more than init and rate: {listed}. Allow it: {keys}")


def environment_differences(runs: Sequence[Run]) -> list[Difference]:
    """Returns what differs between the runs' machines and versions: it touches seconds and last digits."""
    return [
        difference
        for key in ENVIRONMENT
        for difference in compare(
            key,
            key,
            "environment",
            [(run.id, str(run.environment.get(key, UNRECORDED.get(key, "not recorded")))) for run in runs],
        )
    ]
