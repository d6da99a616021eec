"""The torture's record as a page to read. It is made of the record alone."""

from __future__ import annotations

import re
from html import escape
from typing import Any

_HEAD = """# What a run survives

Made from `record.json` beside it, which `make torture` writes{quick}. {environment}

Each trial is a tiny training (2 layers of 16, dropout 0.1, two batches an update) in a process of its own, through the
whole command line, hurt as the row says. "Equal" means equal bytes: weights, optimizer, random states, best weights,
predictions, export and every record, clocks left out. The rows of the catalogues of bad data, bad weights and output
are tests of the ordinary suite, run and counted here.

Controls try the torture itself: a planted defect must be seen, and no defect must be reported where there is none.

| | fault | how it is tried | correct is | tried | survived | controls |
|---|---|---|---|---|---|---|
"""


def render(record: dict[str, Any]) -> str:
    """The report, in Markdown."""
    rows = [_row(name, fault) for name, fault in record["faults"].items()]
    details = [_details(name, fault) for name, fault in record["faults"].items()]
    quick = ", here in its quick version" if record["quick"] else ""
    head = _HEAD.format(quick=quick, environment=_environment(record["environment"]))
    return head + "\n".join(rows) + "\n" + "".join(details)


def _environment(environment: dict[str, Any]) -> str:
    return f"Python {environment['python']}, torch {environment['torch']}, {environment['platform']}."


def _row(name: str, fault: dict[str, Any]) -> str:
    controls = f"{fault['controls_seen']} of {fault['controls']} right" if fault["controls"] else ""
    cells = (name, fault["title"], fault["how"], fault["correct"], fault["tried"], fault["survived"], controls)
    return "| " + " | ".join(escape(str(cell), quote=False) for cell in cells) + " |"


def _details(name: str, fault: dict[str, Any]) -> str:
    lines = [f"- {_text(trial['what'])}: {_verdict(trial)}" for trial in fault["trials"]]
    return f"\n<details><summary>{name}, every trial</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n"


def _verdict(trial: dict[str, Any]) -> str:
    return f"**WRONG**: {_text(trial['wrong'])}" if trial["wrong"] else "right" if trial["control"] else "survived"


def _text(words: str) -> str:
    """Words that Markdown, and the HTML in it, show as they stand."""
    return escape(re.sub(r"([\\`*_\[\]|])", r"\\\1", words), quote=False)
