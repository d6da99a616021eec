"""`python -m train.pretrain`: masked-language-model training from scratch, for the arm `mlm`."""

from __future__ import annotations

from train.guard import guard
from train.pretrain.cli import parse_pretrain


@guard
def main(argv: list[str] | None = None) -> None:
    """Parse what was asked; only then import torch and do it."""
    request = parse_pretrain(argv)
    from train.pretrain.session import pretrain

    pretrain(request)
