"""Figures that are maps: the loss around the weights, and which scratch encoders leave the plateau."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.inside_figures import arm_colour, keys
from analysis.figures.plots import ARM_COLOURS, label_axes, mark_ln3, new_figure, share_legend
from analysis.figures.svg import INK
from analysis.records.inside import Inside
from analysis.records.text import rate_text
from analysis.statistics.intervals import LN3
from analysis.statistics.paired import Array

SHADES = np.linspace(0, 1.5 * LN3, 16)
"""Nats at which one shade of a loss ends and the next begins."""


def draw_plane(figure: Figure, axes: Axes, inside: Inside, arm: str) -> None:
    """Draws the loss in the plane of one arm's path, and the path from its start (hollow) to its end (filled).

    The shades are the same for all arms; what lies far above ln 3, as beyond a path's end, has one.
    """
    grid, path = ([row for row in inside.tables[name] if row["arm"] == arm] for name in ("planes", "paths"))
    x, y, loss = (np.array([row[name] for row in grid]) for name in ("x", "y", "loss"))
    filled = axes.tricontourf(x, y, np.nan_to_num(loss, nan=2 * SHADES[-1]), levels=SHADES, cmap="Greys", extend="max")
    figure.colorbar(filled, ax=axes, format="{x:.2f}", label="cross entropy (nats)")
    way_x, way_y = [row["x"] for row in path], [row["y"] for row in path]
    axes.plot(way_x, way_y, ".-", color=arm_colour(arm), linewidth=1.2)
    axes.plot(way_x[:1], way_y[:1], "o", color=arm_colour(arm), markerfacecolor="white")
    axes.plot(way_x[-1:], way_y[-1:], "o", color=arm_colour(arm))
    axes.grid(visible=False)
    label_axes(axes, f"{arm}, the plane of its path", "first direction (2-norm)", "second direction (2-norm)")


def landscape(inside: Inside) -> Figure:
    """Loss along the way from the initial weights, in the planes of the paths, and between runs."""
    planes = inside.arms("planes")
    figure = new_figure(5 * max(2, len(planes)), 7.0)
    (line, between, *unused), plains = figure.subplots(2, max(2, len(planes)))
    for arm in inside.arms("lines"):
        rows = [row for row in inside.tables["lines"] if row["arm"] == arm]
        for seed in dict.fromkeys(row["seed"] for row in rows):
            own = [row for row in rows if row["seed"] == seed]
            line.plot([row["at"] for row in own], [row["loss"] for row in own], color=arm_colour(arm), label=arm)
    mark_ln3(line)
    label_axes(line, "From the initial weights (0) to the last (1)", "share of the way", "cross entropy (nats)")
    for what, seeds in keys(inside.tables["between"], "what", "seeds"):
        own = [row for row in inside.tables["between"] if (row["what"], row["seeds"]) == (what, seeds)]
        seeds_of_one = what.endswith("seeds")  # whose colour says of which arm
        look = {"color": arm_colour(what), "label": "_"} if seeds_of_one else {"color": INK, "label": what}
        between.plot([row["at"] for row in own], [row["loss"] for row in own], **look)
    mark_ln3(between)
    label_axes(between, "Between last weights (coloured: seeds of one arm)", "share of the way", "cross entropy (nats)")
    for axes, arm in zip(plains, planes, strict=False):
        draw_plane(figure, axes, inside, arm)
    for axes in (*unused, *plains[len(planes) :]):
        axes.set_axis_off()
    share_legend(figure, [line, between])
    return figure


def phases(inside: Inside) -> Figure:
    """Which runs leave the plateau, and when: a panel for each depth, rate against warm-up."""
    rows = inside.tables["runs"]
    depths, rates, warmups = (sorted({row[name] for row in rows}) for name in ("layers", "rate", "warmup"))
    figure = new_figure(3.2 * len(depths) + 0.4, 1.6 + 0.7 * len(warmups))
    for axes, depth in zip(figure.subplots(1, len(depths), squeeze=False)[0], depths, strict=True):
        for x, rate in enumerate(rates):
            for y, warmup in enumerate(warmups):
                own = [r["left"] for r in rows if (r["layers"], r["rate"], r["warmup"]) == (depth, rate, warmup)]
                draw_setting(axes, x, y, np.array(own))
        axes.set_xticks(range(len(rates)), [rate_text(rate) for rate in rates])
        axes.set_yticks(range(len(warmups)), [f"{warmup:g}" for warmup in warmups])
        axes.set(xlim=(-0.5, len(rates) - 0.5), ylim=(-0.5, len(warmups) - 0.5))
        axes.grid(visible=False)
        label_axes(axes, f"{depth} layers", "peak learning rate", "warm-up share")
    return figure


def draw_setting(axes: Axes, x: int, y: int, left: Array) -> None:
    """Draws one cell of the map: coloured by the share of runs that left the plateau, with the steps at which."""
    alive = left[np.isfinite(left)]
    if not len(left):
        return
    share = len(alive) / len(left)
    axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, color=ARM_COLOURS["scratch"], alpha=0.6 * share))
    text = f"{alive.mean():.0f}" if len(alive) else "not"
    seeds = f"\n{len(alive)} of {len(left)}" * (len(left) > 1)
    axes.text(x, y, text + seeds, ha="center", va="center", color=INK)
