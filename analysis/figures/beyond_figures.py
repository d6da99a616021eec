"""Figures of the report beyond accuracy: reliability, validation against training loss, the ladder of arms."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.plots import (
    DOTTED,
    arm_look,
    colour,
    label_axes,
    mark_ln3,
    new_figure,
    share_legend,
)
from analysis.figures.svg import INK
from analysis.records.predictions import Array
from analysis.records.study import Study
from analysis.statistics.calibration import Calibrated, bin_sums, calibrated_arms
from analysis.statistics.curves import align
from analysis.statistics.ladder import rungs
from analysis.statistics.matched import PROBES
from analysis.tables.accuracy import test_splits

MOST_COLUMNS = 3
LARGEST = 380
"""Area of a mark, in square points, that stands for all pairs."""


def reliability(runs: list[Calibrated], after: bool) -> tuple[Array, Array, Array]:
    """Returns mean confidence, accuracy and share of the pairs `(bins,)` of every bin that has some, over all runs."""
    shares = np.concatenate([each.shares[after] for each in runs])
    gold = np.concatenate([each.gold for each in runs])
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == gold
    pairs = bin_sums(np.ones(len(gold)), confidence)
    sums = [bin_sums(values, confidence)[pairs > 0] for values in (confidence, right.astype(np.float64))]
    return sums[0] / pairs[pairs > 0], sums[1] / pairs[pairs > 0], pairs[pairs > 0] / len(gold)


def calibration(study: Study) -> Figure | None:
    """Accuracy against confidence on the first test split, a panel for each arm; None without predictions."""
    split = test_splits(study.arms)[0]
    found = calibrated_arms(study.arms, split)
    arms = [arm for arm in study.arms if arm.name in found]
    if not arms:
        return None
    columns = min(len(arms), MOST_COLUMNS)
    rows = math.ceil(len(arms) / columns)
    figure = new_figure(0.6 + 3.5 * columns, 0.7 + 3.4 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, arm in zip(panels, arms, strict=False):
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=DOTTED)
        for after, fill, dashes in ((False, colour(arm), "-"), (True, "none", "--")):
            confidence, accuracy, share = reliability(found[arm.name], after)
            axes.plot(confidence, accuracy, color=colour(arm), linewidth=1.2, linestyle=dashes)
            axes.scatter(confidence, accuracy, s=LARGEST * share, color=fill, edgecolor=colour(arm), zorder=3)
        label_axes(axes, f"{arm.name}, {split}", "probability of the label said", "share right")
        axes.set(xlim=(0.3, 1.02), ylim=(0, 1.02))
        axes.label_outer()
        axes.tick_params(labelbottom=True)
    for axes in panels[len(arms) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=INK, marker="o", label="as trained"),
        Line2D([], [], color=INK, marker="o", label="after temperature", linestyle="--", markerfacecolor="none"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def matched_loss(study: Study) -> Figure | None:
    """Loss on the validation probe against that on the training probe, a line for each seed; None without probes."""
    probed = [(arm, run) for arm in study.arms for run in arm.runs if all(name in run.evaluations for name in PROBES)]
    if not probed:
        return None
    figure = new_figure(6.5, 4.6)
    axes = figure.subplots()
    for arm, run in probed:
        train, validation = align([run.evaluations[name] for name in PROBES])
        look = {"linewidth": 0.9, "alpha": 0.85, **arm_look(arm, study.arms)}
        axes.plot(train["loss"], validation["loss"], label=arm.name, **look)
        axes.plot(train["loss"][-1], validation["loss"][-1], "D", color=colour(arm), markersize=4)
    mark_ln3(axes)
    draw_diagonal(axes)
    axes.invert_xaxis()
    label_axes(axes, "", "training probe, cross entropy (nats), falling", "validation probe, cross entropy (nats)")
    share_legend(figure, [axes])
    return figure


def draw_diagonal(axes: Axes) -> None:
    """Draws where both axes are equal, within the panel as it stands."""
    x, y = axes.get_xlim(), axes.get_ylim()
    ends = max(x[0], y[0]), min(x[1], y[1])
    axes.plot(ends, ends, color=INK, linewidth=0.9, linestyle=DOTTED)
    axes.set(xlim=x, ylim=y)


def ladder(study: Study) -> Figure | None:
    """Share of the gap that each arm closes, with its interval; None without an arm between, or without a gap."""
    found = [each for each in rungs(study) if math.isfinite(each.share)]
    if not found:
        return None
    figure = new_figure(7.5, 1.3 + 0.5 * len(found))
    axes = figure.subplots()
    for row, each in enumerate(found):
        axes.plot([each.low, each.high], [row, row], "|-", color=colour(each.arm), linewidth=1.4, markersize=8)
        axes.plot(each.share, row, "D", color=colour(each.arm), markersize=6)
    for place, name in ((0, "scratch"), (1, "pretrained")):
        axes.axvline(place, color=INK, linewidth=0.9, linestyle=DOTTED)
        axes.text(place, 1.02, name, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8.5)
    axes.set_yticks(range(len(found)), [each.arm.name for each in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    label_axes(axes, "", "share of the gap in test accuracy", "")
    return figure
