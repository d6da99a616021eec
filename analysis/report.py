"""Builds the report from the records of runs: one document, as Markdown and as self-contained HTML."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.answer import answer, headline_note
from analysis.document import Plot
from analysis.files import write_whole
from analysis.findings import Findings
from analysis.gallery import GALLERY
from analysis.korean import summary
from analysis.plots import house_style, render
from analysis.records import RecordError
from analysis.sections import sections
from analysis.study import Study
from analysis.svg import inline

TEMPLATES = Path(__file__).parent / "templates"
MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure in the forms in which it is published."""

    plot: Plot
    svg: str
    png: bytes


def draw(study: Study) -> dict[str, Drawing]:
    """Returns the report's figures by name; one without anything to show is left out."""
    drawings, note = {}, headline_note(study.arms)
    for name, picture in GALLERY.items():
        with house_style():
            figure = picture.draw(study)
            if figure is None:
                continue
            svg, png = render(figure)
        alt = picture.alt(study)
        caption = f"{picture.caption} {note}" if picture.headline and note else picture.caption
        plot = Plot(name=name, alt=alt, caption=caption, svg=inline(svg, name, alt))
        drawings[name] = Drawing(plot=plot, svg=svg, png=png)
    return drawings


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


def escape_markdown(value: object) -> object:
    """Returns text that Markdown shows as it stands; what a template marked as safe stays."""
    if isinstance(value, Markup):
        return value
    text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN_SPECIAL.sub(r"\\\1", text)


def code_line(value: str) -> Markup:
    """Returns a command for a fenced block, where nothing but the end of the fence is special."""
    return Markup(value.replace("`", "'"))


def to_markdown(content: dict[str, Any], template: str = "report.md.j2") -> str:
    """Returns the content as Markdown, with its figures as PNG files beside it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=escape_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code_line, "rendered": Markup}
    return environment.get_template(template).render(content)


def to_html(content: dict[str, Any]) -> str:
    """Returns the report as one HTML page that loads nothing and runs nothing."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(content, css=Markup(css), css_hash=digest)


def write_report(findings: Findings, out: Path) -> Path:
    """Writes report.md, report.html, report.ko.md (a summary) and figures/ into `out`; returns the path of report.md.

    Raises:
        RecordError: `out` or `out`/figures is a symbolic link; nothing is written.
        OSError: `out` cannot be written.
    """
    content, drawings = build(findings)
    files = {"report.md": to_markdown(content).encode(), "report.html": to_html(content).encode()}
    if in_korean := summary(findings):
        files["report.ko.md"] = to_markdown(in_korean, "report.ko.md.j2").encode()
    for name, drawing in drawings.items():
        files |= {f"figures/{name}.svg": drawing.svg.encode(), f"figures/{name}.png": drawing.png}
    for folder in (out, out / "figures"):
        if folder.is_symlink():
            raise RecordError(f"{folder}: a symbolic link; remove it, the report writes only inside its folder")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(out / name, data)
    return out / "report.md"
