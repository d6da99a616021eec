"""What two runs must share before they may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from models.errors import CheckpointError
from train.cli import flatten
from train.config import NUMERICS_VERSION, RunConfig, to_record
from train.data.batches import epoch_batches, order_hash
from train.distributed import world_size
from train.kinds import completed
from train.records import RunDirectory, rounded
from train.state import Job


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def parameters_hash(model: nn.Module) -> str:
    """sha256 over the names and shapes of all parameters."""
    lines = [f"{name} {tuple(p.shape)}" for name, p in model.named_parameters()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def build_certificate(job: Job, data_hashes: Mapping[str, str]) -> dict[str, Any]:
    """Hashes of the architecture, the fresh head, the batches of all epochs, the data; numerics version, processes."""
    optim, seed, lengths = job.config.optim, job.config.seed, job.train.lengths
    epochs = (
        epoch_batches(lengths, optim.batch_size, optim.length_pool, seed, epoch) for epoch in range(job.plan.epochs)
    )
    return {
        "numerics_version": NUMERICS_VERSION,
        "world_size": world_size(),
        "parameters_sha256": parameters_hash(job.model),
        "head_sha256": tensors_hash(job.model.head.state_dict()),
        "batch_order_sha256": order_hash(epochs, job.ids),
        "data_sha256": dict(data_hashes),
    }


_USUAL: Mapping[str, Mapping[str, Any]] = {
    "config.json": to_record(RunConfig()),
    "certificate.json": {"world_size": 1},
    "environment.json": {"world_size": 1},
}
"""What runs start from, by file name; values for settings younger than a record."""
_MAY_DIFFER = ("save", "export", "commit", "dirty", "python", "schema_version", "claims_sha256")
"""Parts of a run's start that change none of its numbers."""


def differences_to(records: RunDirectory, start: Mapping[str, Mapping[str, Any]], allow_inexact: bool) -> list[str]:
    """What changes numbers and differs between a run's recorded start and this one; nothing, unless that is allowed.

    Raises:
        CheckpointError: something differs that changes numbers.
    """
    differences = []
    for name, usual in _USUAL.items():
        then = dict(flatten(usual)) | dict(flatten(completed(records.read_json(name))))
        now = dict(flatten(json.loads(json.dumps(rounded(start[name])))))
        for key in sorted(then.keys() | now.keys()):
            if key.split(".")[0] not in _MAY_DIFFER and then.get(key) != now.get(key):
                differences.append(f"{key}: was {then.get(key)!r}, is {now.get(key)!r}")
    if differences and not allow_inexact:
        listed = "\n  ".join(dict.fromkeys(differences))
        raise CheckpointError(
            f"{records.path}: cannot be resumed exactly (--allow-inexact goes on all the same):\n  {listed}"
        )
    return differences


def mark_inexact(records: RunDirectory, step: int, differences: list[str]) -> None:
    """The record says for good that from this step on the run is not what its start says."""
    name = "inexact.json"
    before = records.read_json(name)["resumes"] if (records.path / name).exists() else []
    records.write_json(name, {"resumes": [*before, {"step": step, "differences": differences}]})
    records.log("note", step=step, message="resumed inexactly", differences=differences)
