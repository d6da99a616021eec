"""Figures of the seed report's systems: its own curves in grey, ours in the arms' colours."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from analysis.figures.outcome_figures import draw_mean, half_width
from analysis.figures.picture import Picture
from analysis.figures.plots import (
    DOTTED,
    OTHER_COLOUR,
    colour,
    label_axes,
    mark_chance,
    mark_ln3,
    new_figure,
    share_legend,
)
from analysis.figures.svg import INK
from analysis.records.arms import Arm
from analysis.records.seed_report import SEED_SOURCE
from analysis.records.text import listing, number
from analysis.report.recipes.systems import REPORTED, System, best_epoch, epochs_of, rule_ended, run_of
from train.rules import FreezeConfig

SEED_LABEL = "as reported by the seed report"
EPOCH = "epoch (square-root scale)"
"""So that a run of 4 epochs can be seen beside one of 47."""
DASHES = {True: "-", False: "--"}
RULE, LIMIT = "s", ">"
"""Marks at the end of a curve: a rule ended the run, or the number of epochs that it was given."""


def curves_of(arm: Arm, reported: bool) -> Sequence[tuple[Any, Any]]:
    """Returns epochs and values of the three panels: training loss, training accuracy, test accuracy.

    As reported, accuracies are those of the watched pairs, from before the first update on. The corrected recipes
    watch no test pairs: their panels show the training mode's own count and the accuracy on validation.
    """
    run = run_of(arm)
    since, after = np.arange(epochs_of(run) + 1), run.epochs["epoch"]
    loss = (after, run.epochs["train_loss"])
    if reported:
        return (loss, *((since, run.evaluations[split]["accuracy"]) for split in ("watched_train", "watched_test")))
    return loss, (after, run.epochs["train_accuracy"]), (since, run.evaluations["validation"]["accuracy"])


def draw_curve(axes: Axes, x: Any, y: Any, end: str, **look: Any) -> None:
    """Draws one curve with a mark at its end."""
    axes.plot(x, y, **look)
    axes.plot(x[-1], y[-1], end, color=look["color"], markersize=6)


def thaws_after(freeze: FreezeConfig) -> list[int]:
    """Returns the epochs after which a further share of the layers begins to learn."""
    return [freeze.thaw_every * thaw for thaw in range(1, freeze.thaws + 1)] if freeze.thaw_every else []


def draw_seed_report(panels: Sequence[Axes], system: System) -> None:
    """Draws the seed report's own curves, and its accuracies before training as thin dashes."""
    look = {"color": OTHER_COLOUR, "label": SEED_LABEL}
    for axes, measure in zip(panels, ("train_loss", "train_accuracy", "test_accuracy"), strict=True):
        draw_curve(axes, system.curve["epoch"], system.curve[measure], RULE, **look)
    for axes, split in zip(panels[1:], ("train", "test"), strict=True):
        axes.axhline(system.before[split], color=OTHER_COLOUR, linewidth=0.9, linestyle=(0, (5, 3)))


def draw_ours(panels: Sequence[Axes], system: System) -> None:
    """Draws our runs: as reported solid, corrected dashed; a diamond is test accuracy with the best weights."""
    for (practice, _), arm in system.arms.items():
        run, reported = run_of(arm), practice == REPORTED
        look = {"color": colour(arm), "linestyle": DASHES[reported], "label": arm.name}
        for axes, (x, y) in zip(panels, curves_of(arm, reported), strict=True):
            draw_curve(axes, x, y, RULE if rule_ended(run) else LIMIT, **look)
        fill = colour(arm) if reported else "white"
        place = best_epoch(run), run.accuracy("test")
        panels[2].plot(*place, "D", color=colour(arm), markerfacecolor=fill, markersize=7, zorder=3)


def curves(system: System) -> Figure:
    """Training loss, training accuracy and test accuracy by epoch, beside the seed report's own."""
    figure = new_figure(12, 4.4)
    panels = figure.subplots(1, 3)
    draw_seed_report(panels, system)
    draw_ours(panels, system)
    for epoch, axes in product(thaws_after(system.recipe.freeze), panels):
        axes.axvline(epoch, color=INK, linewidth=0.9, linestyle=DOTTED, alpha=0.5)
    mark_ln3(panels[0])
    for axes in panels[1:]:
        mark_chance(axes)
    label_axes(panels[0], "Training loss, mean of each epoch", EPOCH, "cross entropy (nats)")
    label_axes(panels[1], "Training accuracy", EPOCH, "accuracy")
    label_axes(panels[2], "Test accuracy (dashed: validation)", EPOCH, "accuracy")
    for axes in panels:
        axes.set_xscale("function", functions=(np.sqrt, np.square))
        axes.xaxis.set_major_locator(FixedLocator([0, 1, 2, 5, 10, 15, 20, 30, 40, 50]))
        axes.set_xlim(left=0)
    share_legend(figure, [panels[0]])
    return figure


def curves_alt(system: System) -> str:
    ends = [f"{arm.name} {number(run_of(arm).epochs['train_loss'][-1])}" for arm in system.arms.values()]
    tests = [f"{arm.name} {number(run_of(arm).accuracy('test'))}" for arm in system.arms.values()]
    return (
        f"{system.name}: training loss, training accuracy and test accuracy by epoch. The last epoch's training loss "
        f"is {number(system.curve['train_loss'][-1])} in the seed report; here {listing(ends)}. Test accuracy is "
        f"{number(system.curve['test_accuracy'][-1])} in the seed report; here {listing(tests)}."
    )


def outcomes(systems: Sequence[System]) -> Figure:
    """Test accuracy after training: one panel for each system, the seed report's own on top."""
    places = list(dict.fromkeys(place for system in systems for place in system.arms))
    names = [SEED_LABEL, *(f"{init}, {practice}" for practice, init in places)]
    figure = new_figure(3.2 + 2.9 * len(systems), 1.2 + 0.45 * len(names))
    panels = figure.subplots(1, len(systems), sharex=True, sharey=True, squeeze=False)[0]
    for axes, system in zip(panels, systems, strict=True):
        axes.plot(system.curve["test_accuracy"][-1], 0, RULE, color=OTHER_COLOUR, markersize=7)
        for place, arm in system.arms.items():
            value, fill = run_of(arm).accuracy("test"), "" if place[0] == REPORTED else "white"
            draw_mean(axes, arm, value, places.index(place) + 1, xerr=half_width(arm, [value], "test"), fill=fill)
        mark_chance(axes, upright=True)
        label_axes(axes, system.name, "test accuracy", "")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    return figure


def outcomes_alt(systems: Sequence[System]) -> str:
    parts = [
        f"{system.name}: seed report {number(system.curve['test_accuracy'][-1])}, "
        + listing([f"{arm.name} {number(run_of(arm).accuracy('test'))}" for arm in system.arms.values()])
        for system in systems
    ]
    return f"Test accuracy after training. {'; '.join(parts)}."


CURVES: Picture[System] = Picture(
    draw=curves,
    alt=curves_alt,
    source=f"runs/*/metrics.jsonl, runs/*/summary.json, {SEED_SOURCE}",
    caption="Grey: as reported by the seed report, one seed; thin dashes are its accuracy before training. Solid: its "
    "recipe, as reported, accuracy in evaluation mode on the watched pairs. Dashed: the recipe, corrected; its "
    "training accuracy is counted with dropout while it learns, and it watches validation in place of test pairs. "
    "Diamond: accuracy on all test pairs with the best weights, at their epoch (hollow: corrected). End of a curve: a "
    "square where a rule ended the run, an arrow where the epochs that it was given did. "
    "Upright and dotted, where layers thaw: a further share of them begins to learn.",
)
OUTCOMES: Picture[Sequence[System]] = Picture(
    draw=outcomes,
    alt=outcomes_alt,
    source=f"runs/*/summary.json, {SEED_SOURCE}",
    caption="Grey: as reported by the seed report, with its last weights. Diamond: ours with the best weights and its "
    "95% interval (Wilson's, over test items alone: one seed); hollow: the recipe, corrected. Dotted: 1/3, a uniform "
    "guess.",
    headline=True,
)
