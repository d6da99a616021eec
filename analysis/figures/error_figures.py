"""Figures of the report about changes and mistakes: accuracy before and after, and what is said instead."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from analysis.figures.plots import colour, label_axes, mark_chance, new_figure
from analysis.records.arms import Arm
from analysis.records.study import Study
from analysis.tables.accuracy import test_splits
from analysis.tables.before import changes
from analysis.tables.errors import shares
from train.data.pairs import LABELS

MOST_COLUMNS = 3
DEEPEST = 0.65
"""Opacity of a share of 1: on light and on dark paper the number in it can be read."""


def before_after(study: Study) -> Figure | None:
    """Accuracy before the first update and after training, an arrow for each seed; None where nothing was recorded."""
    found = changes(study.arms)
    if not found:
        return None
    arms = study.arms
    figure = new_figure(1.8 + 3.6 * len(found), 1.4 + 0.55 * len(arms))
    panels = figure.subplots(1, len(found), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, by_arm) in zip(panels, found.items(), strict=True):
        for row, arm in enumerate(arms):
            for seed, each in enumerate(by_arm.get(arm.name, ())):
                y = row + 0.12 * (seed - (len(by_arm[arm.name]) - 1) / 2)
                axes.plot([each.before, each.after], [y, y], color=colour(arm), linewidth=1)
                axes.plot(each.before, y, "o", color=colour(arm), markerfacecolor="white", markersize=4.5)
                axes.plot(each.after, y, "D", color=colour(arm), markersize=4.5)
        mark_chance(axes, upright=True)
        label_axes(axes, f"{name} (dotted: chance 1/3)", "accuracy", "")
    panels[0].set_yticks(range(len(arms)), [arm.name for arm in arms])
    panels[0].set_ylim(len(arms) - 0.4, -0.6)
    return figure


def draw_confusion(axes: Axes, arm: Arm, found: NDArray[np.float64]) -> None:
    """Draws one arm's shares as cells, the deeper the larger, each with its number."""
    for row in range(len(LABELS)):
        for column in range(len(LABELS)):
            share = float(found[row, column])
            cell = Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour(arm), alpha=DEEPEST * share, linewidth=0)
            axes.add_patch(cell)
            axes.text(column, row, f"{share:.2f}", ha="center", va="center")
    axes.set(xlim=(-0.5, 2.5), ylim=(2.5, -0.5), aspect="equal")
    axes.set_xticks(range(len(LABELS)), LABELS, fontsize=8.5)
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.grid(False)


def confusions(study: Study) -> Figure | None:
    """What was said to pairs of each gold label, a panel for each test split and arm; None without predictions."""
    found = [
        (split, arm, each)
        for split in test_splits(study.arms)
        for arm in study.arms
        if (each := shares(arm, split)) is not None
    ]
    if not found:
        return None
    columns = min(len(found), MOST_COLUMNS, len(study.arms))
    rows = -(-len(found) // columns)
    figure = new_figure(1.2 + 3.2 * columns, 0.4 + 3.2 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (split, arm, each) in zip(panels, found, strict=False):
        draw_confusion(axes, arm, each)
        label_axes(axes, f"{arm.name}, {split}", "label said", "gold label")
        axes.label_outer()
        axes.tick_params(labelbottom=True)  # below a panel there may be none
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    return figure
