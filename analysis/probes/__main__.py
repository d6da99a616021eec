"""Looks into the runs of a study with one probe after the other, and writes a record of each into its folder."""

import sys
from collections.abc import Sequence
from importlib import import_module

from analysis.probes.command import parser
from train.guard import INTERRUPTED

PROBES = ("gradients", "shortcut", "layers", "views", "landscape")
"""In order of what they take; the map of phases has a study of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs each probe as its own command would, also after one that failed, but not after Ctrl-C.

    Returns the largest code.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser("", __doc__).parse_args(given)
    worst = 0
    for name in PROBES:
        worst = max(worst, import_module(f"analysis.probes.{name}").main(given))
        if worst == INTERRUPTED:
            break
    return worst


if __name__ == "__main__":
    sys.exit(main())
