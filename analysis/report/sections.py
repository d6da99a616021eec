"""The report's sections in reading order; one appears only where the records have something for it."""

from collections.abc import Mapping

from analysis.claims.findings import Findings
from analysis.records.study import Study
from analysis.report.answer import headline_note
from analysis.report.beyond_sections import disagreement_blocks, ladder_blocks, matched_blocks
from analysis.report.calibration_section import calibration_blocks
from analysis.report.claims_section import verdict_blocks
from analysis.report.inside_sections import inside_sections
from analysis.report.provenance import account, data_blocks, fairness, run_table
from analysis.report.recipes.report import recipe_blocks
from analysis.report.reproduce import NOTE, commands
from analysis.report.speed_section import speed_blocks
from analysis.report.threats import sweep_threat, threats
from analysis.tables.accuracy import (
    accuracy_table,
    gap_table,
    gaps,
    group_table,
    rate_table,
    size_table,
    test_splits,
    worth_table,
)
from analysis.tables.before import change_sentence, change_table, seed_table
from analysis.tables.claims import accuracy_level_table, loss_table, plateau_table, start_table, step_time_table
from analysis.tables.document import Block, Code, Listing, Paragraph, Plot, Section
from analysis.tables.errors import class_table, confusion_table, mistake_table
from analysis.tables.remarks import (
    chance_sentences,
    edge_sentences,
    level_sentences,
    one_sided_sentences,
    sameness_sentences,
    words_sentences,
)

FOLDED = ("Learning rates", "Accuracy by group", "Runs and fairness", "Data", "How to reproduce")
"""Sections that the page shows closed: long tables to look things up in."""


def listed(items: list[str]) -> list[Block]:
    """Returns a list of sentences, or nothing for none."""
    return [Listing(tuple(items))] if items else []


def level_remarks(findings: Findings) -> list[str]:
    """Says of the accuracy by which C3 is judged that it needs no inference, where that is so."""
    tests = [each.test for each in findings.verdicts.get("C3", ())]
    levels = {test.level for test in tests if test.measure.endswith("accuracy at or above the level") and test.level}
    return [sentence for level in sorted(levels) for sentence in level_sentences(level, findings.study)]


def accuracy_blocks(findings: Findings, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns what the arms reach on the test sets, and how far apart they are."""
    study, found = findings.study, gaps(findings)
    remarks = (
        sameness_sentences(found)
        + chance_sentences(study.arms)
        + one_sided_sentences(found, study)
        + words_sentences(study)
    )
    differences = [gap_table(found)] if found else []
    return [plots["test_accuracy"], accuracy_table(study), *differences, *listed(remarks)]


def change_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns accuracy and loss before any update and after training, beside the seed report's own."""
    table = change_table(study.arms)
    if table is None:
        return []
    return [plots["before_after"], table, Paragraph(change_sentence(study.arms)), seed_table()]


def error_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns what is said to pairs of each gold label, and the mistakes made with most confidence."""
    makers = (class_table, confusion_table)
    tables = [table for split in test_splits(study.arms) for make in makers if (table := make(study.arms, split))]
    shown = mistake_table(study.arms, study.quotes)
    source = [Paragraph(study.quotes.source)] if shown and study.quotes else []
    pictures = [plots["confusion"]] if "confusion" in plots else []
    return [*pictures, *tables, *([shown] if shown else []), *source]


def group_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns accuracy by group of test examples: genres, or phenomena with seen and unseen words."""
    tables = [table for split in test_splits(study.arms) if (table := group_table(study.arms, split))]
    return [plots["groups"], *tables] if "groups" in plots else []


def seed_words(study: Study) -> str:
    """Says of which arms the interval of the examples-worth lets seeds vary: of those that have several."""
    seeds = [len(a.runs) for arms in study.sizes.values() for a in arms if a.init in ("scratch", "pretrained")]
    if min(seeds) > 1:
        return " and lets seeds vary"
    return (
        " alone: one seed says nothing about others"
        if max(seeds) == 1
        else ", and lets seeds vary where an arm has several"
    )


def size_blocks(findings: Findings, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns accuracy against the number of training examples, and what pretraining is worth in examples."""
    if "sizes" not in plots:
        return []
    blocks: list[Block] = [plots["sizes"], size_table(findings.study)]
    if findings.worths:
        text = (
            "Examples-worth: the number of labelled examples with which scratch matches pretrained, read off the "
            "scratch curve (made monotone, straight between sizes on a log scale); “>” where no size that was run "
            f"reaches it. The interval resamples test items{seed_words(findings.study)}."
        )
        blocks += [Paragraph(text), worth_table(findings)]
    return blocks


def rate_blocks(study: Study, plots: Mapping[str, Plot]) -> list[Block]:
    """Returns what the learning rates tried gave."""
    told = listed([*sweep_threat(study), *edge_sentences(study)])
    return [plots["rates"], rate_table(study), *told] if "rates" in plots else []


def sections(findings: Findings, plots: Mapping[str, Plot]) -> list[Section]:
    """Returns the report below its first screen.

    Args:
        plots: the figures that could be drawn, by name.
    """
    study, arms = findings.study, findings.study.arms
    note = headline_note(arms)
    parts: dict[str, list[Block]] = {
        "Test accuracy": accuracy_blocks(findings, plots),
        "Before and after": change_blocks(study, plots),
        "The claims, judged": verdict_blocks(findings),
        "C1: does it start lower?": [plots["training_loss"], start_table(arms)],
        "C2: does the loss fall faster?": [
            *(plots["plateau"], plateau_table(arms)),
            *(plots["probes"], loss_table(arms)),
        ],
        "Does it only fit faster?": matched_blocks(study, plots),
        "C3: does it train faster?": [
            *(plots["validation"], accuracy_level_table(arms), *listed(level_remarks(findings))),
            step_time_table(arms),
        ],
        "How many labelled examples is it worth?": size_blocks(findings, plots),
        "How much of the gain do parts of the weights give?": ladder_blocks(study, findings.beside, plots),
        "Learning rates": rate_blocks(study, plots),
        "Are the probabilities right?": calibration_blocks(study, plots),
        "Accuracy by group": group_blocks(study, plots),
        "Which pairs go wrong?": error_blocks(study, plots),
        "Which pairs does one arm alone get right?": disagreement_blocks(study),
        **inside_sections(study, plots),
        "Beside the seed report": [plots["seed_report"], *recipe_blocks(findings)],
        "Speed": speed_blocks(findings.evidence.benchmarks),
        "Runs and fairness": [run_table(study), Paragraph(account(study)), *fairness(findings)],
        "Data": data_blocks(study),
        "Threats to validity": listed([note] * bool(note) + threats(study, findings.beside)),
        "How to reproduce": [Code(commands(study, findings.evidence)), Paragraph(NOTE)],
    }
    return [Section(heading, tuple(blocks), heading in FOLDED) for heading, blocks in parts.items() if blocks]
