"""Fetch a checkpoint before it is needed: `python -m models.fetch minilm`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from models.errors import UserError
from models.sources import HUB_IDS, find_checkpoint


def main(arguments: Sequence[str] | None = None) -> int:
    """Print path, size and SHA-256 of the weights, downloaded unless they are here already; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.fetch", description=__doc__)
    parser.add_argument(
        "name", help=f"minilm, {', '.join(HUB_IDS)}, a hub id owner/name, a folder, or a .safetensors file"
    )
    name = parser.parse_args(arguments).name
    try:
        checkpoint = find_checkpoint(name)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(checkpoint.weights)
    print(f"{checkpoint.weights.stat().st_size:,} bytes, sha256 {checkpoint.weights_sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
