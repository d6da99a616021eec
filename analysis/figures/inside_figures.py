"""Figures of what the probes found inside the models, drawn from their records alone."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from analysis.figures.plots import (
    ARM_COLOURS,
    DOTTED,
    OTHER_COLOUR,
    VARIANT_STYLES,
    label_axes,
    mark_chance,
    new_figure,
    share_legend,
)
from analysis.figures.svg import INK
from analysis.records.arms import family
from analysis.records.inside import Inside, Rows
from train.data.pairs import LABELS

LABEL_COLOURS = ("#009e73", "#cc79a7", "#e69f00")
"""Okabe and Ito 2008, none of the two main arms' own."""
PANELS = 3
"""Of one row."""
COIN = 0.5
"""Accuracy of a coin between two answers."""


def arm_colour(arm: str) -> str:
    """Returns the colour of an arm by its name, whose first word is its init."""
    return ARM_COLOURS.get(family(arm.split()[0].rstrip(",")), OTHER_COLOUR)


def keys(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Returns the different values of some columns, in the rows' order."""
    return list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))


def draw_rows(axes: Axes, inside: Inside, table: str, value: str, *names: str) -> None:
    """Draws a value and its interval for each arm, a row for each combination of the named columns."""
    rows, arms = inside.tables[table], inside.arms(table)
    places = {key: place for place, key in enumerate(keys(rows, *names))}
    for aside, arm in zip(np.linspace(-0.16, 0.16, len(arms)), arms, strict=True):
        found = [row for row in rows if row["arm"] == arm]
        y = [places[tuple(row[name] for name in names)] + aside for row in found]
        axes.hlines(y, [row["low"] for row in found], [row["high"] for row in found], color=arm_colour(arm))
        axes.plot([row[value] for row in found], y, "D", markersize=5, color=arm_colour(arm), label=arm)
    axes.set_yticks(range(len(places)), [", ".join(key) for key in places])
    axes.set_ylim(len(places) - 0.5, -0.5)


def shortcut(inside: Inside) -> Figure:
    """Accuracy on the templates by shortcut and answer, and on the test pairs under each change."""
    figure = new_figure(10, 3.8)
    left, right = figure.subplots(1, 2)
    draw_rows(left, inside, "templates", "accuracy", "shortcut", "gold")
    left.axvline(COIN, color=INK, linewidth=0.9, linestyle=DOTTED)
    left.set_xlim(-0.03, 1.03)
    label_axes(left, "Templates (dotted: a coin)", "accuracy, two answers", "")
    draw_rows(right, inside, "conditions", "accuracy", "condition")
    mark_chance(right, upright=True)
    label_axes(right, "Test pairs, changed (dotted: 1/3)", "accuracy, three answers", "")
    share_legend(figure, [left])
    return figure


def draw_seeds(axes: Axes, rows: Rows, parts: Sequence[str], value: str, label: str, **look: Any) -> None:
    """Draws a value by part: thin lines for seeds, the thick one their mean."""
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    table = np.array([[row[value] for row in rows if row["seed"] == s and row["part"] in parts] for s in seeds])
    if len(seeds) > 1:
        axes.plot(range(len(parts)), table.T, linewidth=0.6, alpha=0.5, **look)
    axes.plot(range(len(parts)), table.mean(axis=0), label=label, marker="o", markersize=4, **look)


def name_parts(axes: Axes, parts: Sequence[str]) -> None:
    """Names the parts of a model below a panel."""
    names = [part.removeprefix("layer ") for part in parts]
    axes.set_xticks(range(len(parts)), names, rotation=30, ha="right", rotation_mode="anchor")


def layers(inside: Inside) -> Figure:
    """How far each part moved, what rolling it back costs, and how alike its vectors are."""
    figure = new_figure(12, 4.0)
    moved, lost, alike = figure.subplots(1, 3)
    rows = inside.tables["movements"]
    parts = [part for (part,) in keys(rows, "part") if part != "encoder"]
    for arm in inside.arms("movements"):
        own = [row for row in rows if row["arm"] == arm]
        draw_seeds(moved, own, parts, "moved", arm, color=arm_colour(arm))
    name_parts(moved, parts)
    label_axes(moved, "Moved", "part (numbers: layers)", "distance / norm before")
    draw_rows(lost, inside, "rolled_back", "lost", "part")
    lost.axvline(0, color=INK, linewidth=0.9, linestyle=DOTTED)
    label_axes(lost, "Rolled back", "accuracy lost", "")
    stages = [part for (part,) in keys(inside.tables["similarities"], "part")]
    for (what,) in keys(inside.tables["similarities"], "what"):
        own = [row for row in inside.tables["similarities"] if row["what"] == what]
        two = "before and after" not in what
        shade = INK if two else arm_colour(what)
        dashes = "--" if what.endswith("before") else "-"
        draw_seeds(alike, own, stages, "cka", what if two else "_", color=shade, linestyle=dashes)
    name_parts(alike, stages)
    alike.set_ylim(-0.05, 1.05)
    label_axes(alike, "Alike (CKA; coloured: before and after)", "behind (numbers: layers)", "linear CKA")
    share_legend(figure, [moved, alike])
    return figure


def draw_attention(axes: Axes, rows: Rows) -> None:
    """Draws one arm's attention, darker for more."""
    layers, places = (sorted({row[name] for row in rows}) for name in ("layer", "place"))
    shares = np.zeros((len(layers), len(places)))
    for row in rows:
        shares[layers.index(row["layer"]), places.index(row["place"])] = row["share"]
    tokens = {row["place"]: row["token"] for row in rows}
    axes.pcolormesh(shares, cmap="Greys", vmin=0)  # lines and areas: a page takes no pictures made of points
    axes.set_xticks(np.arange(len(places)) + 0.5, [tokens[place][:12] for place in places], rotation=60, fontsize=8)
    axes.set_yticks(np.arange(len(layers)) + 0.5, [str(layer) for layer in layers])
    axes.grid(visible=False)


def views(inside: Inside) -> Figure:
    """Attention of the classification token, and pooled vectors by label before and after training."""
    arms, points = inside.arms("attention"), inside.tables["points"]
    figure = new_figure(6 * len(arms), 6.5)
    grid = figure.add_gridspec(2, 2 * len(arms))
    scattered = []
    for column, arm in enumerate(arms):
        above = figure.add_subplot(grid[0, 2 * column : 2 * column + 2])
        draw_attention(above, [row for row in inside.tables["attention"] if row["arm"] == arm])
        label_axes(above, f"{arm}, attention of the classification token (darker: more)", "", "layer")
        for aside, when in enumerate(("before", "after")):
            below = figure.add_subplot(grid[1, 2 * column + aside])
            own = [row for row in points if (row["arm"], row["when"]) == (arm, when)]
            x, y = [row["x"] for row in own], [row["y"] for row in own]  # all at once: no label may lie on the others
            shades = [LABEL_COLOURS[LABELS.index(row["label"])] for row in own]
            below.scatter(x, y, s=6, c=shades, alpha=0.6, linewidths=0)
            for label, shade in zip(LABELS, LABEL_COLOURS, strict=True):
                below.plot([], [], "o", markersize=4, color=shade, label=label)
            label_axes(below, f"{arm}, {when}", "first component", "second component")
            scattered.append(below)
    share_legend(figure, scattered)
    return figure


def gradients(inside: Inside) -> Figure:
    """The gradient norm of every part along training, a panel for each arm."""
    arms = inside.arms("norms")
    columns, rows = min(len(arms), PANELS), math.ceil(len(arms) / PANELS)
    figure = new_figure(4.6 * columns + 0.4, 4.0 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes in panels[len(arms) :]:
        axes.set_axis_off()
    for axes, arm in zip(panels, arms, strict=False):
        draw_norms(axes, arm_colour(arm), [row for row in inside.tables["norms"] if row["arm"] == arm])
        label_axes(axes, arm, "steps", "2-norm of the gradient")
    share_legend(figure, panels)
    return figure


def draw_norms(axes: Axes, shade: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws one arm's norms: layers in its colour, lowest and highest named at their ends, other parts dashed."""
    parts = [part for (part,) in keys(rows, "part")]
    layers = [part for part in parts if part.startswith("layer ")]
    dashes = dict(zip([part for part in parts if part not in layers], cycle(VARIANT_STYLES[1:])))
    for part in parts:
        steps, norms = zip(*((row["step"], row["norm"]) for row in rows if row["part"] == part), strict=True)
        if part in dashes:
            axes.plot(steps, norms, label=part, linewidth=1.2, color=INK, alpha=0.6, linestyle=dashes[part])
            continue
        axes.plot(steps, norms, linewidth=1.4, color=shade, alpha=0.25 + 0.75 * (layers.index(part) + 1) / len(layers))
        if part in (layers[0], layers[-1]):
            axes.annotate(part, (steps[-1], norms[-1]), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
