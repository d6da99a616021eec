"""The fairness certificate: everything but the initial weights has to be the same in all arms."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.arms import Arm, flatten, settings, varying
from analysis.runs import Run

CERTIFIED = {
    "numerics_version": "numerics version",
    "parameters_sha256": "parameter names and shapes",
    "head_sha256": "head tensors",
    "batch_order_sha256": "batches and their order",
    "data_sha256.train": "training data",
    "data_sha256.validation": "validation data",
    "data_sha256.test": "test data",
    "data_sha256.test_unseen": "unseen test data",
}
"""Certificate entries that runs of one seed must share, and what they stand for."""

ENVIRONMENT = ("python", "torch", "threads", "device", "precision", "commit", "dirty")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not equal between two arms."""

    what: str
    where: str
    values: tuple[tuple[str, str], ...]
    """(arm or run, value) pairs."""


def shortened(value: str) -> str:
    """Returns the first 12 characters of a hash, and other values whole."""
    return value[:12] if len(value) == 64 else value


def compare(what: str, where: str, found: Sequence[tuple[str, str]]) -> list[Difference]:
    """Returns one difference if the values are not all equal, else none."""
    if len({value for _, value in found}) <= 1:
        return []
    shown = tuple((who, shortened(value)) for who, value in found)
    return [Difference(what=what, where=where, values=shown)]


def certificate_differences(arms: Sequence[Arm]) -> list[Difference]:
    """Returns where the certificates of runs with one seed, in different arms, do not agree."""
    differences = []
    for seed in sorted({run.seed for arm in arms for run in arm.runs}):
        found = [(a.name, flatten(r.certificate)) for a in arms for r in a.runs if r.seed == seed]
        for key, what in CERTIFIED.items():
            values = [(name, certificate.get(key, "not recorded")) for name, certificate in found]
            differences += compare(what, f"seed {seed}", values)
    return differences


def configuration_differences(arms: Sequence[Arm]) -> list[Difference]:
    """Returns the settings that differ between inits though the study does not vary them, and uneven seeds.

    The learning rate is left out: it is tuned for each init, and every table shows it.
    """
    subject = {"learning_rate", *varying([run for arm in arms for run in arm.runs])}
    asked = [(arm.name, settings(arm.runs[0])) for arm in arms]
    differences = []
    for key in sorted({key for _, found in asked for key in found} - subject):
        differences += compare(key, "configuration", [(n, found.get(key, "unset")) for n, found in asked])
    seeds = [(arm.name, ", ".join(str(run.seed) for run in arm.runs)) for arm in arms]
    return differences + compare("seeds", "runs", seeds)


def environment_differences(runs: Sequence[Run]) -> list[Difference]:
    """Returns what differs between the runs' machines and versions: it touches seconds and last digits."""
    differences = []
    for key in ENVIRONMENT:
        found = [(run.id, str(run.environment.get(key, "not recorded"))) for run in runs]
        differences += compare(key, "environment", found)
    return differences
