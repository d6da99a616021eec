"""Fills one architecture as the arm of the comparison says. The only place in models/ that asks which arm it is."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from models.arms import Arm, find_arm
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.errors import UserError
from models.initialise import initialise_, random_stream
from models.masked_lm import MaskedLanguageModel
from models.pretrained import LoadReport, read_tensors
from models.sources import Checkpoint


def build_classifier(
    weights: Checkpoint, config: EncoderConfig, init: str, seed: int, head_init: str = "normal"
) -> tuple[SequenceClassifier, LoadReport]:
    """A classifier filled as the arm says.

    Encoder and head draw from two named streams of the seed, in an order that no arm changes, so the head is the same
    in all arms and a tensor that stays random is the same random tensor in each.

    Args:
        weights: where the tensors come from, for the arms that load some.
        config: the checkpoint's own, but for dropout; with fewer layers, it is the lowest that are loaded.
        init: the arm's name, as `find_arm` takes it.
        head_init: `normal` or `zero`; zero makes every logit 0, so that the first loss is ln 3.

    Raises:
        UserError: no such arm, or one that loads more layers than there are.
        CheckpointError: the weights do not fit the architecture.
    """
    arm = find_arm(init)
    if arm.lowest is not None and arm.lowest > config.num_hidden_layers:
        raise UserError(f"init {init!r}: the encoder has {config.num_hidden_layers} layers")
    # before a model takes memory, since this refuses what does not fit
    tensors, report = read_arm(arm, weights, init, seed, config.num_hidden_layers)
    model = SequenceClassifier(config)
    report = report or LoadReport(loaded=[], ignored={}, fresh=sorted(dict(model.named_parameters())))
    trunk = nn.ModuleList(part for name, part in model.named_children() if name != "head")
    if any(not name.startswith("head.") for name in report.fresh):  # else every drawn number would be overwritten
        initialise_(trunk, random_stream(seed, "encoder"), config.initializer_range)
    initialise_(model.head, random_stream(seed, "head"), config.initializer_range)
    if head_init == "zero":
        nn.init.zeros_(model.head.output.weight)  # type: ignore[union-attr, arg-type]
    copy_tensors_(model, tensors)
    return model, report


def read_arm(
    arm: Arm, weights: Checkpoint, init: str, seed: int, depth: int
) -> tuple[dict[str, Tensor], LoadReport | None]:
    """The tensors that an arm loads, as it wants them, and what became of all of the file's; nothing for scratch."""
    if arm.source is None:
        return {}, None
    tensors, report = read_tensors(weights, only=arm.loads, otherwise=f"not loaded by --init {init}", depth=depth)
    if not arm.shuffled:
        return tensors, report
    note = "the entries of every loaded tensor were permuted within it"
    return shuffled(tensors, random_stream(seed, "shuffle")), replace(report, note=note)


def build_masked_lm(config: EncoderConfig, seed: int) -> MaskedLanguageModel:
    """A masked language model whose encoder is scratch's; its head draws from a stream of its own."""
    model = MaskedLanguageModel(config)
    initialise_(model.encoder, random_stream(seed, "encoder"), config.initializer_range)
    initialise_(model.head, random_stream(seed, "masked-lm head"), config.initializer_range)
    return model


def shuffled(tensors: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Each tensor with its own entries in random order; drawn one tensor after the other."""
    return {
        name: tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view_as(tensor)
        for name, tensor in tensors.items()
    }


@torch.no_grad()
def copy_tensors_(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors by name into the model's own memory (never adopt a file's mapped memory: its alignment differs)."""
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameters[name].copy_(tensor)
