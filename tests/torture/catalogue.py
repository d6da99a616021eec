"""The catalogues whose rows are tests of the ordinary suite: these are run, and counted by their names."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator

from tests.torture.bench import ROOT, Bench
from tests.torture.fault import Fault, Trial


def tests_of(name: str, rows: str, controls: str = "") -> Callable[[Bench, bool], Iterator[Trial]]:
    """What tries the rows of tests/`name`.py: the cases of the test `rows`, and those of `controls`.

    The short version is part of the suite, which runs them anyway.
    """

    def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
        for case in [] if quick else cases(bench, name):
            test, _, row = case.get("name", "").partition("[")
            if test in (rows, controls):
                yield Trial(what=row.removesuffix("]"), wrong=complaint(case), control=test == controls)

    return trials


def cases(bench: Bench, name: str) -> list[ElementTree.Element]:
    """pytest's own record of each test in a file."""
    path = bench.folder / f"{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={path}", f"tests/{name}.py"]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    return list(ElementTree.parse(path).iter("testcase"))


def complaint(case: ElementTree.Element) -> str:
    """The first line of why a test failed or was not tried."""
    found = [f"{end.tag}: {end.get('message', '')}" for end in case if end.tag in ("failure", "error", "skipped")]
    return found[0].splitlines()[0] if found else ""


DATA = Fault(
    title="bad data",
    how="each row of the catalogue as a file, through `train.run` and `train.data.check`",
    correct="exit 3 with file, row, column, found and expected, nothing written; or, where the row says so, accepted, "
    "dropped, stripped, truncated or counted",
    trials=tests_of("test_bad_data", "test_bad_data"),
)
WEIGHTS = Fault(
    title="bad weights",
    how="each row of the catalogue done to a good checkpoint, through `train.run --init pretrained`",
    correct="exit 4 with one line that names the file and the place, before a model or an optimizer exists; the "
    "checkpoint as it was, no record written",
    trials=tests_of("test_bad_weights", "test_refused_by_a_training"),
)
OUTPUT = Fault(
    title="script injection",
    how="12 texts that would run a script, as run names, as labels and as sentences of a study whose page and figures "
    "are opened in chromium; the controls are the same texts in a page that escapes nothing",
    correct="no script but the page's own runs and none is refused, no element or attribute but the report's own, and "
    "the text is shown",
    trials=tests_of("test_output", "test_inert_in_a_browser", "test_the_browser_would_have_noticed"),
)
