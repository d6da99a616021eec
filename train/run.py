"""`python -m train.run --init pretrained|scratch`: the story of one run."""

from __future__ import annotations

import sys

from train.cli import parse_run
from train.guard import guard


@guard
def main(argv: list[str] | None = None) -> None:
    """Parse what was asked; only then import torch and do it."""
    request = parse_run(argv)
    from train.session import run

    run(request)


if __name__ == "__main__":
    sys.exit(main())
