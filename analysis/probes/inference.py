"""A finished run's classifier, asked about pairs as in training: its weights, tokenizer, length and hidden side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from analysis.records.reading import RecordError, lookup, read_record
from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from models.errors import CheckpointError, UserError, command
from models.hub_config import read_labels
from models.pretrained import read_tensors
from models.sources import find_checkpoint
from models.tokenizer_file import open_tokenizer
from train.data.encode import encode_pairs
from train.data.pairs import LABELS, Example
from train.evaluate import evaluate
from train.precision import Precision, choose_device
from train.seeds import prepare_process

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A classifier with what it needs to read sentences."""

    model: SequenceClassifier
    labels: tuple[str, ...]
    """Names of the classes in the order of the logits."""
    tokenizer: Tokenizer
    max_tokens: int
    hide: str | None
    """The side that was blank in training, and is here."""
    precision: Precision

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
        """Label -> probability for each (premise, hypothesis), in their order; packed batches, longest first."""
        if not pairs:
            return []
        # the label is a stand-in: a loss is computed from it and not looked at
        examples = [Example(id="", premise=p, hypothesis=h, label=LABELS[0], group="") for p, h in pairs]
        encoded = encode_pairs(self.tokenizer, examples, self.max_tokens, self.hide)
        rows_NC: Tensor = evaluate(self.model, encoded, self.precision).logits_NC.double().softmax(1)
        return [dict(zip(self.labels, row, strict=True)) for row in rows_NC.tolist()]


def open_predictor(run: Path) -> Predictor:
    """The classifier that a run exported.

    Raises:
        UserError: `run` is no run directory.
        CheckpointError: it has no export, or one that cannot be used.
    """
    config = read_config(run)
    folder = run / "export"
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: not there; {why_missing(run, config)}")
    prepare_process(None)
    checkpoint = find_checkpoint(str(folder), download=False)
    if checkpoint.tokenizer is None:
        raise CheckpointError(f"{folder}: has no tokenizer.json, without which no sentence can be read")
    labels = read_labels(folder / "config.json")
    tensors, _ = read_tensors(checkpoint, with_head=True)
    if len(labels) != len(tensors["head.output.bias"]):
        raise CheckpointError(f"{folder}: {len(labels)} labels for {len(tensors['head.output.bias'])} logits")
    model = SequenceClassifier(checkpoint.config, len(labels))
    copy_tensors_(model, tensors)
    device = choose_device("auto")
    return Predictor(
        model=model.to(device),
        labels=labels,
        tokenizer=open_tokenizer(checkpoint.tokenizer, checkpoint.config),
        max_tokens=min(config["data"]["max_tokens"], checkpoint.config.max_tokens),
        hide=config["data"].get("hide"),
        precision=Precision(name="float32", reason="as the weights are", device=device),
    )


def read_config(run: Path) -> dict[str, Any]:
    """What was asked of a run.

    Raises:
        UserError: there is no run, or its record is damaged.
    """
    if not (run / "config.json").is_file():
        raise UserError(f"{run}: no run directory (it has no config.json)")
    try:
        config = read_record(run / "config.json")
    except RecordError as error:
        raise UserError(str(error)) from None
    if not isinstance(lookup(config, "data.max_tokens"), int):
        raise UserError(f"{run / 'config.json'}: data.max_tokens should be a number of tokens")
    return config


def why_missing(run: Path, config: dict[str, Any]) -> str:
    """Why a run has no export, and what would give it one."""
    if not (run / "summary.json").is_file():
        return f"the run is not finished: {command('train.run', '--resume', run)}"
    if config.get("export") is False:
        return "the run kept no weights (--no-export, as studies do): make it again without"
    return "it stays out of version control: make the run again"
