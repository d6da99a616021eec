"""What agrees with the seed report's curve and what does not: sentences made of numbers, each with every outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.records.arms import Arm
from analysis.records.text import count, number, span
from analysis.report.recipes.systems import PRACTICES, REPORTED, System, epochs_of, rule_ended, run_of, watched_pairs
from analysis.statistics.contrasts import accuracy_gap
from analysis.statistics.intervals import LN3, Interval, wilson
from analysis.statistics.paired import ROUNDING, Comparison
from analysis.statistics.plateau import PLATEAU_LEVEL, first_run
from analysis.tables.remarks import floor, floor_reading, only_label
from train.stopping import Stopping

AGREES, DIFFERS, OPEN = "agrees", "differs", "cannot be told"
OPENINGS = {AGREES: "It agrees", DIFFERS: "It differs", OPEN: "It ended too early to tell"}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One thing that the seed report's curve shows, and whether it shows here too."""

    outcome: str
    """`AGREES`, `DIFFERS` or, where our run ended too early, `OPEN`."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """When and why the seed report's rule ends its own curve."""

    epoch: int | None
    best_epoch: int
    """The epoch that the rule calls best; the seed report itself kept the last weights."""
    reason: str


def seed_ending(system: System) -> Ending:
    """Returns what the rule of our runs, as reported, makes of the seed report's own curve."""
    stopping, best = Stopping(system.recipe.stop), 0
    curve = system.curve
    for epoch, loss, accuracy in zip(curve["epoch"], curve["train_loss"], curve["train_accuracy"], strict=True):
        if stopping.improved({"train_loss": float(loss)}, int(epoch)):
            best = int(epoch)
        if reason := stopping.reason(float(accuracy)):
            return Ending(epoch=int(epoch), best_epoch=best, reason=reason)
    return Ending(epoch=None, best_epoch=best, reason="its epochs were done")


def compare_epochs(theirs: int | None, ours: int | None, watched: tuple[int, int]) -> str:
    """Returns whether something happened in the same epoch in both runs, as far as each was watched.

    Args:
        theirs: the epoch in the seed report; None where it did not happen.
        ours: the epoch here.
        watched: epochs of the seed report's run and of ours.
    """
    if theirs is not None and ours is not None:
        return AGREES if theirs == ours else DIFFERS
    if theirs is None and ours is None:
        return OPEN
    happened, other = (theirs, watched[1]) if theirs is not None else (ours, watched[0])
    return OPEN if happened is not None and happened > other else DIFFERS


def plateau_epoch(losses: NDArray[np.float64]) -> int | None:
    """Returns the first epoch whose mean training loss lies off the ln 3 plateau; one is enough: it is of all pairs."""
    index = first_run(losses < PLATEAU_LEVEL, 1)
    return None if index is None else index + 1


def side_of_ln3(loss: float) -> str:
    return "above" if loss > LN3 else "at or below"


def start_point(system: System, arm: Arm) -> Point:
    """Says on which side of ln 3 the mean of the first epoch lies in both curves, which is not yet where they start."""
    theirs, ours = (float(c["train_loss"][0]) for c in (system.curve, run_of(arm).epochs))
    sides = side_of_ln3(theirs), side_of_ln3(ours)
    text = (
        f"the first epoch's training loss lies {sides[0]} ln 3 = {number(LN3, 4)} there ({number(theirs, 4)}) and "
        f"{sides[1]} it here ({number(ours, 4)})"
    )
    return Point(outcome=AGREES if sides[0] == sides[1] else DIFFERS, text=text)


def leaving(epoch: int | None, watched: int) -> str:
    return f"in epoch {epoch}" if epoch else f"in none of {count(watched, 'epoch')}"


def plateau_point(system: System, arm: Arm) -> Point:
    """Says in which epoch both curves leave the plateau."""
    losses = system.curve["train_loss"], run_of(arm).epochs["train_loss"]
    theirs, ours = map(plateau_epoch, losses)
    watched = len(losses[0]), len(losses[1])
    text = (
        f"the loss leaves the plateau (below ln 3 \N{MINUS SIGN} 0.05) {leaving(theirs, watched[0])} there and "
        f"{leaving(ours, watched[1])} here"
    )
    return Point(outcome=compare_epochs(theirs, ours, watched), text=text)


def rule_point(system: System, arm: Arm) -> Point:
    """Says after which epoch the rule ended both runs."""
    run, ending = run_of(arm), seed_ending(system)
    epochs, ended = epochs_of(run), rule_ended(run)
    theirs = f"after epoch {ending.epoch} ({ending.reason})" if ending.epoch else "not at all"
    ours = f"after epoch {epochs} ({run.summary['stop_reason']})" if ended else f"not within {count(epochs, 'epoch')}"
    outcome = compare_epochs(ending.epoch, epochs if ended else None, (len(system.curve["epoch"]), epochs))
    if outcome == AGREES and ending.reason != run.summary["stop_reason"]:
        outcome = DIFFERS
    return Point(outcome=outcome, text=f"the rule ended training {theirs} there and {ours} here")


def accuracy_point(when: str, theirs: float, ours: Interval) -> Point:
    """Says whether the seed report's accuracy lies in the interval of ours."""
    inside = ours.contains(theirs)
    text = (
        f"test accuracy {when} is {number(theirs, 4)} there, {'within' if inside else 'outside'} the 95% interval of "
        f"{number(ours.mean, 4)} here ({span(ours.low, ours.high)}, over {ours.n:,} test pairs)"
    )
    return Point(outcome=AGREES if inside else DIFFERS, text=text)


def points(system: System, arm: Arm) -> list[Point]:
    """Returns what the seed report's curve shows, held against an arm that followed its recipe as reported."""
    run = run_of(arm)
    shared = min(len(system.curve["epoch"]), epochs_of(run))
    then = wilson(float(run.evaluations["watched_test"]["accuracy"][shared]), watched_pairs(run))
    after = wilson(run.accuracy("test"), run.examples("test"))
    reported = system.curve["test_accuracy"]
    return [
        start_point(system, arm),
        plateau_point(system, arm),
        accuracy_point(f"after epoch {shared}, the last that both have,", float(reported[shared - 1]), then),
        accuracy_point("after training", float(reported[-1]), after),
        rule_point(system, arm),
    ]


def distance_sentence(system: System, arm: Arm) -> str:
    """Says how far the two training losses lie apart over the epochs that both have."""
    losses = system.curve["train_loss"], run_of(arm).epochs["train_loss"]
    shared = min(map(len, losses))
    apart = np.abs(losses[0][:shared] - losses[1][:shared])
    return (
        f"Over the {count(shared, 'epoch')} that both have, the training losses lie {number(float(apart.mean()))} "
        f"nats apart in the mean, {number(float(apart.max()))} at most (epoch {int(apart.argmax()) + 1})."
    )


def tally(found: Sequence[Point], outcome: str) -> int:
    return sum(point.outcome == outcome for point in found)


def beside_text(system: System) -> str:
    """Returns what agrees with the seed report's curve and what does not, for the arm that it ran: pretrained."""
    arm = system.arms.get((REPORTED, "pretrained"))
    if arm is None:
        return f"No pretrained run of {system.recipe.recipe} is finished, to be laid beside the seed report's curve."
    found = points(system, arm)
    parts = [f"Pretrained, as reported, agrees with the seed report in {tally(found, AGREES)} of {len(found)} points."]
    for outcome, words in OPENINGS.items():
        texts = [point.text for point in found if point.outcome == outcome]
        parts += [f"{words}: {'; '.join(texts)}."] if texts else []
    return " ".join([*parts, distance_sentence(system, arm)])


def lead(one: Arm, other: Arm) -> Comparison:
    """Returns the difference in test accuracy, paired over test pairs; `systems_of` has checked that both have them."""
    found = accuracy_gap(one, other, "test")
    assert found, "runs without predictions or of different seeds were refused"
    return found


def lead_text(found: Comparison) -> str:
    """Returns a difference in points with its interval, and whether that includes 0."""
    if found.standard_error <= ROUNDING:
        return f"{number(100 * found.difference, 2)} points (right on the same test pairs)"
    low, high = (100 * end for end in found.interval())
    zero = "which includes 0" if low <= 0 <= high else "without 0"
    return f"{number(100 * found.difference, 2)} points (95% interval {span(low, high, 2)}, {zero})"


def gain_text(pretrained: Arm, scratch: Arm) -> str:
    """Says by how much pretrained is better; where neither arm beats what needs no learning, says that instead."""
    shares = [run_of(arm).accuracy("test") for arm in (pretrained, scratch)]
    better = wilson(max(shares), run_of(pretrained).examples("test"))
    level, name = floor(run_of(pretrained), "test")
    if better.low > level:
        return lead_text(lead(pretrained, scratch))
    both = f"pretrained {number(shares[0], 4)}, scratch {number(shares[1], 4)}"
    return (
        f"neither arm is shown to have learned anything ({both}; 95% interval of the better "
        f"{span(better.low, better.high)}, not above {name})"
    )


def scratch_text(system: System) -> Iterable[str]:
    """Returns what the arm did that the seed report never ran, for each way of carrying out the recipe."""
    for practice in PRACTICES:
        scratch, pretrained = (system.arms.get((practice, init)) for init in ("scratch", "pretrained"))
        if scratch is None:
            continue
        run = run_of(scratch)
        losses, accuracy = run.epochs["train_loss"], wilson(run.accuracy("test"), run.examples("test"))
        label = only_label(run, "test")
        reading = f"every pair is called {label}" if label else f"which {floor_reading(run, 'test', accuracy)}"
        reached = f"{number(accuracy.mean, 4)} (95% interval {span(accuracy.low, accuracy.high)}, {reading})"
        text = (
            f"Scratch, {practice}, which the seed report did not run, has a mean training loss "
            f"{side_of_ln3(losses[0])} ln 3 in its first epoch ({number(losses[0], 4)}), leaves the plateau "
            f"{leaving(plateau_epoch(losses), len(losses))} and reaches a test accuracy of {reached}"
        )
        gain = f"; pretrained minus scratch: {gain_text(pretrained, scratch)}" if pretrained else ""
        yield f"{text}{gain}."
