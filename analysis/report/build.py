"""Builds the report from the records of runs."""

from pathlib import Path
from typing import Any

from analysis.claims.findings import Findings
from analysis.figures.gallery import GALLERY
from analysis.records.study import Study
from analysis.report.answer import answer, headline_note
from analysis.report.korean import summary
from analysis.report.publish import Drawing, draw_picture, publish, to_markdown
from analysis.report.sections import sections


def draw(study: Study) -> dict[str, Drawing]:
    """Returns the report's figures by name; one without anything to show is left out."""
    note = headline_note(study.arms)
    drawings = {name: draw_picture(name, picture, study, note) for name, picture in GALLERY.items()}
    return {name: drawing for name, drawing in drawings.items() if drawing}


def build(findings: Findings) -> tuple[dict[str, Any], dict[str, Drawing]]:
    """Returns what the templates show, and the figures."""
    drawings = draw(findings.study)
    plots = {name: drawing.plot for name, drawing in drawings.items()}
    content = {
        "question": "What does pretraining buy?",
        "answer": answer(findings),
        "overview": plots["overview"],
        "sections": sections(findings, plots),
    }
    return content, drawings


def write_report(findings: Findings, out: Path) -> Path:
    """Writes report.md, report.html, report.ko.md (a summary) and figures/ into `out`; returns the path of report.md.

    Raises:
        RecordError: `out` or `out`/figures is a symbolic link; nothing is written.
        OSError: `out` cannot be written.
    """
    content, drawings = build(findings)
    in_korean = summary(findings)
    others = {"report.ko.md": to_markdown(in_korean, "report.ko.md.j2")} if in_korean else {}
    return publish(content, drawings, out, others)
