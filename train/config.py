"""What was asked of a run: frozen, validated, and recorded with it. What follows from it is in `plan.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from models.arms import find_arm
from models.errors import UserError
from train.data.naming import parse_columns, parse_label_names
from train.kinds import hints_of, require_kind
from train.rules import FreezeConfig, SaveConfig, StopConfig, require

SCHEMA_VERSION = 1
NUMERICS_VERSION = 3
"""Raised whenever a change alters a run's numbers on a CPU by more than rounding; runs of different versions do not
compare. (On a GPU the last layer draws other dropout masks since 28 November 2026.)"""

DATASETS = ("controlled", "mnli", "own")
PRECISIONS = ("auto", "float32", "bf16", "fp16")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pairs, how many, how long."""

    dataset: str = "controlled"
    """`controlled` (built in), `mnli` (from `folder`, else MNLI_DIR, else the hub) or `own` (from `folder`)."""
    folder: str | None = None
    """Folder of a known layout, or one file (see train/data/naming.py); only its last component is recorded."""
    columns: str | None = None
    """`premise=NAME,hypothesis=NAME,label=NAME,genre=NAME`, any of them; None knows MultiNLI's and GLUE's names."""
    label_names: str | None = None
    """The labels that the integers 0, 1, 2 mean, in that order; None refuses integers of an unknown source."""
    overlap: str | None = None
    """Training pairs that are test pairs, too: None refuses them, `drop` leaves them out, `keep` trains on them."""
    train_examples: int | None = None
    """Training pairs to use; None is all."""
    sample: str = "first"
    """Which of them: `first` in the file's order, or `seeded`, drawn by the run's seed."""
    validation_examples: int = 1_000
    """Validation pairs to use; where there is no file of them, carved out of training, whole premises at a time."""
    test_examples: int | None = None
    """Test pairs to use, the first ones; None is all, or where they are drawn, too, as many as for validation."""
    max_tokens: int = 128
    """Longest encoded pair in tokens; longer ones lose tokens from the longer sentence first."""
    hide: str | None = None
    """`premise` or `hypothesis`: blank that side, for a one-sided baseline."""

    def __post_init__(self) -> None:
        require(self.dataset in DATASETS, f"dataset {self.dataset!r} is not one of {', '.join(DATASETS)}")
        require(self.sample in ("first", "seeded"), f"sample {self.sample!r} is neither 'first' nor 'seeded'")
        require(self.overlap in (None, "drop", "keep"), f"overlap {self.overlap!r} is neither 'drop' nor 'keep'")
        parse_columns(self.columns)
        parse_label_names(self.label_names)
        require(self.hide in (None, "premise", "hypothesis"), f"hide {self.hide!r} is not premise or hypothesis")
        require(self.max_tokens >= 8, f"max_tokens is {self.max_tokens}, must be at least 8")
        require(self.validation_examples >= 1, "validation_examples must be at least 1")
        for name in ("train_examples", "test_examples"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} is {value}, must be at least 1")


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW, its schedule, and what makes one update. Source: Loshchilov and Hutter 2019; Devlin et al. 2018, A.2."""

    learning_rate: float | None = None
    """Peak rate; None takes the arm's own from `learning_rates`."""
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    """The recipe's peak rate by init."""
    weight_decay: float = 0.01
    decay: str = "decoupled"
    """How it acts: `decoupled` shrinks the weights (AdamW), `l2` adds to the gradient, after clipping (Adam)."""
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    schedule: str = "linear"
    """After warm-up: `linear` decay to 0 at the last step, or `constant`."""
    warmup: float = 0.1
    """Share of all steps during which the rate rises from 0."""
    batch_size: int = 32
    """Examples of one batch, over all processes; it may be computed in several passes."""
    accumulation: int = 1
    """Batches of one update."""
    length_pool: int = 1
    """Batches that are sorted by length together: 1 draws each at random. More saves pads and may slow learning."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down to this global 2-norm."""
    epochs: int = 4
    max_steps: int | None = None
    """Stop after this many updates; the schedule still spans all epochs."""
    max_epochs: int | None = None
    """Stop after this many epochs; the schedule still spans all of them."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulation", "length_pool", "epochs"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}, must be at least 1")
        for name in ("max_steps", "max_epochs"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} is {value}, must be at least 1")
        rates = [*self.learning_rates.values(), *([] if self.learning_rate is None else [self.learning_rate])]
        for rate in rates:
            require(math.isfinite(rate) and 0 < rate < 1, f"learning_rate is {rate}, must lie between 0 and 1")
        require(0 <= self.warmup <= 1, f"warmup is {self.warmup}, must be a share from 0 to 1")
        require(0 <= self.weight_decay < 1, f"weight_decay is {self.weight_decay}, must lie in [0, 1)")
        require(self.decay in ("decoupled", "l2"), f"decay {self.decay!r} is neither decoupled nor l2")
        require(self.schedule in ("linear", "constant"), f"schedule {self.schedule!r} is not linear or constant")
        for name in ("beta1", "beta2"):
            require(0 <= getattr(self, name) < 1, f"{name} is {getattr(self, name)}, must lie in [0, 1)")
        require(0 < self.eps < 1, f"eps is {self.eps}, must lie between 0 and 1")
        require(self.max_grad_norm > 0, f"max_grad_norm is {self.max_grad_norm}, must be positive")


@dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """Dropout probabilities; None keeps the architecture's own."""

    hidden: float | None = None
    attention: float | None = None
    classifier: float | None = None

    def __post_init__(self) -> None:
        for name, p in asdict(self).items():
            require(p is None or 0 <= p < 1, f"dropout.{name} is {p}, must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How closely a run is watched."""

    probes: int = 20
    """Evaluations of the probe sets along the run, evenly spaced in steps, beside the one at step 0."""
    probe_examples: int = 128
    """Pairs of each probe set: the first of training and of validation."""
    watched: int = 0
    """Pairs of training and of test, the first of each, evaluated after every epoch as the seed report did."""
    last: bool = False
    """Test the last weights too, beside the best ones: what does the choice between them cost or gain?"""

    def __post_init__(self) -> None:
        require(self.probes >= 0, f"probes is {self.probes}, must not be negative")
        require(self.probe_examples >= 1, f"probe_examples is {self.probe_examples}, must be at least 1")
        require(self.watched >= 0, f"watched is {self.watched}, must not be negative")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All that was asked of one run. Two arms of a comparison differ in `init` alone."""

    init: str = "pretrained"
    recipe: str = "minilm"
    checkpoint: str = "minilm"
    """Architecture, vocabulary and, for the arms that want them, weights: a name, folder, file or hub id."""
    depth: int | None = None
    """Layers of the encoder; None is all of the checkpoint's, fewer are its lowest, more can be had from scratch alone.

    Source: Sajjad et al. 2020 (2004.03844): dropping the top layers keeps most of the accuracy.
    """
    mlm: str | None = None
    """Folder that `python -m train.pretrain` wrote, for the arm `mlm`; None is `mlm_folder`'s choice."""
    head_init: str = "normal"
    """`normal`, as in BERT, or `zero`: then the loss at step 0 is exactly ln 3."""
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    """CPU threads; None is one for each core."""
    export: bool = True
    """Keep the best weights as a folder that transformers opens."""
    trajectory: int | None = None
    """Snapshots of all weights to keep, evenly spaced from before the first update to after the last; None is none."""
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    dropout: DropoutConfig = DropoutConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    freeze: FreezeConfig = field(default_factory=FreezeConfig)
    stop: StopConfig = field(default_factory=StopConfig)
    save: SaveConfig = field(default_factory=SaveConfig)

    def __post_init__(self) -> None:
        find_arm(self.init)
        require(self.head_init in ("normal", "zero"), f"head_init {self.head_init!r} is neither normal nor zero")
        require(self.precision in PRECISIONS, f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")
        require(self.depth is None or self.depth >= 1, f"depth is {self.depth}, must be at least 1")
        require(0 <= self.seed < 2**31, f"seed is {self.seed}, must lie in 0 to 2^31 - 1")
        require(self.threads is None or self.threads >= 1, f"threads is {self.threads}, must be at least 1")
        require(self.trajectory is None or self.trajectory >= 2, f"trajectory is {self.trajectory}, must be >= 2")

    @property
    def mlm_folder(self) -> Path:
        """Where masked-language-model weights are written and looked for."""
        size = self.data.train_examples or "all"
        return Path(self.mlm or f"results/mlm/{self.data.dataset}-{size}")


def without_paths(config: RunConfig, checkpoint: str) -> RunConfig:
    """The configuration as a record may hold it: of a folder its last component, of the checkpoint its name."""
    folder, mlm = (None if path is None else Path(path).resolve().name for path in (config.data.folder, config.mlm))
    return replace(config, checkpoint=checkpoint, mlm=mlm, data=replace(config.data, folder=folder))


def to_record(config: Any) -> dict[str, Any]:
    """The configuration as JSON-ready nested dicts."""
    return asdict(config)


def from_record(kind: type, record: Any, *, within: str = "") -> Any:
    """The inverse of `to_record`; what a record lacks has its default.

    Args:
        within: where this configuration stands in a larger one, as `optim.`, for messages.

    Raises:
        UserError: no table, an unknown field, or a value of another kind or one that its section refuses.
    """
    require(isinstance(record, Mapping), f"{within.rstrip('.') or kind.__name__} = {record!r}: expected a table")
    hints, unknown = hints_of(kind), sorted(set(record) - {f.name for f in fields(kind)})
    require(not unknown, f"unknown setting {within}{', '.join(unknown)}; {kind.__name__} knows {', '.join(hints)}")
    values = {}
    for name, value in record.items():
        inner = is_dataclass(hints[name])
        values[name] = from_record(hints[name], value, within=f"{within}{name}.") if inner else value
        require_kind(kind, name, values[name], within + name)
    return kind(**values)


def with_setting(config: Any, path: str, value: Any, *, within: str = "") -> Any:
    """A copy of a (nested) configuration with one dotted field changed, e.g. `optim.weight_decay`; `within` as above.

    Raises:
        UserError: no such field, a value of another kind, or one that its section refuses.
    """
    name, _, rest = path.partition(".")
    if not is_dataclass(config) or name not in {f.name for f in fields(config)}:
        raise UserError(f"unknown setting {within + path!r}")
    if rest:
        value = with_setting(getattr(config, name), rest, value, within=f"{within}{name}.")
    require_kind(type(config), name, value, within + path)
    return replace(config, **{name: value})  # type: ignore[type-var]
