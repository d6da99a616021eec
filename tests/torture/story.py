"""Several commands one after another in one interpreter: `python -m tests.torture.story [--strict] JSON`.

JSON is a list of commands, each a list of a module with a `main` and its arguments. With --strict a warning is an
error, unless a library gave it.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Callable

OURS = r"(models|train|analysis|tests)(\.|$)"


def program(module: str) -> Callable[[list[str]], int | None]:
    """What `python -m MODULE` calls; a package keeps it in its command.py."""
    package = importlib.import_module(module).__spec__.submodule_search_locations
    return importlib.import_module(f"{module}.command" if package else module).main


def main(arguments: list[str]) -> int:
    """The first exit code that is not 0, or 0."""
    *options, commands = arguments
    if "--strict" in options:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=rf"(?!{OURS})")
    for module, *rest in json.loads(commands):
        if code := program(module)(rest):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
