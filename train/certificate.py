"""What two runs must share before they may be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from train.config import NUMERICS_VERSION, RunConfig
from train.data.batches import epoch_batches, order_hash
from train.data.encode import EncodedPairs
from train.plan import RunPlan


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


def build_certificate(
    model: nn.Module,
    head: nn.Module,
    config: RunConfig,
    plan: RunPlan,
    train: EncodedPairs,
    ids: list[str],
    data_hashes: Mapping[str, str],
) -> dict[str, Any]:
    """Hashes of the architecture, the fresh head, the batches of all epochs, the data; and the numerics version."""
    lengths = train.lengths
    epochs = (epoch_batches(lengths, config.optim.batch_size, config.seed, epoch) for epoch in range(plan.epochs))
    return {
        "numerics_version": NUMERICS_VERSION,
        "parameters_sha256": parameters_hash(model),
        "head_sha256": tensors_hash(head.state_dict()),
        "batch_order_sha256": order_hash(epochs, ids),
        "data_sha256": dict(data_hashes),
    }
