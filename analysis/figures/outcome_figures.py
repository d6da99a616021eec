"""Figures of the report with one value a run: accuracies, times, learning rates, numbers of examples."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from analysis.figures.plots import (
    OTHER_COLOUR,
    arm_look,
    colour,
    label_axes,
    mark_chance,
    mark_ln3,
    marker,
    new_figure,
    share_legend,
)
from analysis.records.arms import Arm
from analysis.records.groups import group_accuracy
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import rate_text
from analysis.statistics.intervals import accuracy_interval
from analysis.statistics.measures import PROBES, best_accuracy, best_loss, last_look
from analysis.tables.accuracy import is_compared, test_splits
from analysis.tables.claims import on_plateau


def draw_mean(axes: Axes, arm: Arm, x: float, y: float, xerr: float = 0.0, yerr: float = 0.0, fill: str = "") -> None:
    """Draws a mean as a diamond with its interval along either axis, filled with the arm's colour or another."""
    look: dict[str, Any] = {"fmt": "D", "markersize": 6, "capsize": 4, "elinewidth": 1.4}
    axes.errorbar(x, y, xerr=xerr, yerr=yerr, color=colour(arm), markerfacecolor=fill or colour(arm), **look)


def half_width(arm: Arm, accuracies: Sequence[float], split: str) -> float:
    """Returns half the width of a mean accuracy's 95% interval: over seeds, over the split's items for one seed."""
    found, _ = accuracy_interval(accuracies, arm.runs[0].examples(split))
    return (found.high - found.low) / 2 if found.low < found.high else 0.0


def test_accuracy(study: Study) -> Figure:
    """Final accuracy with the best weights: a point for each seed, mean with its 95% interval."""
    arms, splits = (*study.arms, *study.one_sided), test_splits(study.arms)
    figure = new_figure(max(6.0, 4.5 * len(splits)), 1.4 + 0.5 * len(arms))
    panels = figure.subplots(1, len(splits), sharex=True, sharey=True, squeeze=False)[0]
    for axes, split in zip(panels, splits, strict=True):
        for row, arm in enumerate(arms):
            values = [run.accuracy(split) for run in arm.runs if split in run.test_splits]
            fill = "white" if arm in study.one_sided else ""
            draw_mean(axes, arm, fmean(values), row, xerr=half_width(arm, values, split), fill=fill)
            axes.plot(values, [row + 0.22] * len(values), "o", color=colour(arm), alpha=0.6, markersize=4)
        mark_chance(axes, upright=True)
        if words := study.words(split).get(study.arms[0].training_examples):
            axes.axvline(words, color=OTHER_COLOUR, linestyle="--", linewidth=1.2)
        label_axes(axes, f"{split} (dotted: chance 1/3{', dashed: bag of words' * bool(words)})", "accuracy", "")
    panels[0].set_yticks(range(len(arms)), [arm.name for arm in arms])
    panels[0].set_ylim(len(arms) - 0.4, -0.6)
    low, high = panels[0].get_xlim()
    panels[0].set_xlim(max(0.0, low), min(1.0, high))
    return figure


def groups(study: Study) -> Figure | None:
    """Test accuracy by group: mean over seeds with the range; None when no example has a group."""
    arms, splits = study.arms, test_splits(study.arms)
    found = {split: {arm.name: [group_accuracy(run, split) for run in arm.runs] for arm in arms} for split in splits}
    shown = [split for split in splits if any(score for scores in found[split].values() for score in scores)]
    names = sorted({group for split in shown for scores in found[split].values() for s in scores for group in s})
    if not names:
        return None
    figure = new_figure(3.2 + 3.4 * len(shown), 1.6 + (0.16 + 0.12 * len(arms)) * len(names))
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    spread = min(0.3, 0.08 * (len(arms) - 1))
    for axes, split in zip(panels, shown, strict=True):
        for offset, arm in zip(np.linspace(-spread, spread, len(arms)), arms, strict=True):
            scores = [[s[name][0] for s in found[split][arm.name] if name in s] or [np.nan] for name in names]
            rows = np.arange(len(names)) + offset
            axes.hlines(rows, [min(s) for s in scores], [max(s) for s in scores], color=colour(arm), linewidth=1)
            means = [fmean(s) for s in scores]
            axes.plot(means, rows, marker(arm, arms), color=colour(arm), markersize=5, label=arm.name)
        mark_chance(axes, upright=True)
        label_axes(axes, f"{split} (dotted: chance 1/3)", "accuracy", "")
    panels[0].set_yticks(range(len(names)), [name[:40] for name in names])
    panels[0].invert_yaxis()
    share_legend(figure, [panels[0]])
    return figure


def plateau(study: Study) -> Figure:
    """The share of runs still on the ln 3 plateau after each step (Kaplan-Meier), on both probes."""
    figure = new_figure(9, 3.8)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (split, name) in zip(panels, PROBES.items(), strict=True):
        for place, arm in enumerate(study.arms):
            curve, end = on_plateau(arm, split), max(last_look(run, split, "step") for run in arm.runs)
            aside = place - (len(study.arms) - 1) / 2  # arms often leave together: none may hide another
            steps = np.concatenate([[0], curve.time, [end]]) + 0.006 * aside * end
            share = np.concatenate([[1], curve.share, curve.share[-1:]]) + 0.014 * aside
            axes.step(steps, share, where="post", label=arm.name, **arm_look(arm, study.arms))
            bounds = [np.concatenate([[np.nan], bound, bound[-1:]]) for bound in (curve.low, curve.high)]
            axes.fill_between(steps, *bounds, step="post", color=colour(arm), alpha=0.13, linewidth=0)
            if curve.share[-1] > 0:
                axes.plot(steps[-1], share[-1], ">", color=colour(arm), markersize=7, clip_on=False)
        label_axes(axes, name.capitalize(), "steps", "share of runs on the plateau")
        axes.set_ylim(-0.06, 1.08)
    panels[1].set_ylabel("")
    share_legend(figure, [panels[0]])
    return figure


def log_ticks(axes: Axes, values: Sequence[float], form: str | Callable[[float, float], str]) -> None:
    """Puts a logarithmic axis under the panel with a tick at each value."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(values))))
    axes.xaxis.set_major_formatter(form)
    axes.set_xlim(min(values) / 1.4, max(values) * 1.4)


def runs_of_all(arms: Sequence[Arm]) -> list[list[Run]]:
    """Returns each arm's runs of the seeds that all of them have; where they share none, all its runs."""
    shared = set.intersection(*({run.seed for run in arm.runs} for arm in arms))
    return [[run for run in arm.runs if run.seed in shared or not shared] for arm in arms]


def draw_rates(axes: Axes, study: Study, measure: Callable[[Run], float], items: str = "") -> None:
    """Draws one measure against the learning rate for every arm that tried more than one; compared rates are filled.

    Of the seeds that all rates of an arm have, as more seeds of one rate are no reason to choose it or not.

    Args:
        items: the split that the measure is an accuracy of; then a single seed has an interval over its items.
    """
    swept = {init: arms for init, arms in study.rates.items() if len(arms) > 1}
    for place, (init, arms) in enumerate(swept.items()):
        rates = [arm.learning_rate * 1.05 ** (place - (len(swept) - 1) / 2) for arm in arms]  # none may hide another
        values = [list(map(measure, runs)) for runs in runs_of_all(arms)]
        axes.plot(rates, list(map(fmean, values)), label=init, **arm_look(arms[0], [a[0] for a in swept.values()]))
        for arm, rate, each in zip(arms, rates, values, strict=True):
            fill = "" if is_compared(study, arm) else "white"
            draw_mean(axes, arm, rate, fmean(each), yerr=half_width(arm, each, items), fill=fill)
    log_ticks(axes, [arm.learning_rate for arms in swept.values() for arm in arms], lambda rate, _: rate_text(rate))
    axes.tick_params(axis="x", labelrotation=45)


def rates(study: Study) -> Figure | None:
    """Best validation loss and accuracy against the learning rate; None without a sweep."""
    if not study.rates:
        return None
    figure = new_figure(9, 4.0)
    left, right = figure.subplots(1, 2)
    draw_rates(left, study, best_loss)
    draw_rates(right, study, best_accuracy, items="validation")
    mark_ln3(left)
    mark_chance(right)
    label_axes(left, "Validation loss, best epoch", "peak learning rate (log scale)", "cross entropy (nats)")
    label_axes(right, "Validation accuracy, best epoch", "peak learning rate (log scale)", "accuracy")
    share_legend(figure, [left])
    return figure


def sizes(study: Study) -> Figure | None:
    """Test accuracy against the number of training examples; None with one size."""
    if len(study.sizes) < 2:
        return None
    figure = new_figure(6.5, 4.2)
    axes = figure.subplots()
    largest = list({arm.init: arm for arms in study.sizes.values() for arm in arms}.values())
    for init in [arm.init for arm in largest]:
        found = [(size, arm) for size, arms in study.sizes.items() for arm in arms if arm.init == init]
        values = [[run.accuracy("test") for run in arm.runs] for _, arm in found]
        look = arm_look(found[0][1], largest)
        axes.plot([size for size, _ in found], list(map(fmean, values)), label=init, **look)
        for (size, arm), each in zip(found, values, strict=True):
            draw_mean(axes, arm, size, fmean(each), yerr=half_width(arm, each, "test"))
            axes.plot([size * 1.06] * len(each), each, "o", color=colour(arm), alpha=0.6, markersize=4)
    if words := study.words("test"):
        axes.plot(list(words), list(words.values()), "--", color=OTHER_COLOUR, label="bag of words, hypothesis only")
    mark_chance(axes)
    log_ticks(axes, list(study.sizes), "{x:,.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    label_axes(axes, "Test accuracy", "training examples (log scale)", "accuracy")
    share_legend(figure, [axes])
    return figure
