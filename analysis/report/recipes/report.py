"""The report on the seed report's recipes, and the few lines of it that the main report shows."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from analysis.claims.findings import Findings
from analysis.records.arms import Arm
from analysis.records.fairness import environment_differences
from analysis.records.groups import majority_share
from analysis.records.outlook import read_outlook
from analysis.records.reading import lookup
from analysis.records.runs import Run
from analysis.records.text import clean, count, listing, number, span
from analysis.report.answer import headline_note
from analysis.report.provenance import amount, difference_table
from analysis.report.publish import Drawing, draw_picture, publish
from analysis.report.recipes.beside import (
    AGREES,
    DIFFERS,
    OPEN,
    beside_text,
    lead,
    lead_text,
    points,
    scratch_text,
    tally,
)
from analysis.report.recipes.choice import choice_sentence, choice_table, choices_by_run
from analysis.report.recipes.figures import CURVES, OUTCOMES
from analysis.report.recipes.systems import (
    PLACES,
    REPORTED,
    System,
    follow_recipes,
    open_systems,
    recipe_of,
    run_of,
    systems_of,
)
from analysis.report.recipes.tables import outcome_table, run_table, setting_table, summary_table
from analysis.report.reproduce import NOTE, making_commands
from analysis.statistics.intervals import CHANCE, wilson
from analysis.tables.document import Block, Code, Listing, Paragraph, Plot, Section
from train.recipes import RECIPES

ONE_SEED = "One seed: an interval is over test pairs alone and says nothing about other seeds."

TIES = (
    "Corrected minus as reported is read off predictions.csv, whose probabilities have four decimals: near 1/3 some "
    "are equal there, and an accuracy may differ from the summary's by a few pairs."
)


def runs_of(systems: Iterable[System]) -> list[Run]:
    return [run for system in systems for run in system.runs]


def checkpoints(systems: Iterable[System]) -> list[str]:
    """Returns the checkpoints that the runs have."""
    return list(dict.fromkeys(str(run.config.get("checkpoint")) for run in runs_of(systems)))


def agreement_sentence(systems: Sequence[System]) -> str:
    """Says in how much the pretrained runs as reported agree with the seed report's curves."""
    arms = [(system, arm) for system in systems if (arm := system.arms.get((REPORTED, "pretrained")))]
    found = [point for system, arm in arms for point in points(system, arm)]
    if not found:
        return "No pretrained run of a recipe as reported is finished: nothing to lay beside the seed report's curves."
    each = [f"{s.name} {tally(points(s, arm), AGREES)}" for s, arm in arms]
    return (
        f"Run with {listing(checkpoints(systems))}, the seed report's recipes, pretrained and as reported, agree with "
        f"its curves in {tally(found, AGREES)} of {len(found)} points ({listing(each)}), differ in "
        f"{tally(found, DIFFERS)}, and ended too early to tell in {tally(found, OPEN)}."
    )


def gain_sentence(systems: Sequence[System]) -> str:
    """Says what pretraining buys in each system as reported; nothing where no system has both arms."""
    inits = (REPORTED, "pretrained"), (REPORTED, "scratch")
    both = [(s.name, s.arms[inits[0]], s.arms[inits[1]]) for s in systems if s.arms.keys() >= set(inits)]
    parts = [f"{name}: {gain_text(one, other)}" for name, one, other in both]
    return f"Pretrained minus scratch in test accuracy, as reported: {'; '.join(parts)}." if parts else ""


def gain_text(pretrained: Arm, scratch: Arm) -> str:
    """Says by how much pretrained is better; where neither arm beats naming one label always, says that instead."""
    shares = [run_of(arm).accuracy("test") for arm in (pretrained, scratch)]
    better = wilson(max(shares), run_of(pretrained).examples("test"))
    label = majority_share(run_of(pretrained), "test") or 0.0
    if better.low > max(CHANCE, label):
        return lead_text(lead(pretrained, scratch))
    level = "that of the commonest label" if label > CHANCE else "chance, 1/3"
    both = f"pretrained {number(shares[0], 4)}, scratch {number(shares[1], 4)}"
    return (
        f"neither arm is shown to have learned anything ({both}; 95% interval of the better "
        f"{span(better.low, better.high)}, not above {number(max(CHANCE, label))}, {level})"
    )


def cost_sentence(systems: Sequence[System]) -> str:
    """Says what stopping and choosing by training loss costs; nothing where no recipe as reported has run."""
    found = choices_by_run(systems)
    if not found:
        return ""
    gained = ([of_run[place].points for of_run in found] for place in (0, 1))
    last, asked = (span(min(each), max(each), 2) for each in gained)
    parts = [
        "Gained over the weights that training loss chose, in points of test accuracy (range over "
        f"{count(len(found), 'run')} as reported): by the last weights {last}, by those of the best validation "
        f"accuracy {asked} (on the watched pairs)"
    ]
    pretrained = [each for of_run in found for each in of_run if each.init == "pretrained"]
    repaired = [f"{each.system} {lead_text(each.gap)}" for each in pretrained if each.gap]
    parts += [f"corrected minus as reported, pretrained: {'; '.join(repaired)}"] if repaired else []
    return f"{'; '.join(parts)}."


def not_run_sentence(systems: Sequence[System]) -> str:
    """Says which of the seed report's own checkpoints were not run."""
    theirs = dict.fromkeys(RECIPES[recipe].checkpoint for recipe in PLACES)
    missing = [name for name in theirs if name not in checkpoints(systems)]
    if not missing:
        return f"The runs have the seed report's own checkpoints, {listing(list(theirs))}."
    return (
        f"Not run: {listing(missing)}, the seed report's own checkpoints; the runs here have "
        f"{listing(checkpoints(systems))}."
    )


def answer(systems: Sequence[System]) -> list[str]:
    """Returns the first screen's sentences."""
    sentences = [agreement_sentence(systems), gain_sentence(systems), cost_sentence(systems)]
    note = headline_note([arm for system in systems for arm in system.arms.values()])
    return [sentence for sentence in (*sentences, f"{ONE_SEED} {not_run_sentence(systems)}", note) if sentence]


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
    made = making_commands(name, runs_of(systems), outlook.plans if outlook else {})
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
