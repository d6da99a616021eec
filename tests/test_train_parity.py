"""Our training is transformers' training: 20 updates from one checkpoint on the same batches, and the export after."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional as F

from models.export import export_checkpoint
from models.sources import find_checkpoint
from tests.running import NO_DROPOUT
from tests.tiny_models import FAMILIES, VOCABULARY, head_parts, saved, their_model
from train import loop
from train.cli import parse_run
from train.data.batches import epoch_steps
from train.data.encode import EncodedPairs
from train.data.pairs import LABELS, Example
from train.material import Material
from train.precision import choose_precision
from train.records import RunDirectory
from train.session import prepare
from train.state import Job, TrainState
from train.stopping import Stopping

STEPS, PAIRS, BATCH, WARMUP, DECAY = 20, 38, 4, 5, 0.1
RATE = 3e-3
FLAGS = (
    *("--init", "pretrained", "--epochs", "2", "--batch-size", f"{BATCH}", "--warmup", f"{WARMUP / STEPS}"),
    *("--learning-rate", f"{RATE}", "--set", f"optim.weight_decay={DECAY}"),
    *("--set", "optim.max_grad_norm=1e9"),  # transformers' clipping adds 1e-6 to the norm; test_optim.py compares it
    *NO_DROPOUT,
)


def random_pairs(family: str) -> EncodedPairs:
    """Ragged pairs of 1 to 18 tokens, as many as RoBERTa's 20 positions serve; two token types for BERT alone."""
    stream = torch.Generator().manual_seed(7)
    lengths = [1, 18, *torch.randint(2, 18, (PAIRS - 2,), generator=stream).tolist()]
    segments = [torch.arange(n) * (family == "bert") * 2 // n for n in lengths]
    return EncodedPairs(
        ids_S=torch.randint(2, VOCABULARY, (sum(lengths),), generator=stream),
        segments_S=torch.cat(segments),
        starts=[0, *torch.tensor(lengths).cumsum(0).tolist()],
        labels_N=torch.randint(0, 3, (PAIRS,), generator=stream),
    )


def our_job(folder: Path, family: str, directory: Path) -> Job:
    """A job on random pairs whose encoder comes from the folder, in float64."""
    checkpoint, pairs = find_checkpoint(str(folder)), random_pairs(family)
    config = parse_run([*FLAGS, "--checkpoint", str(folder)]).config
    train = [Example(id=f"pair-{i}", premise=f"{i}", hypothesis="", label=LABELS[0], group="") for i in range(PAIRS)]
    material = Material(
        splits=SimpleNamespace(train=train),  # type: ignore[arg-type]  # only their names are asked for
        encoded={"train": pairs, "validation": pairs},
        checkpoint=checkpoint,
        weights=checkpoint,
        encoder=checkpoint.config.with_dropout(0.0, 0.0, 0.0),
        tokens={},
    )
    job = prepare(config, material, RunDirectory.create(directory), choose_precision("float32", torch.device("cpu")))
    job.model.double()
    return job


def our_losses(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The loss of every update of `train.loop`, with all its digits: a record keeps seven."""
    monkeypatch.setattr(loop, "FLUSH_EVERY", STEPS + 1)
    state = TrainState(stopping=Stopping(job.config.stop))
    for epoch in range(job.plan.epochs):
        for batches in epoch_steps(job.train.lengths, job.config.optim, job.config.seed, epoch):
            loop.train_step(job, state, batches)
    return [entry["tensors"][0].item() for entry in state.pending]


def padded(pairs: EncodedPairs, indices: list[int], pad: int) -> tuple[dict[str, Tensor], Tensor]:
    """The pairs as transformers takes them, one after the other, and their labels."""
    spans = [slice(pairs.starts[i], pairs.starts[i + 1]) for i in indices]
    sequences = torch.nn.utils.rnn.pad_sequence
    inputs = {
        "input_ids": sequences([pairs.ids_S[s] for s in spans], batch_first=True, padding_value=pad),
        "attention_mask": sequences([torch.ones_like(pairs.ids_S[s]) for s in spans], batch_first=True),
    }
    if pairs.segments_S.any():
        inputs["token_type_ids"] = sequences([pairs.segments_S[s] for s in spans], batch_first=True)
    return inputs, pairs.labels_N[torch.tensor(indices)]


def their_losses(model: transformers.PreTrainedModel, job: Job) -> list[float]:
    """A plain loop around transformers' model and schedule and PyTorch's AdamW, as its Trainer groups parameters."""
    plain = [p for name, p in model.named_parameters() if name.endswith("bias") or "norm" in name.lower()]
    decayed = [p for name, p in model.named_parameters() if all(p is not other for other in plain)]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    losses = []
    for epoch in range(job.plan.epochs):
        for (batch,) in epoch_steps(job.train.lengths, job.config.optim, job.config.seed, epoch):
            inputs, labels = padded(job.train, batch, model.config.pad_token_id)
            loss = F.cross_entropy(model(**inputs).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_updates_and_the_export_equal_transformers(tmp_path, monkeypatch, family):
    theirs = their_model(family)
    job = our_job(saved(theirs, tmp_path / "checkpoint"), family, tmp_path / "run")
    for ours, part in head_parts(theirs).items():  # theirs, which is large enough for the loss to move
        job.model.head.get_submodule(ours).load_state_dict(part.state_dict())
    losses = our_losses(job, monkeypatch)
    expected = their_losses(theirs.double(), job)
    assert len(losses) == STEPS and max(expected) - min(expected) > 0.1
    assert losses == pytest.approx(expected, rel=0, abs=1e-8)
    export_checkpoint(job.model.float(), tmp_path / "export", LABELS, None)
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "export", attn_implementation="eager"
    ).eval()
    inputs, _ = padded(job.train, list(range(PAIRS)), theirs.config.pad_token_id)
    with torch.no_grad():
        found = opened.double()(**inputs).logits
        torch.testing.assert_close(found, job.model.double().eval()(**inputs), rtol=0, atol=1e-10)
        torch.testing.assert_close(found, theirs(**inputs).logits, rtol=0, atol=1e-4)
