"""Figures of the report that follow a run over its steps, drawn with the pieces of `plots`."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from analysis.figures.plots import (
    colour,
    draw_arm,
    draw_split,
    label_axes,
    line_style,
    mark_chance,
    mark_level,
    mark_ln3,
    new_figure,
    share_legend,
)
from analysis.records.arms import Arm
from analysis.records.reading import CLOCKS, Columns
from analysis.records.seed_report import seed_curves
from analysis.statistics.curves import smooth, smoothing_window
from analysis.statistics.intervals import LN3
from analysis.statistics.plateau import PLATEAU_LEVEL

MOST_POINTS = 1000
"""Raw per-step losses drawn per run; of a longer run every k-th is drawn. The smoothed line uses all."""

PROBES = {"probe_train": ("training probe", "--"), "probe_validation": ("validation probe", "-")}
SEED_LOOKS = {"distilbert-frozen": ":", "roberta-full": "--", "roberta-gradual": "-."}


def smoothed(training: Columns) -> Columns:
    """Returns the training columns with the loss smoothed."""
    return training | {"loss": smooth(training["loss"], smoothing_window(len(training["loss"])))}


def draw_training_loss(axes: Axes, arms: Sequence[Arm], raw: bool) -> None:
    """Draws the smoothed training loss of every arm, over its raw points if asked."""
    for arm in arms:
        for run in arm.runs if raw else ():
            every = math.ceil(len(run.training["step"]) / MOST_POINTS)
            step, loss = run.training["step"][::every], run.training["loss"][::every]
            axes.plot(step, loss, color=colour(arm), alpha=0.16, linewidth=0.5)
        curves = [smoothed(run.training) for run in arm.runs]
        draw_arm(axes, arm, curves, "step", "loss", linestyle=line_style(arm, arms))
    mark_ln3(axes)


def mark_before(axes: Axes, arms: Sequence[Arm]) -> None:
    """Draws each arm's mean validation accuracy before training as a dashed line."""
    for arm in arms:
        before = fmean(run.accuracy("validation", "before") for run in arm.runs)
        axes.axhline(before, color=colour(arm), linewidth=0.9, linestyle=(0, (5, 3)))


def overview(arms: Sequence[Arm]) -> Figure:
    """Training loss and validation accuracy: the two halves of the answer."""
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    draw_training_loss(left, arms, raw=False)
    label_axes(left, "Training loss, smoothed", "steps", "cross entropy (nats)")
    draw_split(right, arms, "validation", "step", "accuracy", marker="o", markersize="3.5")
    mark_chance(right)
    label_axes(right, "Validation accuracy", "steps", "accuracy")
    share_legend(figure, [left])
    return figure


def training_loss(arms: Sequence[Arm]) -> Figure:
    """Training loss at every step, and its first tenth enlarged."""
    figure = new_figure(9, 4.2)
    whole, start = figure.subplots(1, 2, width_ratios=[3, 2])
    longest = max(len(run.training["step"]) for arm in arms for run in arm.runs)
    for axes in (whole, start):
        draw_training_loss(axes, arms, raw=True)
    label_axes(whole, "Whole run", "steps", "cross entropy (nats)")
    label_axes(start, "First tenth of the steps", "steps", "cross entropy (nats)")
    last = max(2, longest // 10)
    start.set_xlim(1, last)
    early = np.concatenate([r.training["loss"][:last] for arm in arms for r in arm.runs])
    if np.isfinite(early).any():
        start.set_ylim(float(np.nanmin(early)) - 0.02, float(np.nanmax(early)) + 0.02)
    start.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    share_legend(figure, [whole])
    return figure


def validation(arms: Sequence[Arm]) -> Figure:
    """Loss and accuracy on the whole validation set against steps, examples and seconds."""
    figure = new_figure(11, 6.4)
    panels = figure.subplots(2, 3, sharey="row")
    for row, (measure, unit) in enumerate((("loss", "cross entropy (nats)"), ("accuracy", "accuracy"))):
        for axes, (clock, name) in zip(panels[row], CLOCKS.items(), strict=True):
            draw_split(axes, arms, "validation", clock, measure, marker="o", markersize="3.5")
            title = f"Validation {measure} by {name.split()[0]}"
            label_axes(axes, title, name, unit if clock == "step" else "")
            axes.xaxis.set_major_locator(MaxNLocator(5))
            (mark_ln3 if measure == "loss" else mark_chance)(axes)
    for axes in panels[1]:
        mark_before(axes, arms)
    share_legend(figure, [panels[0][0]])
    return figure


def probes(arms: Sequence[Arm]) -> Figure:
    """Loss on the two fixed probe sets in evaluation mode, one panel for each arm."""
    columns = min(len(arms), 3)
    rows = math.ceil(len(arms) / columns)
    figure = new_figure(4.4 * columns + 0.4, 3.5 * rows + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, arm in zip(panels, arms, strict=False):
        for split, (name, dashes) in PROBES.items():
            curves = [run.evaluations[split] for run in arm.runs if split in run.evaluations]
            if curves:
                draw_arm(axes, arm, curves, "step", "loss", linestyle=dashes)
                axes.lines[-1].set_label(name)
        mark_ln3(axes)
        mark_level(axes, PLATEAU_LEVEL, f"\N{MINUS SIGN}{LN3 - PLATEAU_LEVEL:.2f}")
        label_axes(axes, arm.name, "steps", "cross entropy (nats)")
        axes.tick_params(labelbottom=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower left")
    for axes in panels[len(arms) :]:
        axes.set_axis_off()
    return figure


def seed_report(arms: Sequence[Arm]) -> Figure:
    """The seed report's own curves in grey beside ours in colour, per epoch."""
    figure = new_figure(9.5, 4.4)
    left, right = figure.subplots(1, 2)
    for name, curve in seed_curves().items():
        look = {"color": "#7f7f7f", "linestyle": SEED_LOOKS[name], "linewidth": 1.3}
        left.plot(curve["epoch"], curve["train_loss"], label=f"{name}, as reported", **look)
        right.plot(curve["epoch"], curve["test_accuracy"], **look)
    for arm in arms:
        draw_arm(left, arm, [run.epochs for run in arm.runs], "epoch", "train_loss", linestyle="-")
        for run in arm.runs:
            best = float(run.summary["best"].get("epoch", math.nan))
            right.plot(best, run.accuracy("test"), "D", color=colour(arm), markersize=6, alpha=0.8)
    mark_ln3(left)
    mark_chance(right)
    label_axes(left, "Training loss, mean of each epoch", "epoch (log scale)", "cross entropy (nats)")
    label_axes(right, "Test accuracy (ours: best epoch only)", "epoch (log scale)", "accuracy")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50]))
        axes.xaxis.set_major_formatter("{x:.0f}")
    share_legend(figure, [left])
    return figure
