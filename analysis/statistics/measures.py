"""What is measured on one run, and the times at which an arm's runs arrived somewhere."""

from collections.abc import Callable, Sequence

from analysis.records.arms import Arm
from analysis.records.reading import Columns
from analysis.records.runs import Run
from analysis.statistics.curves import first_share, loss_at_share
from analysis.statistics.plateau import CONSECUTIVE, Passage
from analysis.statistics.survival import Survival, kaplan_meier

PROBES = {"probe_validation": "validation probe", "probe_train": "training probe"}

Passed = Callable[[Columns | None, float, int], Passage]
"""`loss_below` or `accuracy_reaching`."""


def step0_loss(run: Run) -> float:
    """Returns the validation loss before the first update."""
    return float(run.summary["evaluations"]["before"]["validation"]["loss"])


def first_epoch_loss(run: Run) -> float:
    """Returns the mean training loss over the first epoch."""
    return float(run.training["loss"][: max(1, run.config["plan"]["steps_per_epoch"])].mean())


def last_loss(run: Run) -> float:
    """Returns the smoothed training loss at the last step."""
    return loss_at_share(run.training, 1.0)


def best_loss(run: Run) -> float:
    """Returns the validation loss of the best weights."""
    return float(run.summary["best"]["validation_loss"])


def best_accuracy(run: Run) -> float:
    """Returns the validation accuracy of the best weights."""
    return float(run.summary["best"]["validation_accuracy"])


def seconds_per_step(run: Run) -> float:
    """Returns the seconds of one training step, evaluation not counted."""
    return float(run.summary["train_seconds"]) / max(1, int(run.summary["steps"]))


START_MEASURES: dict[str, Callable[[Run], float]] = {
    "validation loss at step 0": step0_loss,
    "training loss, first 1% of the steps": lambda run: first_share(run.training, 0.01),
    "training loss at 10% of the steps": lambda run: loss_at_share(run.training, 0.10),
    "training loss, mean of the first epoch": first_epoch_loss,
}


def last_look(run: Run, split: str, clock: str) -> float:
    """Returns the clock at a run's last evaluation of a split, or at its last step where there is none."""
    return float(run.evaluations.get(split, run.training)[clock][-1])


def arrivals(
    arm: Arm, split: str, clock: str, passed: Passed, level: float, consecutive: int = CONSECUTIVE
) -> Survival:
    """Returns the share of an arm's runs that had not yet come to a level; a run that never did is censored."""
    passages = [passed(run.evaluations.get(split), level, consecutive) for run in arm.runs]
    times = [float(getattr(passage, clock)) for passage in passages]
    looks = [last_look(run, split, clock) for run in arm.runs]
    observed = [time <= look for time, look in zip(times, looks, strict=True)]
    return kaplan_meier([min(pair) for pair in zip(times, looks, strict=True)], observed)


def clock_split(arms: Sequence[Arm]) -> tuple[str, int]:
    """Returns the split that times a passage and how many evaluations must agree.

    The small validation probe is read often and needs two in a row; the whole set, once an epoch, needs one.
    """
    probed = all("probe_validation" in run.evaluations for arm in arms for run in arm.runs)
    return ("probe_validation", CONSECUTIVE) if probed else ("validation", 1)
