"""The torture's record as a page to read. It is made of the record alone."""

from __future__ import annotations

from typing import Any

_HEAD = """# What a run survives

Made from `record.json` beside it, which `make torture` writes{quick}. {environment}

Each trial is a tiny training (2 layers of 16, dropout 0.1, two batches an update) in a process of its own, through the
whole command line, hurt as the row says. "Equal" means equal bytes: weights, optimizer, random states, best weights,
predictions, export and every record, clocks left out.

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
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _details(name: str, fault: dict[str, Any]) -> str:
    lines = [f"- {trial['what']}: {_verdict(trial)}" for trial in fault["trials"]]
    return f"\n<details><summary>{name}, every trial</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n"


def _verdict(trial: dict[str, Any]) -> str:
    return f"**WRONG**: {trial['wrong']}" if trial["wrong"] else "right" if trial["control"] else "survived"
