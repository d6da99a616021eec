"""Several commands one after another in one interpreter: `python -m tests.torture.story [--strict] JSON`.

JSON is a list of commands, each a list of a module with a `main` and its arguments. With --strict a warning is an
error, unless a library gave it.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings

OURS = r"(models|train|analysis|tests)(\.|$)"


def main(arguments: list[str]) -> int:
    """The first exit code that is not 0, or 0."""
    *options, commands = arguments
    if "--strict" in options:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=rf"(?!{OURS})")
    for module, *rest in json.loads(commands):
        if code := importlib.import_module(module).main(rest):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
