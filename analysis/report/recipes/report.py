"""The report on the seed report's recipes, and the few lines of it that the main report shows."""

import shlex
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from analysis.claims.findings import Findings
from analysis.records.fairness import environment_differences
from analysis.records.outlook import read_outlook
from analysis.records.reading import lookup
from analysis.records.runs import Run
from analysis.records.text import clean, listing
from analysis.report.answer import headline_note
from analysis.report.provenance import amount, difference_table
from analysis.report.publish import Drawing, draw_picture, publish
from analysis.report.recipes.answer import ONE_SEED, agreement_sentence, answer, not_run_sentence, runs_of
from analysis.report.recipes.beside import beside_text, scratch_text
from analysis.report.recipes.choice import choice_sentence, choice_table, choices_by_run
from analysis.report.recipes.figures import CURVES, OUTCOMES
from analysis.report.recipes.systems import PLACES, System, follow_recipes, open_systems, recipe_of, systems_of
from analysis.report.recipes.tables import outcome_table, run_table, setting_table, summary_table
from analysis.report.reproduce import NOTE, data_commands, making_commands
from analysis.tables.document import Block, Code, Listing, Paragraph, Plot, Section

TIES = (
    "Corrected minus as reported is read off predictions.csv, whose probabilities have four decimals: near 1/3 some "
    "are equal there, and an accuracy may differ from the summary's by a few pairs."
)


def limit_text(run: Run) -> str:
    """Returns how many epochs a run's schedule spans, and after how many it ended at the latest."""
    limited = lookup(run.config, "optim.max_epochs") is not None
    limit = f"a run that no rule had ended was cut after {amount(run.config, 'optim.max_epochs')}"
    end = limit if limited else "a run might go through all of them"
    return f"The schedule spans {amount(run.config, 'plan.epochs')} epochs; {end}."


def purpose_items(runs: Sequence[Run]) -> list[str]:
    """Returns what is different on purpose and stands in no setting."""
    aside = dict.fromkeys(amount(run.data, "splits.validation.examples") for run in runs)
    return [
        *dict.fromkeys(map(limit_text, runs)),
        f"{listing(list(aside))} pairs are set aside for validation, which the seed report did not have; the corrected "
        "recipes stop and choose by them.",
        "The best weights are a copy. The seed report kept a reference to the live ones, so that its last weights are "
        "the ones that it tested.",
        f"The seed is {runs[0].seed}; the seed report does not tell its own. {ONE_SEED}",
    ]


def missing_text(systems: Sequence[System], left_out: Sequence[str]) -> str:
    """Says which runs of the recipes, with both inits, are not there."""
    there = {(recipe_of(run), run.init) for run in runs_of(systems)}
    wanted = product(PLACES, ("scratch", "pretrained"))
    missing = [f"{recipe} ({init})" for recipe, init in wanted if (recipe, init) not in there]
    text = f"Not run or not finished: {listing(missing)}." if missing else "All six recipes have run with both inits."
    return f"{text} Left out, not finished: {listing(left_out)}." if left_out else text


def system_section(system: System, plot: Plot) -> Section:
    """Returns one system: curves, outcomes, and what agrees with the seed report."""
    texts = [beside_text(system), *scratch_text(system)]
    return Section(system.name, (plot, outcome_table(system), *map(Paragraph, texts)))


def sections(
    systems: Sequence[System], plots: dict[str, Plot], left_out: Sequence[str], commands: tuple[str, ...]
) -> list[Section]:
    """Returns the report below its first screen."""
    runs, found = runs_of(systems), choices_by_run(systems)
    changed, machine = setting_table(runs), environment_differences(runs)
    costs: list[Block] = [
        Listing(tuple(map(choice_sentence, found))),
        choice_table([each for of_run in found for each in of_run]),
        Paragraph(TIES),
    ]
    purpose: list[Block] = [*([changed] if changed else []), Listing(tuple(purpose_items(runs)))]
    told: list[Block] = [Paragraph(f"{not_run_sentence(systems)} {missing_text(systems, left_out)}"), run_table(runs)]
    told += [difference_table("Runs were made in different environments", machine)] if machine else []
    return [
        *(system_section(system, plots[system.name]) for system in systems),
        *([Section("What choosing by training loss costs", tuple(costs))] if found else []),
        Section("Different on purpose", tuple(purpose)),
        Section("Runs", tuple(told), folded=True),
        Section("How to reproduce", (Code(commands), Paragraph(NOTE)), folded=True),
    ]


def build(
    systems: Sequence[System], left_out: Sequence[str], commands: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Drawing]]:
    """Returns what the templates show, and the figures.

    Args:
        left_out: runs that are not finished.
        commands: what makes the runs again and then the report.
    """
    note = headline_note([arm for system in systems for arm in system.arms.values()])
    pictures = {"overview": draw_picture("overview", OUTCOMES, systems, note)}
    pictures |= {system.name: draw_picture(system.name, CURVES, system) for system in systems}
    drawings = {figure: drawing for figure, drawing in pictures.items() if drawing}
    plots = {figure: drawing.plot for figure, drawing in drawings.items()}
    content = {
        "question": "Do the seed report's recipes do here what it reported?",
        "answer": answer(systems),
        "overview": plots["overview"],
        "sections": sections(systems, plots, left_out, commands),
    }
    return content, drawings


def write_recipe_report(folder: Path) -> tuple[Path, list[str]]:
    """Writes report.md, report.html and figures/ into a study folder.

    Returns:
        The path of report.md, and the names of the runs that are not finished.

    Raises:
        RecordError: a record is missing or malformed, or the runs are not those of the recipes.
        OSError: the folder cannot be written.
    """
    systems, left_out = open_systems(folder)
    name, outlook = clean(folder.resolve().name), read_outlook(folder)
    runs = runs_of(systems)
    made = [*data_commands(runs), *making_commands(name, runs, outlook.plans if outlook else {})]
    commands = (*made, f"python -m analysis.recipes results/{shlex.quote(name)}")
    content, drawings = build(systems, left_out, commands)
    return publish(content, drawings, folder, {}), left_out


def recipe_blocks(findings: Findings) -> list[Block]:
    """Returns the outcomes of the seed report's recipes, from any study beside the reported one that has them."""
    blocks: list[Block] = []
    for study in findings.evidence.studies.values():
        if study is not findings.study and follow_recipes(study.runs):
            systems = systems_of(study.runs)
            where = f"Curves, costs and what agrees are in results/{study.name}/report.md."
            blocks += [
                summary_table(systems, study.name),
                Paragraph(f"{agreement_sentence(systems)} {ONE_SEED} {where}"),
            ]
    return blocks
