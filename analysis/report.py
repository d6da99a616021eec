"""Builds the report from the records of runs: one document, as Markdown and as self-contained HTML."""

import base64
import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from analysis import figures
from analysis.answers import accuracy_sentence, plateau_sentence, start_sentence
from analysis.arms import Arm, group_arms
from analysis.document import Plot
from analysis.plots import house_style, render
from analysis.records import RecordError, lookup
from analysis.runs import Run
from analysis.sections import PLOTS, sections
from analysis.svg import inline

TEMPLATES = Path(__file__).parent / "templates"
FLAGS = {
    "--recipe": "recipe",
    "--init": "init",
    "--seed": "seed",
    "--checkpoint": "checkpoint",
    "--dataset": "data.dataset",
    "--train-examples": "data.train_examples",
    "--hide": "data.hide",
    "--epochs": "optim.epochs",
    "--max-steps": "optim.max_steps",
    "--learning-rate": "plan.learning_rate",
}
"""Flags of `train.run` that a command to reproduce a run spells out, and where a run records their values."""

MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure in the forms in which it is published."""

    plot: Plot
    svg: str
    png: bytes


def draw(arms: Sequence[Arm]) -> dict[str, Drawing]:
    """Returns the report's figures by name; one without anything to show is left out."""
    drawings = {}
    for name, (alt, caption) in PLOTS.items():
        with house_style():
            figure: Figure | None = getattr(figures, name)(arms)
            if figure is None:
                continue
            svg, png = render(figure)
        text = alt(arms)
        plot = Plot(name=name, alt=text, caption=caption, svg=inline(svg, name, text))
        drawings[name] = Drawing(plot=plot, svg=svg, png=png)
    return drawings


def commands(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Returns the commands that make the runs again up to settings outside these flags, and this report."""
    lines = []
    for run in [run for arm in arms for run in arm.runs]:
        asked = [(flag, lookup(run.config, dotted)) for flag, dotted in FLAGS.items()]
        flags = [f"{flag} {shlex.quote(str(value))}" for flag, value in asked if value is not None]
        lines.append(" ".join(["python -m train.run", *flags]))
    return (*lines, "python -m analysis.compare results/STUDY")


def build(runs: Sequence[Run], unfinished: Sequence[str]) -> tuple[dict[str, Any], dict[str, Drawing]]:
    """Returns what the templates show, and the figures.

    Raises:
        RecordError: the runs cannot be grouped into arms, or a prediction is malformed.
    """
    arms = group_arms(runs)
    drawings = draw(arms)
    plots = {name: drawing.plot for name, drawing in drawings.items()}
    content = {
        "question": "What does pretraining buy?",
        "answer": [accuracy_sentence(arms), start_sentence(arms), plateau_sentence(arms)],
        "overview": plots["overview"],
        "sections": sections(arms, plots, unfinished, commands(arms)),
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


def to_markdown(content: dict[str, Any]) -> str:
    """Returns the report as Markdown, with its figures as PNG files beside it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=escape_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code_line, "rendered": Markup}
    return environment.get_template("report.md.j2").render(content)


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


def write_whole(path: Path, content: bytes) -> None:
    """Puts `content` at `path` whole or not at all, never through a symbolic link."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_report(runs: Sequence[Run], unfinished: Sequence[str], out: Path) -> Path:
    """Writes report.md, report.html and figures/ into `out`; returns the path of report.md.

    Raises:
        RecordError: a record is malformed, or `out`/figures is a symbolic link.
        OSError: `out` cannot be written.
    """
    content, drawings = build(runs, unfinished)
    files = {"report.md": to_markdown(content).encode(), "report.html": to_html(content).encode()}
    for name, drawing in drawings.items():
        files |= {f"figures/{name}.svg": drawing.svg.encode(), f"figures/{name}.png": drawing.png}
    if (out / "figures").is_symlink():
        raise RecordError(f"{out / 'figures'}: a symbolic link; remove it, the report writes only inside its folder")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(out / name, data)
    return out / "report.md"
