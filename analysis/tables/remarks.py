"""What has to be said beside the numbers on accuracy: that an arm has learned nothing, or shown no inference."""

from collections.abc import Sequence
from statistics import fmean

from analysis.records.arms import Arm
from analysis.records.groups import majority_share
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import listing, number, rate_text, span
from analysis.statistics.contrasts import same_answers
from analysis.statistics.intervals import CHANCE, Interval, mean_interval, wilson
from analysis.statistics.paired import Comparison
from analysis.tables.accuracy import is_compared, test_splits


def sameness_sentences(found: Sequence[tuple[str, Arm, Arm, Comparison]]) -> list[str]:
    """Names the arms between which nothing varies, so that no interval can be told."""
    return [
        f"{one.name} and {other.name} give every pair of {split} the same answer in every seed."
        if same_answers(one, other, split)
        else f"{one.name} and {other.name} are right on the same pairs of {split} in every seed."
        for split, one, other, gap in found
        if gap.standard_error == 0
    ]


def only_label(run: Run, split: str) -> str | None:
    """Returns the label that a run gives every pair of a split; None where it gives several, or none is recorded."""
    labels = set(run.labels(split).values())
    return labels.pop() if len(labels) == 1 else None


def floor(run: Run, split: str) -> tuple[float, str]:
    """Returns the accuracy that needs no learning, and what reaches it: a guess or, if better, always one label."""
    share = majority_share(run, split) or 0.0
    best = f"that of always giving the commonest test label, {number(share)}"
    return (share, best) if share > CHANCE else (CHANCE, "chance, 1/3")


def floor_reading(run: Run, split: str, found: Interval) -> str:
    """Says where the interval of an accuracy lies beside what needs no learning, as the end of `which ...`."""
    value, name = floor(run, split)
    return f"{'includes' if found.contains(value) else 'lies above' if found.low > value else 'lies below'} {name}"


def chance_sentences(arms: Sequence[Arm]) -> list[str]:
    """Names the arms whose accuracy is not shown to be more than what needs no learning."""
    found = ((arm, split, no_learning(arm, split)) for arm in arms for split in test_splits([arm]))
    return [f"{arm.name}, {split}: {reading}" for arm, split, reading in found if reading]


def no_learning(arm: Arm, split: str) -> str:
    """Says why an arm is not shown to have learned anything, over seeds or over test items; nothing where it is."""
    labels = dict.fromkeys(only_label(run, split) or "" for run in arm.runs)
    if "" not in labels:
        return f"it has learned nothing that this can show. Each run gives all pairs one label, {' or '.join(labels)}."
    values, run = [run.accuracy(split) for run in arm.runs], arm.runs[0]
    over_items = wilson(fmean(values), max(1, run.examples(split)))
    for over, found in (("seeds", mean_interval(values)), ("test items", over_items)):
        if found.low <= floor(run, split)[0]:
            reading = floor_reading(run, split, found)
            return (
                "its accuracy is not shown to be more than what needs no learning. The 95% interval of its mean over "
                f"{over}, {span(found.low, found.high)}, {reading}.{alone_sentence(arm, split)}"
            )
    return ""


def alone_sentence(arm: Arm, split: str) -> str:
    """Says how many seeds have learned something by their own interval over test items; nothing where none has."""
    found = [wilson(run.accuracy(split), max(1, run.examples(split))) for run in arm.runs]
    above = sum(each.low > floor(run, split)[0] for each, run in zip(found, arm.runs, strict=True))
    return f" For {above} of {len(found)} single runs the interval over test items lies above it." if above else ""


def lead_reading(other: str, gap: Comparison) -> str:
    """Says what an arm's lead over the same arm with one side hidden is, where it is none."""
    if gap.standard_error == 0:
        return f"It does as well as {other} on every pair."
    low, high = gap.shown_interval()
    return (
        f"The 95% interval of its lead over {other}, {span(low, high)}, {'lies below' if high < 0 else 'includes'} 0."
    )


def one_sided_sentences(found: Sequence[tuple[str, Arm, Arm, Comparison]], study: Study) -> list[str]:
    """Names the arms that are not shown to do better than the same arm with one side hidden."""
    return [
        f"{one.name}, {split}: it is not shown to have learned any inference. " + lead_reading(other.name, gap)
        for split, one, other, gap in found
        if other in study.one_sided and gap.interval()[0] <= 0
    ]


def words_sentences(study: Study) -> list[str]:
    """Names the arms that do no better than words of the hypothesis alone."""
    return [
        f"{arm.name}, {each.split}: its accuracy, {number(mean)}, is {'below' if mean < each.accuracy else 'only'} "
        f"that of the {each}, {number(each.accuracy)}."
        for arm in study.arms
        for each in study.yardsticks
        if each.sees == "hypothesis only" and each.train_examples == arm.training_examples
        if (mean := fmean(run.accuracy(each.split) for run in arm.runs)) <= each.accuracy
    ]


def level_sentences(level: float, study: Study, split: str = "test") -> list[str]:
    """Says that an accuracy which a claim takes to need inference does not, where words of the hypothesis give it."""
    sizes = {arm.training_examples for arm in study.arms}
    words = {
        str(each): each.accuracy
        for each in study.yardsticks
        if (each.split, each.sees) == (split, "hypothesis only") and each.train_examples in sizes
    }
    halves = {
        arm.name: fmean(run.accuracy(split) for run in arm.runs)
        for arm in study.one_sided
        if arm.runs[0].hidden == "premise" and arm.training_examples in sizes and split in test_splits([arm])
    }
    reached = [f"{number(found)} ({name})" for name, found in (words | halves).items() if found >= level]
    if not reached:
        return []
    return [
        f"An accuracy of {level:g}, by which C3 is judged, needs no inference: {split} accuracy {listing(reached)}."
    ]


def edge_sentences(study: Study) -> list[str]:
    """Names the tuned arms whose rate is the lowest or highest that was tried."""
    swept = [study.rates.get(init, ()) for init in ("scratch", "pretrained")]
    return [
        f"{arm.init}: its rate, {rate_text(arm.learning_rate)}, is at the edge of those tried; a better may lie beyond."
        for arms in swept
        for arm in ({arms[0], arms[-1]} if len(arms) > 2 else ())
        if is_compared(study, arm)
    ]
