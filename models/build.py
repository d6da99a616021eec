"""The arms of the comparison: one architecture, filled in different ways. The only place in models/ that asks which."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import UserError
from models.initialise import initialise_, random_stream
from models.pretrained import LoadReport, read_tensors
from models.sources import Checkpoint

INITS = ("scratch", "pretrained")


def needs_weights(init: str) -> bool:
    """Whether the arm reads a checkpoint's weights.

    Raises:
        UserError: no such arm.
    """
    if init not in INITS:
        raise UserError(f"init {init!r} is not one of {', '.join(INITS)}")
    return init != "scratch"


def build_classifier(
    checkpoint: Checkpoint, config: EncoderConfig, init: str, seed: int, head_init: str = "normal"
) -> tuple[SequenceClassifier, LoadReport]:
    """A classifier filled as the arm says.

    Encoder and head draw from two named streams of the seed, and every arm draws all of both, so the head is the same
    in all arms and a tensor that stays random is the same random tensor in each.

    Args:
        checkpoint: where the weights come from, for the arms that read them.
        config: the checkpoint's own, but for dropout.
        init: one of INITS.
        head_init: `normal` or `zero`; zero makes every logit 0, so that the first loss is ln 3.

    Raises:
        CheckpointError: the checkpoint does not fit the architecture.
    """
    tensors, report = read_tensors(checkpoint) if needs_weights(init) else ({}, None)
    model = SequenceClassifier(config)
    trunk = nn.ModuleList(part for name, part in model.named_children() if name != "head")
    initialise_(trunk, random_stream(seed, "encoder"), config.initializer_range)
    initialise_(model.head, random_stream(seed, "head"), config.initializer_range)
    if head_init == "zero":
        nn.init.zeros_(model.head.output.weight)  # type: ignore[union-attr, arg-type]
    copy_tensors_(model, tensors)
    return model, report or LoadReport(loaded=[], ignored={}, fresh=sorted(dict(model.named_parameters())))


@torch.no_grad()
def copy_tensors_(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors by name into the model's own memory (never adopt a file's mapped memory: its alignment differs)."""
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameters[name].copy_(tensor)
