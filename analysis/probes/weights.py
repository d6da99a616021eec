"""A run's weights at its start and at its end, and a model that takes them and reads pairs as the run did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file
from torch import Tensor

from analysis.probes.command import Subjects
from analysis.records.runs import Run
from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import CheckpointError
from models.files import sha256_of
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from models.tokenizer_file import open_tokenizer
from models.weights_file import read_header
from train.data.encode import EncodedPairs, encode_pairs
from train.data.pairs import LABELS, Example
from train.evaluate import Evaluation, evaluate
from train.precision import Precision, choose_device
from train.seeds import prepare_process
from train.trajectory import FOLDER as TRAJECTORY

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Tensors = dict[str, Tensor]
"""Our name of a parameter -> its values."""


def snapshots(run: Path) -> dict[int, Path]:
    """Step -> snapshot of a run's trajectory, in order; nothing without one."""
    found = {int(path.stem.removeprefix("step-")): path for path in (run / TRAJECTORY).glob("step-*.safetensors")}
    return dict(sorted(found.items()))


def keeps_end(run: Path) -> bool:
    """Whether a run kept what it came to: an export, or a trajectory."""
    return (run / "export").is_dir() or bool(snapshots(run))


def keeps_path(run: Path) -> bool:
    """Whether a run kept the weights that it began with and those that it ended with."""
    steps = list(snapshots(run))
    return len(steps) > 1 and steps[0] == 0


def read_snapshot(path: Path) -> Tensors:
    """The tensors of one snapshot, each in memory of its own.

    Raises:
        CheckpointError: it is damaged.
    """
    read_header(path)
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def trained_weights(run: Path) -> tuple[Tensors, str]:
    """What a run came to, and which weights these are: the `best`, which it exported, else the `last`."""
    if (run / "export").is_dir():
        return read_tensors(find_checkpoint(str(run / "export"), download=False), with_head=True)[0], "best"
    return read_snapshot(list(snapshots(run).values())[-1]), "last"


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A model of a run's shape, and how the run read sentences."""

    model: SequenceClassifier
    tokenizer: Tokenizer
    max_tokens: int
    hide: str | None
    precision: Precision

    def fill(self, tensors: Tensors) -> Reader:
        """This reader with these weights.

        Raises:
            CheckpointError: they are another model's.
        """
        ours = {name: p.shape for name, p in self.model.named_parameters()}
        if ours != {name: tensor.shape for name, tensor in tensors.items()}:
            raise CheckpointError("these weights are of another shape than the run's configuration says")
        copy_tensors_(self.model, tensors)
        return self

    def encode(self, pairs: Sequence[Example]) -> EncodedPairs:
        """The pairs as token ids."""
        return encode_pairs(self.tokenizer, pairs, self.max_tokens, self.hide)

    def evaluate(self, pairs: Sequence[Example]) -> Evaluation:
        """What the model makes of the pairs, in evaluation mode."""
        return evaluate(self.model, self.encode(pairs), self.precision)

    def labels(self, pairs: Sequence[Example]) -> list[str]:
        """The label that the model gives to each pair."""
        return [LABELS[place] for place in self.evaluate(pairs).logits_NC.argmax(1).tolist()]


def open_reader(run: Run, checkpoint: str | None) -> Reader:
    """A reader for a run, not yet filled.

    Raises:
        CheckpointError: the checkpoint, and so the tokenizer, is not there, or is not the run's.
    """
    prepare_process(None)
    found = find_checkpoint(checkpoint or str(run.config["checkpoint"]), download=False)
    if found.tokenizer is None or sha256_of(found.tokenizer) != run.environment.get("tokenizer_sha256"):
        raise CheckpointError(f"{found.name}: has not the tokenizer of {run.id}; name its checkpoint with --checkpoint")
    config = EncoderConfig(**run.config["encoder"])
    device = choose_device("auto")
    return Reader(
        model=SequenceClassifier(config, len(LABELS)).to(device).eval(),
        tokenizer=open_tokenizer(found.tokenizer, config),
        max_tokens=int(run.config["data"]["max_tokens"]),
        hide=run.hidden,
        precision=Precision(name="float32", reason="as the weights are", device=device),
    )


def trained_reader(subjects: Subjects, run: Run, checkpoint: str | None) -> tuple[Reader, str]:
    """A reader with what a run came to, and which weights these are."""
    tensors, which = trained_weights(subjects.paths[run])
    return open_reader(run, checkpoint).fill(tensors), which
