"""Random weights, one named random stream per purpose, so that what one part draws never moves another's numbers."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def random_stream(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that depends on the seed and the purpose's name alone, for example `(0, "head")`."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))


@torch.no_grad()
def initialise_(module: nn.Module, generator: torch.Generator, std: float = 0.02) -> None:
    """Fill every linear map, embedding and norm in place, in the order of `module.modules()`.

    Linear weights and embedding tables: normal with mean 0 and the given std, truncated at two of them.
    Linear biases: 0. Layer norms: weight 1, bias 0.

    Source: Devlin et al. 2018; google-research/bert, modeling.py, `create_initializer` (truncated normal, 0.02).
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(part.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
        if isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
        if isinstance(part, nn.Linear | nn.LayerNorm) and part.bias is not None:
            nn.init.zeros_(part.bias)
