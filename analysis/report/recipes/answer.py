"""First screen of the report on the seed report's recipes: what agrees, what pretraining buys, what a rule costs."""

from collections.abc import Iterable, Sequence

from analysis.records.runs import Run
from analysis.records.text import count, listing, span
from analysis.report.answer import headline_note
from analysis.report.recipes.beside import AGREES, DIFFERS, OPEN, gain_text, lead_text, points, tally
from analysis.report.recipes.choice import choices_by_run
from analysis.report.recipes.systems import PLACES, REPORTED, System
from train.recipes import RECIPES

ONE_SEED = "One seed: an interval is over test pairs alone and says nothing about other seeds."


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
        f"{tally(found, DIFFERS)}, and ended too early to tell in {tally(found, OPEN)}.{foreign_sentence(systems)}"
    )


def foreign_sentence(systems: Iterable[System]) -> str:
    """Says, after a space, that runs have other weights than the seed report's, where that is so."""
    recipes = {str(run.config.get("recipe")): run.config.get("checkpoint") for run in runs_of(systems)}
    foreign = any(name in RECIPES and used != RECIPES[name].checkpoint for name, used in recipes.items())
    return " These are other weights than the report's, so its curves are no target." * foreign


def gain_sentence(systems: Sequence[System]) -> str:
    """Says what pretraining buys in each system as reported; nothing where no system has both arms."""
    inits = (REPORTED, "pretrained"), (REPORTED, "scratch")
    both = [(s.name, s.arms[inits[0]], s.arms[inits[1]]) for s in systems if s.arms.keys() >= set(inits)]
    parts = [f"{name}: {gain_text(one, other)}" for name, one, other in both]
    return f"Pretrained minus scratch in test accuracy, as reported: {'; '.join(parts)}." if parts else ""


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
