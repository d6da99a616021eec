"""A checkpoint's tensors under our names, every one accounted for. The tables of names stand in `key_tables.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.config import EncoderConfig
from models.errors import CheckpointError
from models.hub_config import FIELD_NAMES
from models.key_tables import (
    DROPPED,
    ENCODERS,
    HEADS,
    PREFIXES,
    expand,
    expected_shape,
    size_fields,
)
from models.sources import Checkpoint
from models.weights_file import printable, read_header, up_to_ten

_FLOATS = ("F64", "F32", "F16", "BF16")
_FRESH_HEAD = "classification head: every run trains a fresh one"


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor, in the checkpoint and in the model."""

    loaded: list[str]
    """Ours, filled from the checkpoint."""
    ignored: dict[str, str]
    """The checkpoint's name -> why it is not used."""
    fresh: list[str]
    """Ours, which the checkpoint does not bring."""
    converted: dict[str, str] = field(default_factory=dict)
    """Ours -> the type it was stored in, where that is not float32."""
    note: str = ""
    """What was done to all loaded tensors beyond that, or nothing."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary that `json.dumps` takes."""
        return asdict(self)


def read_tensors(
    checkpoint: Checkpoint,
    with_head: bool = False,
    only: Callable[[str], bool] = lambda _: True,
    otherwise: str = "not wanted",
    depth: int | None = None,
) -> tuple[dict[str, Tensor], LoadReport]:
    """A checkpoint's tensors in float32 under the names of `SequenceClassifier.state_dict()`.

    Names, types and shapes are checked before any value is read, and values before this returns.

    Args:
        with_head: load the classification head of a fine-tuned checkpoint as well, and insist on it.
        only: whether our tensor of this name is wanted; the others are checked, but not read.
        otherwise: why the others are ignored, for the report.
        depth: layers of the encoder that they are for, the lowest of the checkpoint's; None is all of them.

    Raises:
        CheckpointError: the file is damaged or something else; a tensor is unknown, missing, there twice, of another
            shape than config.json says, of an integer type, or holds NaN or infinity.
    """
    path, config = checkpoint.weights, checkpoint.config
    kept = model_names(config if depth is None else replace(config, num_hidden_layers=depth))
    read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            sources, ignored = _match_names(list(file.keys()), config, with_head, path)
            stored = _check_tensors({ours: file.get_slice(theirs) for ours, theirs in sources.items()}, config, path)
            wanted = {ours: theirs for ours, theirs in sources.items() if ours in kept and only(ours)}
            tensors = {ours: _to_float32(file.get_tensor(theirs)) for ours, theirs in wanted.items()}
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a usable safetensors file: {printable(str(error))}") from error
    _check_values(tensors, path)
    above = f"in a layer beyond num_hidden_layers {depth}"
    left_out = {theirs: ours for ours, theirs in sources.items() if ours not in tensors}
    ignored |= {theirs: otherwise if ours in kept else above for theirs, ours in left_out.items()}
    fresh = [ours for ours in kept if ours not in tensors]
    converted = {ours: stored[ours] for ours in tensors if stored[ours] != "F32"}
    return tensors, LoadReport(list(tensors), ignored, fresh, converted)


def model_names(config: EncoderConfig, heads: Mapping[str, dict[str, str]] = HEADS) -> dict[str, str]:
    """Every tensor of our model, in the tables' order -> the name that today's transformers gives it."""
    tables = ENCODERS[config.family] | heads[config.family]
    names: dict[str, str] = {}
    for theirs, ours in expand(tables, config).items():
        names.setdefault(ours, theirs)
    return names


def _match_names(
    names: list[str], config: EncoderConfig, with_head: bool, path: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Sort a file's names: (ours -> the file's name, the file's name -> why it is ignored).

    Raises:
        CheckpointError: a name is in no table, two mean the same tensor, or a tensor is missing.
    """
    head = HEADS[config.family]
    wanted = expand(ENCODERS[config.family] | (head if with_head else {}), config)
    dropped = DROPPED[config.family] | ({} if with_head else dict.fromkeys(head, _FRESH_HEAD))
    sources: dict[str, str] = {}
    ignored, unknown, twice = {}, [], []
    for name in sorted(names):
        bare = next((bare for bare in _without_prefix(name) if bare in wanted or bare in dropped), None)
        if bare is None:
            unknown.append(name)
        elif bare in dropped:
            ignored[name] = dropped[bare]
        elif wanted[bare] in sources:
            twice.append(name)
        else:
            sources[wanted[bare]] = name
    missing = [ours for ours in _required(config, with_head, sources) if ours not in sources]
    described = f"a {config.family} encoder with num_hidden_layers {config.num_hidden_layers}"
    for fault, culprits in (
        (f"tensors that {described} does not have", unknown),
        ("tensors that are there under another name as well", twice),
        (f"without tensors that {described} needs", missing),
    ):
        if culprits:
            raise CheckpointError(f"{path}: {fault}: {up_to_ten(culprits)}")
    return {ours: sources[ours] for ours in model_names(config) if ours in sources}, ignored


def _without_prefix(name: str) -> Iterable[str]:
    return (name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix))


def _required(config: EncoderConfig, with_head: bool, present: Iterable[str]) -> list[str]:
    """Ours that a checkpoint must bring: the encoder; a fine-tuned one also head and pooler; a pooler only whole."""
    pooler = with_head or any(ours.startswith("pooler.") for ours in present)
    optional = {"head": with_head, "pooler": pooler}
    return [ours for ours in model_names(config) if optional.get(ours.split(".")[0], True)]


def _check_tensors(slices: Mapping[str, Any], config: EncoderConfig, path: Path) -> dict[str, str]:
    """What type each of ours is stored in, once types and shapes have been found right; no value is read."""
    stored = {ours: part.get_dtype() for ours, part in slices.items()}
    _check_types(stored, path)
    _check_shapes({ours: tuple(part.get_shape()) for ours, part in slices.items()}, config, path)
    return stored


def _check_values(tensors: Mapping[str, Tensor], path: Path) -> None:
    broken = [ours for ours, tensor in tensors.items() if not _is_finite(tensor)]
    if broken:
        raise CheckpointError(f"{path}: NaN or infinity in {up_to_ten(broken)}")


def _check_types(stored: dict[str, str], path: Path) -> None:
    wrong = [f"{ours} ({dtype})" for ours, dtype in stored.items() if dtype not in _FLOATS]
    if wrong:
        raise CheckpointError(f"{path}: weights must be one of {', '.join(_FLOATS)}: {up_to_ten(wrong)}")


def _check_shapes(shapes: dict[str, tuple[int, ...]], config: EncoderConfig, path: Path) -> None:
    num_labels = max((1, *shapes.get("head.output.weight", ())[:1]))
    hub_names = FIELD_NAMES[config.family]
    wrong = []
    for ours, shape in shapes.items():
        expected = expected_shape(ours, config, num_labels)
        if shape != expected:
            hint = ", transposed" if shape == expected[::-1] else ""
            fields = ", ".join(hub_names.get(name, name) for name in size_fields(ours))
            wrong.append(f"{ours} is {list(shape)}, must be {list(expected)} ({fields}){hint}")
    if wrong:
        raise CheckpointError(f"{path}: shapes differ from config.json's: {up_to_ten(wrong, '; ')}")


def _to_float32(tensor: Tensor) -> Tensor:
    """A copy in memory of its own: the library's tensor is a view of the file."""
    return tensor.to(torch.float32, copy=True)


def _is_finite(tensor: Tensor) -> bool:
    """Whether no entry is NaN or infinite; the extremes tell, ten times faster than looking at each entry."""
    return bool(torch.stack(torch.aminmax(tensor)).isfinite().all())
