"""Sections beyond accuracy: equal training loss, the arms between, and what only one arm gets right."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from analysis.records.arms import Arm, family
from analysis.records.fairness import unfair
from analysis.records.masked import masked_figures
from analysis.records.runs import Run
from analysis.records.study import Study
from analysis.records.text import MISSING, clean, count, listing, number, rate_text, span
from analysis.statistics.contrasts import accuracy_gap, headline_pair
from analysis.statistics.ladder import Rung, other_rates, rungs
from analysis.statistics.matched import Match, matches
from analysis.statistics.paired import Comparison
from analysis.tables.accuracy import test_splits
from analysis.tables.disagreement import Both, both, shown_disagreements
from analysis.tables.document import Block, Paragraph, Plot, Table
from analysis.tables.remarks import only_label, sameness_sentences

ISOLATED = {
    "embeddings": "the embedding block: the lexicon",
    "shuffled": "every tensor with its entries permuted: scale and statistics",
    "bottom": "the embeddings and the lowest layers: depth",
    "mlm": "no weights: masked words of the task's own sentences",
}
"""Family of inits -> what an arm takes from pretraining."""


def match_row(each: Match) -> tuple[str, ...]:
    """Returns one comparison at equal training loss as cells."""
    return (
        f"{each.level:.1f}",
        each.measure,
        *map(str, each.reached),
        *map(number, each.means),
        number(each.gap.difference),
        span(*each.gap.shown_interval()),
        str(each.gap.seeds[0]),
    )


def matched_sentence(pair: tuple[Arm, Arm], found: Sequence[Match]) -> str:
    """Says whether pretraining does more than fit faster, at the lowest loss to which most seeds came."""
    each = max((each for each in found if each.measure == "loss"), key=lambda each: (each.gap.seeds, -each.level))
    low, high = each.gap.shown_interval()
    if not math.isfinite(low):
        reading = f"{'one seed allows' if each.gap.seeds[0] == 1 else 'seeds that do not differ allow'} no interval"
    elif high < 0:
        reading = "pretraining does more than fit faster: what it fits carries over better"
    elif low > 0:
        reading = "at the same fit pretraining carries over less"
    else:
        reading = "it is not shown to do more than fit faster"
    gap = f"{number(each.gap.difference)} (95% interval {span(low, high)}, paired over "
    return (
        f"Where the training probe's loss is {each.level:.1f}, the loss on the validation probe, {pair[0].name} minus "
        f"{pair[1].name}, is {gap}{count(each.gap.seeds[0], 'seed')}): {reading}."
    )


def matched_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns what the arms reach on validation where their training losses are equal."""
    pair = headline_pair(study.arms)
    found = matches(pair) if pair else []
    if not pair or not found:
        return []
    names = [arm.name for arm in pair]
    columns = ("training loss", "on validation", *(f"{name}: seeds there" for name in names), *names)
    text = (
        "First time that the training probe's loss comes down to a level, straight between the evaluations around it, "
        "so that both arms have the same loss there. Means and difference are over the seeds of which both arms came "
        "to it: a seed that fits less is left out, and a probe is small."
    )
    ends = ("difference", "95% interval", "seeds")
    caption = "Validation probe at equal loss on the training probe"
    table = Table(caption, (*columns, *ends), tuple(map(match_row, found)), "runs/*/metrics.jsonl")
    return [plots["matched_loss"], table, Paragraph(matched_sentence(pair, found)), Paragraph(text)]


def rung_row(study: Study, each: Rung, split: str) -> tuple[str, ...]:
    """Returns one arm between scratch and pretrained as cells."""
    others = other_rates(study, each.arm)
    return (
        each.arm.name,
        ISOLATED.get(family(each.arm.init), MISSING),
        rate_text(each.arm.learning_rate),
        listing([f"{rate_text(rate)} ({count(runs, 'run')})" for rate, runs in others.items()]) or MISSING,
        listing([str(seed) for seed in each.seeds]),
        number(fmean(run.accuracy(split) for run in each.arm.runs)),
        *share_cells(each, split),
    )


def share_cells(each: Rung, split: str) -> tuple[str, str]:
    """Returns an arm's share and its interval; neither where every run gives all pairs one label."""
    if any(learned(run, split) for run in each.arm.runs):
        return number(each.share, 2), span(each.low, each.high, 2)
    return "none: did not learn", MISSING


def learned(run: Run, split: str) -> bool:
    """Whether a run gives the pairs of a split more than one answer."""
    return only_label(run, split) is None


def end_row(arm: Arm, share: float) -> tuple[str, ...]:
    """Returns scratch or pretrained as a row of the ladder: its foot or its top."""
    accuracy = number(fmean(run.accuracy("test") for run in arm.runs))
    seeds = listing([str(run.seed) for run in arm.runs])
    return arm.name, MISSING, rate_text(arm.learning_rate), MISSING, seeds, accuracy, number(share, 2), MISSING


def edge_sentence(study: Study, found: Sequence[Rung]) -> str:
    """Says which arms' rate is the lowest or the highest of those tried, so that a better one may lie beyond."""
    rates = {each.arm.name: (each.arm.learning_rate, list(other_rates(study, each.arm))) for each in found}
    ends = [name for name, (rate, others) in rates.items() if others and not min(others) < rate < max(others)]
    return f"At an end of the rates tried, beyond which a better one may lie: {listing(ends)}." if ends else ""


def words_sentence(study: Study, found: Sequence[Rung]) -> str:
    """Says which arms between are below what the words of the hypothesis alone give, where that was measured."""
    words = study.words("test").get(study.arms[0].training_examples)
    below = [rung.arm.name for rung in found if words and fmean(run.accuracy("test") for run in rung.arm.runs) < words]
    told = f" Below it: {listing(below)}." if below else ""
    return f"A bag of words of the hypothesis alone has {number(words)} with these pairs.{told}" if words else ""


def masked_sentence(found: Sequence[Rung]) -> str:
    """Says how much the arm mlm's weights know of masked words, where their records lie beside the study."""
    known = [figures for each in found if each.arm.init == "mlm" and (figures := masked_figures(each.arm.runs[0]))]
    told = [
        f"The weights of mlm come from {sentences:,} sentences; of others' masked words they guess {number(accuracy)} "
        f"right, at {number(loss, 2)} nats. One such training is behind all its seeds."
        for sentences, accuracy, loss in known
    ]
    return " ".join(told)


def ladder_of(study: Study, folder: str = "", about: str = "") -> list[Block]:
    """Returns a study's arms from scratch to pretrained as a table, and what has to be said of them."""
    found, pair = rungs(study), headline_pair(study.arms)
    if not found or not pair:
        return []
    columns = ("arm", "what it takes from pretraining", "learning rate", "also run at", "seeds", "test accuracy")
    between = (rung_row(study, each, "test") for each in found)
    top, foot = (1.0, 0.0) if math.isfinite(found[0].share) else (math.nan, math.nan)
    rows = (end_row(pair[0], top), *between, end_row(pair[1], foot))
    source = f"{folder}runs/*/predictions.csv, {folder}runs/*/config.json"
    caption = f"Share of the gap in test accuracy{about}"
    table = Table(caption, (*columns, "share", "95% interval"), rows, source)
    notes = [edge_sentence(study, found), words_sentence(study, found), masked_sentence(found)]
    said = [*notes, *sameness_sentences(ladder_gaps(found, pair))]
    return [table, *(Paragraph(sentence) for sentence in said if sentence)]


def ladder_beside(study: Study) -> list[Block]:
    """Returns the same of a study beside the reported one; no shares where its arms differ in more than they should."""
    blocks = ladder_of(study, f"results/{study.name}/", f", study {study.name}: {of_what(study)}")
    if blocks and (differing := sorted({each.key for each in unfair(study)})):
        return [Paragraph(f"Study {study.name}: no shares, since its arms also differ in {listing(differing)}.")]
    return blocks


def of_what(study: Study) -> str:
    """Says on how many examples of which data a study's main comparison was trained."""
    run = study.arms[0].runs[0]
    return f"{run.training_examples:,} training examples of {clean(str(run.data['name']))}"


def ladder_blocks(study: Study, beside: Iterable[Study], plots: Mapping[str, Plot]) -> list[Block]:
    """Returns how much of the gap the arms between scratch and pretrained close, here and in studies beside."""
    blocks: list[Block] = [plots["ladder"]] if "ladder" in plots else []
    blocks += ladder_of(study)
    for each in beside:
        blocks += ladder_beside(each)
    text = (
        "Share: (arm minus scratch) over (pretrained minus scratch), over the seeds that all three have and all test "
        "pairs. Its interval holds every share that the seeds and pairs do not rule out (Fieller 1954); where the gap "
        "itself is not clearly different from zero there is no share, nor where every run of an arm gives all pairs "
        "one answer. Arms may hold each other (bottom-K the embeddings), so shares do not add up; and one that takes "
        "the highest layers alone was not tried. An arm run at several rates is compared at the one that validation "
        "chose for it, else at that of most seeds, else at that of the lowest validation loss."
    )
    return [*blocks, Paragraph(text)] if blocks else []


def ladder_gaps(found: Sequence[Rung], pair: tuple[Arm, Arm] | None) -> list[tuple[str, Arm, Arm, Comparison]]:
    """Returns split, arms and difference of each arm between and both ends."""
    ends = [(each.arm, end, accuracy_gap(each.arm, end, "test")) for each in found for end in pair or ()]
    return [("test", arm, end, gap) for arm, end, gap in ends if gap]


def agreement_table(found: Both) -> Table:
    """Returns how many test pairs each arm gets right with every seed, and how many the other does not."""
    one, other = found.names
    pairs = len(found.always[0])
    counts = {
        f"{one} right, {other} wrong": found.count(1, 0),
        f"{one} wrong, {other} right": found.count(0, 1),
        "both right": found.count(1, 1),
        "both wrong": found.count(0, 0),
    }
    counts["seeds of an arm differ"] = pairs - sum(counts.values())
    rows = tuple((what, f"{amount:,}", number(amount / pairs)) for what, amount in counts.items())
    caption, columns = f"Pairs of {found.split} by what every seed answers", ("with every seed", "pairs", "share")
    return Table(caption, columns, rows, "runs/*/predictions.csv")


def disagreement_table(study: Study) -> Table | None:
    """Returns the pairs on which the arms differ most, with their sentences where those were looked up."""
    shown = shown_disagreements(study.arms)
    texts = study.quotes.pairs if study.quotes else {}
    sides = ("premise", "hypothesis") if any(each.id in texts for each in shown) else ()
    rows = tuple(
        (
            *(each.winner, each.id, each.group or MISSING, each.gold, each.instead),
            *map(number, each.probabilities),
            *(texts.get(each.id, (MISSING, MISSING)) if sides else ()),
        )
        for each in shown
    )
    about = ("right", "pair", "group", "gold label", "wrong label of the other")
    columns = (*about, "probability of gold", "in the other arm")
    caption = "Pairs that one arm gets right and the other wrong, the widest margins (probabilities: mean over seeds)"
    source = "runs/*/predictions.csv" + ", quotes.json" * bool(sides)
    return Table(caption, (*columns, *sides), rows, source) if rows else None


def disagreement_blocks(study: Study) -> list[Block]:
    """Returns the pairs that every seed of one arm gets right and every seed of the other wrong."""
    found = [each for split in test_splits(study.arms) if (each := both(study.arms, split))]
    if not found:
        return []
    shown = disagreement_table(study)
    quoted = study.quotes is not None and any(each.id in study.quotes.pairs for each in shown_disagreements(study.arms))
    source = [Paragraph(study.quotes.source)] if study.quotes and quoted else []
    return [*map(agreement_table, found), *([shown] if shown else []), *source]
