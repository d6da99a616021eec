"""A model as a folder that transformers opens: the other direction of `pretrained.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import CheckpointError
from models.files import replaced_folder
from models.hub_config import config_to_hub, masked_lm_config_to_hub
from models.key_tables import HEADS, MASKED_LM_HEADS
from models.masked_lm import MaskedLanguageModel
from models.pretrained import model_names
from models.tokenizer_file import export_tokenizer


def export_checkpoint(model: SequenceClassifier, folder: Path, labels: Sequence[str], tokenizer: Path | None) -> None:
    """Write a folder that transformers' AutoModelForSequenceClassification and AutoTokenizer open.

    Holds model.safetensors, config.json and, given a `tokenizer` (a tokenizer.json), that without truncation and
    padding. A folder that was there is replaced once the new one is whole.

    Args:
        labels: names of the classes in the order of the logits.

    Raises:
        ValueError: another number of labels than logits, or a configuration the family's format cannot express.
        CheckpointError: the folder cannot be written.
    """
    num_logits = model.state_dict()["head.output.bias"].shape[0]
    if len(labels) != num_logits:
        raise ValueError(f"{len(labels)} labels for {num_logits} logits")
    _export(model, HEADS, config_to_hub(model.config, labels), folder, tokenizer)


def export_masked_lm(model: MaskedLanguageModel, folder: Path, tokenizer: Path | None) -> None:
    """The same for transformers' AutoModelForMaskedLM; the word table is written once.

    Raises:
        ValueError: a configuration the family's format cannot express.
        CheckpointError: the folder cannot be written.
    """
    _export(model, MASKED_LM_HEADS, masked_lm_config_to_hub(model.config), folder, tokenizer)


def _export(
    model: SequenceClassifier | MaskedLanguageModel,
    heads: Mapping[str, dict[str, str]],
    hub_config: dict[str, Any],
    folder: Path,
    tokenizer: Path | None,
) -> None:
    names = _hub_names(model.config, heads)
    tensors = {
        names[ours]: tensor.detach().to("cpu", torch.float32).contiguous()
        for ours, tensor in model.state_dict().items()
    }
    config = json.dumps(hub_config, indent=2)
    try:
        with replaced_folder(folder) as fresh:
            save_file(tensors, fresh / "model.safetensors", metadata={"format": "pt"})
            (fresh / "config.json").write_text(config + "\n", encoding="utf-8")
            if tokenizer is not None:
                export_tokenizer(tokenizer, fresh, model.config)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: cannot be written ({error})") from error


def _hub_names(config: EncoderConfig, heads: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Ours -> the full name in a checkpoint with this head: the family's prefix before all but the head."""
    return {
        ours: theirs if ours.startswith("head.") else f"{config.family}.{theirs}"
        for ours, theirs in model_names(config, heads).items()
    }
