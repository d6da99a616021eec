"""Claims that compare more than inits: the runs on each side of a test, and what is measured on them.

claims.toml says measure, margin and rule; this table says where the records are. C1 to C3: `analysis.claims.verdicts`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.records.runs import Run

Measure = Callable[[Run], float]


def accuracy_on_test(run: Run) -> float:
    """Returns the accuracy on the test set with the best weights."""
    return run.accuracy("test")


def losses(run: Run, split: str) -> NDArray[np.float64]:
    """Returns the losses (nats) of a split from step 0 on, `(looks,)`; NaN where a run has not two of them."""
    found = run.evaluations[split]["loss"] if split in run.evaluations else np.zeros(0)
    return found if len(found) > 1 else np.full(2, math.nan)


def upward_share(run: Run) -> float:
    """Returns how much of the training probe's loss curve goes up: 0 if it only falls, about 0.5 if it wanders.

    It has no scale: noise about a flat line has a share near one half, too.
    """
    moved = float(np.abs(np.diff(losses(run, "probe_train"))).sum())
    return sum_of_rises(run) / moved if moved else 0.0


def sum_of_rises(run: Run) -> float:
    """Returns by how many nats the training probe's loss goes up, all rises together."""
    steps = np.diff(losses(run, "probe_train"))
    return float(steps[steps > 0].sum())


def generalisation_gap(run: Run) -> float:
    """Returns validation minus training loss (nats) at the last look at both probes, in evaluation mode."""
    return float(losses(run, "probe_validation")[-1] - losses(run, "probe_train")[-1])


def last_validation_loss(run: Run) -> float:
    """Returns the validation loss (nats) after the last epoch."""
    return float(losses(run, "validation")[-1])


def best_validation_loss(run: Run) -> float:
    """Returns the lowest validation loss (nats) after any epoch."""
    return float(losses(run, "validation")[1:].min())


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a test: the runs of a study with these settings, or several such groups, over which is averaged."""

    study: str
    groups: tuple[Mapping[str, str], ...]
    """Setting as records name it -> its value as text."""
    measure: Measure = accuracy_on_test


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a test sets against each other, and what it may differ in."""

    one: Side
    other: Side
    subject: tuple[str, ...] = ()
    """Settings and certificate entries, or their beginnings, that differ on purpose."""
    note: str = ""
    """What an arm's name does not say."""


def group(**changes: str) -> dict[str, str]:
    """Returns the settings of pretrained runs on 5,000 pairs of MNLI, with changes; `__` stands for a dot."""
    common = {"init": "pretrained", "data.train_examples": "5000", "data.hide": "None", "freeze.layers": "none"}
    return common | {name.replace("__", "."): value for name, value in changes.items()}


def of(study: str, *groups: Mapping[str, str], measure: Measure = accuracy_on_test) -> Side:
    """Returns a side."""
    return Side(study=study, groups=groups, measure=measure)


def head(**changes: str) -> dict[str, str]:
    """Returns the settings of a head on a frozen encoder, trained on 1,000 pairs, with changes."""
    return group(data__train_examples="1000", freeze__layers="all", **changes)


FULL = of("mnli", group())
FROZEN = of("freezing", group(freeze__layers="all", freeze__thaw_every="None"))
GRADUAL = of("freezing", group(freeze__layers="all", freeze__thaw_every="1"))


def by_batch(size: int) -> Side:
    """Returns the frozen runs of one batch size."""
    return of("batch-size", head(optim__batch_size=str(size)))


def by_size(depths: Sequence[str], examples: Sequence[str]) -> Side:
    """Returns the runs of these depths (None is the checkpoint's own) and amounts of data."""
    return of("size", *(group(depth=n, data__train_examples=e) for n in depths for e in examples))


def warm_up(init: str) -> Trial:
    """Returns warm-up over a tenth of the steps against none, each arm at its own rate."""
    return Trial(
        one=of("mnli", group(init=init, optim__warmup="0.1"), measure=upward_share),
        other=of("optimization", group(init=init, optim__warmup="0.0"), measure=upward_share),
        subject=("optim.warmup",),
    )


def stability(side: Side) -> Side:
    """Returns the same runs, measured by the upward share of their curve."""
    return replace(side, measure=upward_share)


_DROPOUTS = {
    name: of("frozen-head", head(learning_rate="2e-05", dropout__classifier=name), measure=generalisation_gap)
    for name in ("0.1", "0.3")
}
_AT_03 = _DROPOUTS["0.3"].groups
_BATCH = ("optim.batch_size", "batch_order_sha256")
_DEPTH = ("depth", "encoder.num_hidden_layers", "parameters_sha256")
_AMOUNT = ("data.train_examples", "optim.epochs", "data_sha256.train", "batch_order_sha256")
_SIZE = (*_DEPTH, *_AMOUNT)

TRIALS: dict[str, Trial] = {
    "C4a": Trial(one=FULL, other=FROZEN, subject=("freeze",)),
    "C4b": Trial(one=FULL, other=GRADUAL, subject=("freeze",)),
    "C5a": Trial(
        one=by_size(("None",), ("1000", "5000")),
        other=by_size(("3",), ("1000", "5000")),
        subject=_SIZE,
        note="the smaller model is the larger one's checkpoint, cut to its lowest 3 layers",
    ),
    "C5b": Trial(
        one=by_size(("None", "3"), ("5000",)),
        other=by_size(("None", "3"), ("1000",)),
        subject=_SIZE,
        note="more data came with more updates, too",
    ),
    "C6a": Trial(
        one=of("frozen-head", head(learning_rate="3e-05", dropout__classifier="0.3"), measure=upward_share),
        other=of("frozen-head", head(learning_rate="2e-05", dropout__classifier="0.3"), measure=upward_share),
    ),
    "C7a": Trial(one=_DROPOUTS["0.1"], other=_DROPOUTS["0.3"], subject=("dropout", "encoder.classifier_dropout")),
    "C7b": Trial(
        one=of("frozen-head", *_AT_03, measure=last_validation_loss),
        other=of("frozen-head", *_AT_03, measure=best_validation_loss),
    ),
    "C8a": warm_up("pretrained"),
    "C8b": warm_up("scratch"),
    "C10a": Trial(
        one=FULL,
        other=of("optimization", group(optim__decay="l2")),
        subject=("optim.decay",),
        note="one coefficient of decay for both, AdamW's usual one, not tuned; Adam without decay was not run",
    ),
    "C11a": Trial(one=by_batch(16), other=by_batch(8), subject=_BATCH),
    "C11b": Trial(one=by_batch(16), other=by_batch(32), subject=_BATCH),
    "C12a": Trial(one=stability(FROZEN), other=stability(FULL), subject=("freeze",)),
}
