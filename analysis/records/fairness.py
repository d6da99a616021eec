"""The fairness certificate: everything but the initial weights has to be the same in all arms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.records.arms import flatten, settings, varying
from analysis.records.reading import RecordError
from analysis.records.runs import Run
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
"""Certificate entries that runs of one seed must share, and what they stand for."""

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
    """Returns where the certificates of runs with one seed do not agree."""
    differences = []
    for seed in sorted({run.seed for run in runs}):
        found = [(run.id, flatten(run.certificate)) for run in runs if run.seed == seed]
        for key, what in CERTIFIED.items():
            values = [(name, certificate.get(key, UNRECORDED.get(key, "not recorded"))) for name, certificate in found]
            differences += compare(key, what, f"seed {seed}", values)
    return differences


def differing_settings(one: Run, other: Run) -> list[str]:
    """Returns the settings, apart from `OF_AN_INIT`, in which two runs differ, sorted."""
    ours, theirs = settings(one), settings(other)
    return sorted(key for key in {*ours, *theirs}.difference(OF_AN_INIT) if ours.get(key) != theirs.get(key))


def setting_differences(runs: Sequence[Run]) -> list[Difference]:
    """Returns the settings that differ between inits though the study varies them within none."""
    firsts = list({run.init: run for run in reversed(runs)}.values())[::-1]
    keys = {key for run in firsts for key in differing_settings(firsts[0], run)} - set(varying(runs))
    asked = [(run.init, settings(run)) for run in firsts]
    return [
        difference
        for key in sorted(keys)
        for difference in compare(key, "setting", "configuration", [(n, s.get(key, "unset")) for n, s in asked])
    ]


def unfair(cells: Iterable[Sequence[Run]]) -> list[Difference]:
    """Returns what differs, beside init and rate, between runs that the report compares."""
    return [found for runs in cells for found in (*certificate_differences(runs), *setting_differences(runs))]


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
