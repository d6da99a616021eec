"""Publishes a report: one document, as Markdown and as self-contained HTML, and its figures as files."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.figures.picture import Picture, Subject
from analysis.figures.plots import house_style, render
from analysis.figures.svg import inline
from analysis.records.files import write_whole
from analysis.records.reading import RecordError
from analysis.tables.document import Plot

TEMPLATES = Path(__file__).parent / "templates"
MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure in the forms in which it is published."""

    plot: Plot
    svg: str
    png: bytes


def draw_picture(name: str, picture: Picture[Subject], subject: Subject, note: str = "") -> Drawing | None:
    """Returns a figure of what it is about; None where that has nothing to show.

    Args:
        note: what has to stand beside a headline figure, or nothing.
    """
    with house_style():
        figure = picture.draw(subject)
        if figure is None:
            return None
        svg, png = render(figure)
    alt = picture.alt(subject)
    parts = [picture.caption, *([note] if picture.headline and note else []), f"From {picture.source_of(subject)}."]
    plot = Plot(name=name, alt=alt, caption=" ".join(parts), svg=inline(svg, name, alt))
    return Drawing(plot=plot, svg=svg, png=png)


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


def sha256(text: str) -> str:
    """Returns how a security policy names the style or the script that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def to_html(content: dict[str, Any]) -> str:
    """Returns the report as one HTML page that loads nothing and runs nothing but its own script."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sha256"] = sha256
    parts = {name: Markup((TEMPLATES / f"report.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    return environment.get_template("report.html.j2").render(content, **parts)


def link(record: Path, folder: Path) -> str:
    """Returns the way from a page in `folder` to a record below it, percent-encoded; nothing to a record elsewhere.

    Only letters, digits and `-._~/` stay as they are, so that no name makes a scheme, a host or a tag.

    Args:
        record: resolved; so is `folder`.
    """
    return quote(bytes(record.relative_to(folder))) if record.is_relative_to(folder) else ""


def publish(content: dict[str, Any], drawings: Mapping[str, Drawing], out: Path, others: Mapping[str, str]) -> Path:
    """Writes report.md, report.html and figures/ into `out`; returns the path of report.md.

    Args:
        content: what the templates show.
        drawings: the figures by name.
        others: further files of `out`: name -> text.

    Raises:
        RecordError: `out` or `out`/figures is a symbolic link; nothing is written.
        OSError: `out` cannot be written.
    """
    content = {**content, "link": partial(link, folder=out.resolve())}
    texts = {"report.md": to_markdown(content), "report.html": to_html(content), **others}
    files = {name: text.encode() for name, text in texts.items()}
    for name, drawing in drawings.items():
        files |= {f"figures/{name}.svg": drawing.svg.encode(), f"figures/{name}.png": drawing.png}
    for folder in (out, out / "figures"):
        if folder.is_symlink():
            raise RecordError(f"{folder}: a symbolic link; remove it, the report writes only inside its folder")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(out / name, data)
    return out / "report.md"
