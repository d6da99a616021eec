"""`python -m analysis.speed`: draws the benchmark's record, results/benchmark/record.json, as figures beside it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from analysis.figures.plots import DOTTED, OTHER_COLOUR, house_style, label_axes, new_figure, render
from analysis.figures.svg import INK
from analysis.records.benchmark import RATES, SHARES, SPEED_UPS, read_benchmark
from analysis.records.files import write_whole
from analysis.records.reading import RecordError
from analysis.records.text import clean
from train.benchmark.report import write_report
from train.guard import guard

OURS, PEER = "#0072b2", "#d55e00"
"""Source: Okabe and Ito 2008, safe for colour-blind readers."""

GROWTH_AXES = {
    "examples": ("s per epoch", 1, "in proportion"),
    "sequence_length": ("s per update", 1, "in proportion"),
    "hidden_size": ("s per update", 2, "with its square"),
}
"""Curve -> what is timed, and the power of the size to compare with."""


def ratios(record: dict[str, Any]) -> Figure:
    """Every quotient with its range over the rounds and its target."""
    figure = new_figure(10, 3.8)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    draw_spreads(left, record, SPEED_UPS)
    left.set_xscale("log")
    left.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_formatter(NullFormatter())
    left.axvline(1, color=INK, linewidth=0.9, linestyle=DOTTED)
    label_axes(left, "Ours over the Trainer (more is better)", "times as fast", "")
    draw_spreads(right, record, SHARES)
    right.set_xlim(0, max(1.0, *(right.get_xlim())))
    label_axes(right, "Memory, start, utilisation", "share", "")
    target = Line2D([], [], color=INK, marker="|", markersize=9, markeredgewidth=1.6, linestyle="none", label="target")
    median = Line2D([], [], color=OURS, marker="o", label="median and range")
    missed = Line2D([], [], color=OURS, marker="o", markerfacecolor="none", label="the same, target missed")
    figure.legend(handles=[median, missed, target], loc="outside upper right", ncols=3)
    return figure


def draw_spreads(axes: Axes, record: dict[str, Any], names: dict[str, str]) -> None:
    """Draws one row a figure: median as a dot, range as a line, target as an upright stroke; hollow if missed.

    The median's number stands at the right edge.
    """
    shown = [name for name in names if record.get(name) is not None]
    for row, name in enumerate(reversed(shown)):
        found = record[name]
        fill = "none" if found.get("met") is False else OURS
        axes.plot([found["min"], found["max"]], [row, row], color=OURS, linewidth=1.2)
        axes.plot(found["median"], row, "o", color=OURS, markerfacecolor=fill, markersize=6)
        shown_median = f"{found['median']:.3g}"
        axes.annotate(shown_median, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=8.5)
        target = found.get("at_least") or found.get("at_most")
        if target is not None:
            axes.plot([target, target], [row - 0.35, row + 0.35], color=INK, linewidth=1.6)
    axes.set_yticks(range(len(shown)), [names[name] for name in reversed(shown)])
    axes.set_ylim(-0.6, len(shown) - 0.2)


def rates(record: dict[str, Any]) -> Figure:
    """Examples a second of each contender, every round a dot."""
    figure = new_figure(9, 3.2)
    for axes, (title, contenders) in zip(figure.subplots(1, 2, width_ratios=[2, 1]), RATES.items(), strict=True):
        shown = [name for name in contenders if name in record["rounds"][0]["measured"]]
        for place, name in enumerate(shown):
            found = [each["measured"][name]["examples_per_second"] for each in record["rounds"]]
            colour = OURS if name.startswith("ours.") else PEER
            axes.bar(place, median(found), color=colour, alpha=0.35, width=0.6)
            axes.plot([place] * len(found), found, "o", color=colour, markersize=4)
        axes.set_xticks(range(len(shown)), shown)
        label_axes(axes, title.capitalize(), "", "examples a second")
    return figure


def growth(record: dict[str, Any]) -> Figure:
    """Seconds against size, ours alone, beside a plain power of the size through the last point."""
    figure = new_figure(10, 3.2)
    for axes, (name, (unit, power, label)) in zip(figure.subplots(1, 3), GROWTH_AXES.items(), strict=True):
        points = record["growth"][name]
        x, seconds = ([point[key] for point in points] for key in ("x", "seconds"))
        guide = [seconds[-1] * (value / x[-1]) ** power for value in x]
        axes.plot(x, guide, color=OTHER_COLOUR, linestyle="--", label=label)
        axes.plot(x, seconds, "o-", color=OURS, label="measured")
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        what = name.replace("_", " ")
        label_axes(axes, what.capitalize(), what, unit)
        axes.legend()
    return figure


def write_figures(folder: Path) -> list[Path]:
    """Draws record.json of the folder into figures/; returns what was written.

    Raises:
        RecordError: the record is malformed, or figures is a symbolic link.
        OSError: the folder cannot be written.
    """
    record = read_benchmark(folder / "record.json")
    out = folder / "figures"
    if out.is_symlink():
        raise RecordError(f"{out}: a symbolic link; remove it, figures are written only inside their folder")
    out.mkdir(exist_ok=True)
    written = []
    for draw in (ratios, rates, growth):
        with house_style():
            svg, png = render(draw(record))
        for path, content in ((out / f"{draw.__name__}.svg", svg.encode()), (out / f"{draw.__name__}.png", png)):
            write_whole(path, content)
            written.append(path)
    return written


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Draws the figures."""
    parser = argparse.ArgumentParser(prog="python -m analysis.speed", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("results/benchmark"), metavar="DIR")
    folder = parser.parse_args(arguments).folder
    for path in write_figures(folder):
        print(f"figure: {clean(str(path), 400)}")
    write_report(folder)  # again, as it can show them now


if __name__ == "__main__":
    sys.exit(main())
