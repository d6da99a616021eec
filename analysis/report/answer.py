"""The report's first screen: the answer in a few sentences."""

import math
from collections.abc import Sequence
from statistics import fmean

from analysis.claims.findings import Findings
from analysis.claims.verdicts import UNDECIDED, Verdict, by_equivalence, claim_verdict
from analysis.records.arms import Arm
from analysis.records.text import count, listing, number, span
from analysis.statistics.contrasts import accuracy_gap, interaction
from analysis.statistics.intervals import LN3, accuracy_interval
from analysis.statistics.measures import PROBES, last_look, step0_loss
from analysis.statistics.paired import Comparison
from analysis.statistics.plateau import CONSECUTIVE, PLATEAU_LEVEL, loss_below
from analysis.statistics.survival import median_time
from analysis.tables.accuracy import gaps, per_arm
from analysis.tables.claims import on_plateau
from analysis.tables.remarks import sameness_sentences

MOST_IN_ANSWER = 3
"""Arms that the short answer names in full; the tables have the others."""

MINILM_NOTE = (
    "These weights, all-MiniLM-L6-v2, are a distilled sentence encoder, trained on 277,230 triplets built from the "
    "labels of MultiNLI and SNLI among other text: part of the gain may be that earlier supervision."
)
WEIGHTLESS = ("scratch", "mlm")
"""Inits that take nothing from the checkpoint's weights."""


def headline_note(arms: Sequence[Arm]) -> str:
    """Returns what has to stand on the first screen, beside its figure and among the threats, or nothing."""
    weights = [run.config.get("checkpoint") for arm in arms if arm.init not in WEIGHTLESS for run in arm.runs]
    return MINILM_NOTE if "minilm" in weights else ""


def interval_text(arm: Arm, split: str) -> str:
    """Returns the 95% interval of an accuracy: over seeds, or over test items when there is one seed."""
    found, over = accuracy_interval([run.accuracy(split) for run in arm.runs], arm.runs[0].examples(split))
    if len(arm.runs) > 1 and not found.low < found.high:
        return "the same in all"
    return f"95% interval over {over} {span(found.low, found.high)}"


def main_arms(arms: Sequence[Arm]) -> list[Arm]:
    """Returns the arms of the short answer: all of a few, else the two that the question is about."""
    pair = [arm for arm in arms if arm.init in ("scratch", "pretrained")]
    return pair if len(arms) > MOST_IN_ANSWER and pair else list(arms)


def accuracy_sentence(findings: Findings) -> str:
    """Answers what each arm reaches on the test set, and how far pretrained is ahead."""
    arms = findings.study.arms
    named = main_arms(arms)
    parts = [
        f"{number(fmean(run.accuracy('test') for run in arm.runs))} for {arm.name} "
        f"({count(len(arm.runs), 'seed')}, {interval_text(arm, 'test')})"
        for arm in named
    ]
    found = [f"With {arms[0].training_examples:,} training examples, mean test accuracy is {listing(parts)}."]
    if others := [arm for arm in arms if arm not in named]:
        found.append(f"In the other arms it is {per_arm(others, lambda run: run.accuracy('test'))}.")
    gap = accuracy_gap(*findings.pair, "test") if findings.pair else None
    if gap:
        found.append(
            f"Pretrained minus scratch is {number(gap.difference)}, 95% interval over {gap.over} "
            f"{span(*gap.shown_interval())}{power_words(gap)}."
        )
    if worth := findings.worths.get(arms[0].training_examples):
        found.append(f"At the epochs and rates used here, scratch needs {worth} to match pretrained.")
    return " ".join(found)


def beside(findings: Findings, claim: str) -> str:
    """Returns what the tests shown beside a claim say, where that is another thing than its verdict; as a sentence."""
    verdicts = findings.verdicts.get(claim, ())
    others = [each for each in verdicts if each.found and each.verdict != claim_verdict(verdicts)]
    found = [f"{each.test.measured}, {number(each.found.difference)} ({each.verdict})" for each in others if each.found]
    return f" Other measures, which do not decide, give another verdict: {'; '.join(found)}." if found else ""


def power_words(gap: Comparison) -> str:
    """Says which difference the runs suffice to find; nothing where none of them varies."""
    found = f"; were the true gap {number(gap.smallest_gap())}, 4 of 5 studies with this spread would find one"
    return found if math.isfinite(gap.smallest_gap()) else ""


def within(verdict: Verdict) -> str:
    """Says that an interval lies inside the margin, where that decided: not that it holds 0."""
    margin = verdict.test.margin
    decided = by_equivalence(verdict.test) and verdict.verdict != UNDECIDED
    inside = decided and all(abs(end) < margin for end in verdict.interval)
    return f" (wholly within the ±{margin:g} registered as no difference)" if inside else ""


def verdict_clause(findings: Findings, claim: str, saying: str, digits: int, unit: str) -> str:
    """Returns the deciding difference of a claim with its interval and the verdict, as the end of a sentence."""
    deciding = [each for each in findings.verdicts.get(claim, ()) if each.test.decides and each.found]
    if not deciding or not deciding[0].found:
        return ""
    first = deciding[0]
    return (
        f"; pretrained minus scratch is {number(deciding[0].found.difference, digits)} {unit}, "
        f"{100 * first.coverage:.0f}% interval {span(*first.interval, digits)}{within(first)}, paired over "
        f"{count(first.seeds, 'seed')}, so claim {claim}, “{saying}”, is "
        f"{claim_verdict(findings.verdicts[claim])}"
    )


def start_sentence(findings: Findings) -> str:
    """Answers where each arm starts."""
    losses = per_arm(main_arms(findings.study.arms), step0_loss, 4)
    reading = verdict_clause(findings, "C1", "it starts lower", 4, "nats")
    return (
        f"Before the first update the validation loss is {losses}, where a uniform guess has {LN3:.4f}{reading}. "
        "A fresh head knows nothing of the labels: its first logits are small, so any encoder starts near that value."
        f"{beside(findings, 'C1')}"
    )


def plateau_sentence(findings: Findings) -> str:
    """Answers when each arm leaves the plateau, on both probes."""
    clauses = []
    for split, name in PROBES.items():
        parts = []
        for arm in main_arms(findings.study.arms):
            curve = on_plateau(arm, split)
            median = median_time(curve)[0]
            last = max(last_look(run, split, "step") for run in arm.runs)
            shown = number(median, 0) if median <= last else f"not in {number(last, 0)}"
            parts.append(f"{arm.name} {shown} ({curve.events.sum():.0f} of {count(len(arm.runs), 'seed')})")
        clauses.append(f"on the {name}, {listing(parts)}")
    reading = verdict_clause(findings, "C2", "the loss falls faster", 2, "of the run on the validation probe")
    start = (
        f"Steps until the loss leaves the ln 3 plateau ({CONSECUTIVE} evaluations in a row below "
        f"{number(PLATEAU_LEVEL, 4)}), median over seeds:"
    )
    return f"{start} {', and '.join(clauses)}{reading}.{relapse_sentence(findings)}{beside(findings, 'C2')}"


def relapse_sentence(findings: Findings) -> str:
    """Says which arms' runs, having left the plateau on the validation probe, ended above it again."""
    parts, probe = [], "probe_validation"
    for arm in main_arms(findings.study.arms):
        left = [run for run in arm.runs if math.isfinite(loss_below(run.evaluations.get(probe), PLATEAU_LEVEL).step)]
        back = sum(run.evaluations[probe]["loss"][-1] >= PLATEAU_LEVEL for run in left)
        whole = [run.evaluations["validation"]["loss"][-1] for run in left if "validation" in run.evaluations]
        there = f" (on the whole validation set it was {span(min(whole), max(whole))})" if whole else ""
        parts += [f"{back} of {count(len(left), 'run')} of {arm.name}{there}"] * bool(back)
    back_again = f"By the last step the loss on the validation probe was above {number(PLATEAU_LEVEL, 4)} again in"
    return f" {back_again} {listing(parts)}." if parts else ""


def premise_gaps(findings: Findings) -> list[tuple[str, Arm, Arm, Comparison]]:
    """Returns split, arm, the arm with the premise hidden and their difference in test accuracy, where it was run."""
    named = main_arms(findings.study.arms)
    return [
        (split, one, other, gap)
        for split, one, other, gap in gaps(findings)
        if split == "test" and one in named and other.runs[0].hidden == "premise"
    ]


def premise_sentence(findings: Findings) -> str:
    """Answers whether the arms use the premise at all: without it, there is nothing to infer from."""
    gains = [(arm.name, gap) for _, arm, _, gap in premise_gaps(findings)]
    parts = [f"{number(gap.difference)} to {name} ({interval_words(gap)})" for name, gap in gains]
    idle = [name for name, gap in gains if gap.interval()[0] <= 0]
    reading = f", so {listing(idle)} is not shown to use the premise" if idle else ""
    more = premise_contrast(findings)
    between = f"; to pretrained it is worth {number(more.difference)} more ({interval_words(more)})" if more else ""
    return f"Seeing the premise beside the hypothesis is worth {listing(parts)}{reading}{between}." if parts else ""


def premise_contrast(findings: Findings) -> Comparison | None:
    """Returns how much more the premise is worth to pretrained than to scratch, over seeds and items, where all ran."""
    halves = {arm.name: half for _, arm, half, _ in premise_gaps(findings)}
    if not findings.pair or any(arm.name not in halves for arm in findings.pair):
        return None
    one, other = findings.pair
    return interaction(one, halves[one.name], other, halves[other.name], "test")


def interval_words(found: Comparison) -> str:
    """Returns a difference's seeds and interval, for brackets."""
    return f"{count(min(found.seeds), 'seed')}, 95% interval {span(*found.shown_interval())}"


def sameness_sentence(findings: Findings) -> str:
    """Says between which arms of the short answer nothing varies, so that an interval is n/a."""
    main = [found for found in gaps(findings) if found[0] == "test" and found[1:3] == findings.pair]
    return " ".join(sameness_sentences([*main, *premise_gaps(findings)]))


def answer(findings: Findings) -> list[str]:
    """Returns what each arm reaches and what has to stand beside, whether by inference, where it starts, how fast."""
    first = f"{accuracy_sentence(findings)} {headline_note(findings.study.arms)}".strip()
    makers = (premise_sentence, sameness_sentence, start_sentence, plateau_sentence)
    return [first, *(sentence for make in makers if (sentence := make(findings)))]
