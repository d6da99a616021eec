"""How every figure looks, and how an arm is drawn: thin lines for seeds, with their mean and range."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.figures.svg import INK, PAPER
from analysis.records.arms import Arm, family
from analysis.records.reading import Columns
from analysis.statistics.curves import mean_curve
from analysis.statistics.intervals import CHANCE, LN3

ARM_COLOURS = {
    "scratch": "#d55e00",
    "pretrained": "#0072b2",
    "embeddings": "#009e73",
    "shuffled": "#cc79a7",
    "bottom": "#56b4e9",
    "mlm": "#e69f00",
}
"""Init -> colour, the same in every figure. Source: Okabe and Ito 2008, safe for colour-blind readers."""

OTHER_COLOUR = "#7f7f7f"
DOTTED = (0, (1, 2))
VARIANT_MARKERS = ("o", "s", "^", "v")
VARIANT_STYLES = ("-", "--", "-.", ":")
PNG_DPI = 150

STYLE = {
    "svg.hashsalt": "analysis",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handlelength": 3.2,  # else a marker hides whether a line is dashed
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


@contextmanager
def house_style() -> Iterator[None]:
    """The same look on every machine, whatever its matplotlibrc says."""
    with style.context(["default", STYLE]):
        yield


def colour(arm: Arm) -> str:
    """Returns the arm's colour, grey for an init without one."""
    return ARM_COLOURS.get(family(arm.init), OTHER_COLOUR)


def place_among_siblings(arm: Arm, arms: Sequence[Arm]) -> int:
    """Returns the arm's place among those that share its colour, from 0."""
    return [other.name for other in arms if family(other.init) == family(arm.init)].index(arm.name)


def line_style(arm: Arm, arms: Sequence[Arm]) -> str:
    """Returns a dash pattern that sets apart arms of one colour: depths of `bottom-K`, or variants."""
    return VARIANT_STYLES[place_among_siblings(arm, arms) % len(VARIANT_STYLES)]


def arm_look(arm: Arm, arms: Sequence[Arm]) -> dict[str, Any]:
    """Returns an arm's colour and dash pattern."""
    return {"color": colour(arm), "linestyle": line_style(arm, arms)}


def marker(arm: Arm, arms: Sequence[Arm]) -> str:
    """Returns a marker that sets apart arms of one colour where no line is drawn."""
    return VARIANT_MARKERS[place_among_siblings(arm, arms) % len(VARIANT_MARKERS)]


def draw_arm(axes: Axes, arm: Arm, curves: Sequence[Columns], x: str, y: str, **look: Any) -> None:
    """Draws one arm: a line for one seed; thin seeds, mean and range (minimum to maximum) for several."""
    shade = {"color": colour(arm)} | look
    if len(curves) == 1:
        axes.plot(curves[0][x], curves[0][y], label=arm.name, **shade)
        return
    for curve in curves:
        axes.plot(curve[x], curve[y], linewidth=0.6, alpha=0.5, **shade)
    mean = mean_curve(curves, x, y)
    axes.fill_between(mean.x, mean.low, mean.high, color=shade["color"], alpha=0.15, linewidth=0)
    axes.plot(mean.x, mean.mean, label=arm.name, **shade)


def draw_split(axes: Axes, arms: Sequence[Arm], split: str, x: str, y: str, **look: str) -> None:
    """Draws one measure of one evaluation split for every arm whose runs all have it."""
    for arm in arms:
        curves = [run.evaluations[split] for run in arm.runs if split in run.evaluations]
        if len(curves) == len(arm.runs):
            draw_arm(axes, arm, curves, x, y, **({"linestyle": line_style(arm, arms)} | look))


def mark_level(axes: Axes, level: float, text: str) -> None:
    """Draws a dotted horizontal line, named to the right of the panel, where no curve runs."""
    axes.axhline(level, color=INK, linewidth=0.9, linestyle=DOTTED)
    axes.text(1.01, level, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)


def mark_ln3(axes: Axes) -> None:
    mark_level(axes, LN3, "ln 3")


def mark_chance(axes: Axes, upright: bool = False) -> None:
    """Marks the accuracy of a uniform guess, on a vertical axis or, `upright`, on a horizontal one."""
    if upright:
        axes.axvline(CHANCE, color=INK, linewidth=0.9, linestyle=DOTTED)
    else:
        mark_level(axes, CHANCE, "1/3")


def label_axes(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)


def share_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Puts one legend above the panels, each name once."""
    found = [pair for panel in axes for pair in zip(*panel.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in reversed(found)}
    names = list(dict.fromkeys(label for _, label in found))
    if names:
        columns = min(len(names), 4)
        figure.legend([handles[n] for n in names], names, loc="outside upper left", ncols=columns)


def render(figure: Figure) -> tuple[str, bytes]:
    """Returns the figure as SVG text and PNG bytes, without date or program version.

    Laid out once for both: `savefig` would do so for each, which takes most of its time.
    """
    vector, pixels = io.StringIO(), io.BytesIO()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    FigureCanvasSVG(figure).print_svg(vector, metadata={"Date": None, "Creator": None})
    figure.dpi = PNG_DPI
    FigureCanvasAgg(figure).print_png(pixels, metadata={"Software": None})
    return vector.getvalue(), pixels.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure (inches) that keeps its labels apart, outside pyplot's global state."""
    return Figure(figsize=(width, height), layout="constrained")
