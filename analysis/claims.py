"""The seed report's claims C1, C2 and C3, answered in numbers for each arm."""

import math
from collections.abc import Callable, Sequence

from analysis.arms import Arm, find_arm
from analysis.curves import first_share, loss_at_share
from analysis.document import Block, Paragraph, Table
from analysis.plateau import CONSECUTIVE, Passage, accuracy_reaching, censored_median, loss_below
from analysis.plateau import PLATEAU_LEVEL as PLATEAU
from analysis.records import Columns
from analysis.runs import Run
from analysis.statistics import LN3, Interval, mean_interval
from analysis.text import MISSING, number

EQUAL_AT_START = 0.02
"""Margin, in nats, within which two losses before the first update count as equal."""

LOSS_LEVELS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
ACCURACY_LEVELS = tuple(level / 100 for level in range(40, 100, 5))

PASSAGE_COLUMNS = ("arm", "reached", "steps: median (range)", "examples", "seconds of training")

LossOf = Callable[[Run], float]


def interval_cells(values: Sequence[float], digits: int) -> tuple[str, str, str, str]:
    """Returns seeds, mean, 95% interval and range as text."""
    found = mean_interval(values)
    between = f"{number(found.low, digits)} to {number(found.high, digits)}" if found.n > 1 else MISSING
    span = f"{number(found.least, digits)} to {number(found.most, digits)}"
    return str(found.n), number(found.mean, digits), between, span


def step0_loss(run: Run) -> float:
    """Returns the validation loss before the first update."""
    return float(run.summary["evaluations"]["before"]["validation"]["loss"])


def first_epoch_loss(run: Run) -> float:
    """Returns the mean training loss over the first epoch."""
    return float(run.training["loss"][: max(1, run.config["plan"]["steps_per_epoch"])].mean())


START_MEASURES: dict[str, LossOf] = {
    "validation loss at step 0": step0_loss,
    "training loss, first 1% of the steps": lambda run: first_share(run.training, 0.01),
    "training loss at 10% of the steps": lambda run: loss_at_share(run.training, 0.10),
    "training loss, mean of the first epoch": first_epoch_loss,
}


def paired_difference(arms: Sequence[Arm], measure: LossOf) -> Interval | None:
    """Returns pretrained minus scratch over the seeds that both have, or None without such a pair."""
    one, other = find_arm(arms, "pretrained"), find_arm(arms, "scratch")
    if one is None or other is None:
        return None
    theirs = {run.seed: measure(run) for run in other.runs}
    gaps = [measure(run) - theirs[run.seed] for run in one.runs if run.seed in theirs]
    return mean_interval(gaps) if gaps else None


def start_reading(gap: Interval) -> str:
    """Returns what the paired difference at step 0 says about an equal start."""
    if gap.n < 2:
        return "one pair of seeds allows no interval and no verdict"
    if max(-gap.low, gap.high) < EQUAL_AT_START:
        return f"the whole interval lies within ±{EQUAL_AT_START}: the two arms start equal"
    if gap.high < -EQUAL_AT_START:
        return f"the pretrained arm starts lower by more than {EQUAL_AT_START}"
    if gap.low > EQUAL_AT_START:
        return f"the pretrained arm starts higher by more than {EQUAL_AT_START}"
    return f"the interval reaches beyond ±{EQUAL_AT_START} on one side or both: undecided"


def gap_text(gap: Interval, digits: int = 4) -> str:
    """Returns a paired difference with its interval."""
    text = f"pretrained minus scratch {number(gap.mean, digits)}"
    if gap.n > 1:
        text += f", 95% interval {number(gap.low, digits)} to {number(gap.high, digits)}"
    return f"{text}, paired over {gap.n} seed{'s' if gap.n != 1 else ''}"


def claim1(arms: Sequence[Arm]) -> list[Block]:
    """C1: does a pretrained model start at a lower loss?"""
    rows = tuple(
        (name, arm.name, *interval_cells([measure(run) for run in arm.runs], 4))
        for name, measure in START_MEASURES.items()
        for arm in arms
    )
    columns = ("measure", "arm", "seeds", "mean", "95% interval", "range")
    blocks: list[Block] = [Table(f"Loss at the start (nats; ln 3 = {LN3:.4f})", columns, rows)]
    if gap := paired_difference(arms, step0_loss):
        blocks.append(Paragraph(f"At step 0: {gap_text(gap)}; {start_reading(gap)}."))
    if gap := paired_difference(arms, first_epoch_loss):
        reading = "an epoch's mean mixes the start with what was learned during the epoch"
        blocks.append(Paragraph(f"Over the first epoch: {gap_text(gap)}; {reading}."))
    return blocks


def median_text(values: Sequence[float], digits: int, last: float) -> str:
    """Returns the censored median with the range; "not in N" if at least half of the seeds never arrived."""
    median, arrived = censored_median(values), [value for value in values if math.isfinite(value)]
    shown = number(median, digits) if math.isfinite(median) else f"not in {number(last, digits)}"
    if len(arrived) < 2:
        return shown
    most = number(max(values), digits) if len(arrived) == len(values) else "never"
    least = number(min(arrived), digits)
    return shown if least == most else f"{shown} ({least} to {most})"


def passage_row(arm: Arm, passages: Sequence[Passage]) -> tuple[str, ...]:
    """Returns arm, seeds that arrived, and the three clocks as text."""
    reached = sum(math.isfinite(found.step) for found in passages)

    def clock(name: str, digits: int) -> str:
        last = max(float(run.training[name][-1]) for run in arm.runs)
        return median_text([getattr(found, name) for found in passages], digits, last)

    cells = (clock("step", 0), clock("examples_seen", 0), clock("train_seconds", 1))
    return arm.name, f"{reached} of {len(passages)}", *cells


def plateau_passages(arm: Arm, split: str) -> list[Passage]:
    """Returns, for each seed, when a probe's loss left the ln 3 plateau."""
    return [loss_below(run.evaluations.get(split), PLATEAU) for run in arm.runs]


def clock_split(arms: Sequence[Arm]) -> tuple[str, int]:
    """Returns the split that times a passage and how many evaluations must agree.

    The small validation probe is read often and needs two in a row; the whole set, once an epoch, needs one.
    """
    probed = all("probe_validation" in run.evaluations for arm in arms for run in arm.runs)
    return ("probe_validation", CONSECUTIVE) if probed else ("validation", 1)


def level_table(
    arms: Sequence[Arm],
    caption: str,
    levels: Sequence[float],
    passed: Callable[[Columns | None, float, int], Passage],
) -> Table:
    """Returns when each arm first reached each level, down to the first level that no run reached."""
    split, consecutive = clock_split(arms)
    rows: list[tuple[str, ...]] = []
    for level in levels:
        found = [[passed(r.evaluations.get(split), level, consecutive) for r in arm.runs] for arm in arms]
        rows += [(f"{level:.2f}", *passage_row(a, p)) for a, p in zip(arms, found, strict=True)]
        if not any(math.isfinite(p.step) for passages in found for p in passages):
            break
    name = split.replace("_", " ")
    return Table(f"{caption} ({name}, {consecutive} in a row)", ("level", *PASSAGE_COLUMNS), tuple(rows))


def claim2(arms: Sequence[Arm]) -> list[Block]:
    """C2: does the loss of a pretrained model converge faster?"""
    splits = {"probe_train": "training probe", "probe_validation": "validation probe"}
    clocks = tuple(
        (name, *passage_row(arm, plateau_passages(arm, split))) for split, name in splits.items() for arm in arms
    )
    caption = f"Plateau clock: first of two consecutive evaluations below ln 3 \N{MINUS SIGN} 0.05 = {PLATEAU:.4f}"
    levels = level_table(arms, "Steps to a validation loss", LOSS_LEVELS, loss_below)
    return [Table(caption, ("probe", *PASSAGE_COLUMNS), clocks), levels]


def seconds_per_step(run: Run) -> float:
    """Returns the seconds of one training step, evaluation not counted."""
    return float(run.summary["train_seconds"]) / max(1, int(run.summary["steps"]))


def claim3(arms: Sequence[Arm]) -> list[Block]:
    """C3: does a pretrained model train faster, per step or to a given quality?"""
    rows = tuple((a.name, *interval_cells([seconds_per_step(r) for r in a.runs], 4)) for a in arms)
    columns = ("arm", "seeds", "mean", "95% interval", "range")
    blocks: list[Block] = [Table("Seconds per training step", columns, rows)]
    if gap := paired_difference(arms, seconds_per_step):
        blocks.append(Paragraph(f"Seconds per step: {gap_text(gap)}."))
    return [*blocks, level_table(arms, "Steps to a validation accuracy", ACCURACY_LEVELS, accuracy_reaching)]
