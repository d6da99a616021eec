"""The report's sections, in reading order, and the words that go with each figure."""

from collections.abc import Callable, Mapping, Sequence

from analysis.answers import (
    accuracy_table,
    caveats,
    chance_sentences,
    data_table,
    distinct_data,
    per_arm,
    token_sentence,
)
from analysis.arms import Arm
from analysis.claims import claim1, claim2, claim3
from analysis.curves import first_share, loss_at_share
from analysis.document import Block, Code, Listing, Paragraph, Plot, Section, Table
from analysis.fairness import (
    Difference,
    certificate_differences,
    configuration_differences,
    environment_differences,
)
from analysis.runs import Run
from analysis.text import listing, number

BANDS = "Thin lines are seeds, the thick line their mean, the band their range."

SEED_CLAIMS = (
    "Claim C1 of the seed report, not measured there: a pretrained model starts at a relatively low loss, "
    "and one that was not pretrained starts high.",
    "Claim C2 of the seed report, not measured there: with pretrained weights the loss converges faster.",
    "Claim C3 of the seed report, not measured there: with pretrained weights training is faster. This can "
    "mean seconds for a step, or seconds, steps or examples to a given quality.",
)


def names(arms: Sequence[Arm]) -> str:
    return listing([f"{arm.name} ({len(arm.runs)})" for arm in arms])


def last_loss(run: Run) -> float:
    return loss_at_share(run.training, 1.0)


def best_accuracy(run: Run) -> float:
    return float(run.summary["best"]["validation_accuracy"])


def overview_alt(arms: Sequence[Arm]) -> str:
    return (
        f"Two line charts over steps, arms and seeds: {names(arms)}. Smoothed training loss ends at "
        f"{per_arm(arms, last_loss)}. Best validation accuracy is {per_arm(arms, best_accuracy)}."
    )


def training_loss_alt(arms: Sequence[Arm]) -> str:
    start = per_arm(arms, lambda run: first_share(run.training, 0.01))
    return f"Training loss at every step, and the first tenth enlarged. Over the first 1% of steps: {start}."


def validation_alt(arms: Sequence[Arm]) -> str:
    losses = per_arm(arms, lambda run: float(run.summary["best"]["validation_loss"]))
    return (
        "Six line charts: validation loss and accuracy against steps, examples and seconds. "
        f"At the best epoch loss is {losses} and accuracy {per_arm(arms, best_accuracy)}."
    )


def probes_alt(arms: Sequence[Arm]) -> str:
    def last(split: str) -> Callable[[Run], float]:
        return lambda run: float(run.evaluations[split]["loss"][-1]) if split in run.evaluations else float("nan")

    return (
        f"One panel for each arm. Loss on the training probe ends at {per_arm(arms, last('probe_train'))}; "
        f"on the validation probe at {per_arm(arms, last('probe_validation'))}."
    )


def test_accuracy_alt(arms: Sequence[Arm]) -> str:
    return f"Final accuracy by test split and arm; on test, {per_arm(arms, lambda run: run.accuracy('test'))}."


def groups_alt(arms: Sequence[Arm]) -> str:
    return f"Test accuracy by group of examples, arms and seeds: {names(arms)}."


def seed_report_alt(arms: Sequence[Arm]) -> str:
    return (
        "Training loss and test accuracy by epoch: three runs as reported by the seed report, in grey, "
        f"beside ours in colour: {names(arms)}."
    )


PLOTS: dict[str, tuple[Callable[[Sequence[Arm]], str], str]] = {
    "overview": (
        overview_alt,
        f"Training loss (centred running mean over a fiftieth of the steps) and accuracy on the whole "
        f"validation set. {BANDS} Dotted: ln 3 = 1.0986 and 1/3, a uniform guess.",
    ),
    "training_loss": (
        training_loss_alt,
        "Faint: loss of each step's batch in training mode, before that step's update. Strong: centred "
        f"running mean over a fiftieth of the steps. {BANDS} A run longer than 1,000 steps shows every k-th "
        "faint point.",
    ),
    "validation": (
        validation_alt,
        f"The whole validation set, at step 0 and after each epoch. {BANDS} Dashed: mean accuracy before training.",
    ),
    "probes": (
        probes_alt,
        "Fixed samples of training and validation examples, in evaluation mode. Dotted: ln 3, and 0.05 "
        "below, where the plateau counts as left.",
    ),
    "test_accuracy": (
        test_accuracy_alt,
        "Diamond: mean over seeds with its 95% interval (Student's t; none for one seed). Dots: seeds.",
    ),
    "groups": (groups_alt, "Dot: mean over seeds; line: range over seeds. Groups are named by the data."),
    "seed_report": (
        seed_report_alt,
        "Grey: as reported by the seed report, one seed each, other models and recipes, test accuracy at "
        "every epoch. Colour: ours; diamonds are test accuracy with the best weights, measured once.",
    ),
}
"""Figure (a function of `figures`) -> its alt text as a function of the arms, and its caption."""


def run_table(arms: Sequence[Arm], splits: Sequence[str]) -> Table:
    """Returns one row for each run."""
    columns = ("run", "arm", "seed", "learning rate", "steps", "epochs", "best validation accuracy")
    rows = tuple(
        (
            run.id,
            arm.name,
            str(run.seed),
            f"{arm.learning_rate:g}",
            f"{run.summary['steps']:,}",
            f"{run.summary['epochs']:g}",
            number(best_accuracy(run)),
            *(number(run.accuracy(split)) for split in splits),
            number(run.summary["train_seconds"], 1),
            run.summary["stop_reason"],
        )
        for arm in arms
        for run in arm.runs
    )
    return Table("Runs", (*columns, *splits, "seconds of training", "stopped because"), rows)


def difference_table(caption: str, differences: Sequence[Difference]) -> Table:
    """Returns what differs, where, and each side's value."""
    rows = tuple((d.what, d.where, "; ".join(f"{who}: {value}" for who, value in d.values)) for d in differences)
    return Table(caption, ("what", "where", "values"), rows)


def fairness(arms: Sequence[Arm]) -> list[Block]:
    """Says whether the arms differ in their initial weights alone, with the differences if they do not."""
    blocks: list[Block] = []
    unfair = [*certificate_differences(arms), *configuration_differences(arms)]
    if unfair:
        text = f"Not a fair comparison as it stands: {len(unfair)} things differ beside the initial weights."
        blocks += [Paragraph(text), difference_table("Differences between arms", unfair)]
    else:
        text = "Parameter names and shapes, head tensors, batches and their order, data, numerics version"
        blocks.append(Paragraph(f"{text} and settings are the same in all arms, seed by seed."))
    if machine := environment_differences([run for arm in arms for run in arm.runs]):
        blocks.append(difference_table("Runs were made in different environments", machine))
    return blocks


def data_blocks(arms: Sequence[Arm]) -> list[Block]:
    """Describes each data set that a run used."""
    blocks: list[Block] = []
    for run in distinct_data(arms):
        blocks += [data_table(run), Paragraph(token_sentence(run))]
    return blocks


def sections(
    arms: Sequence[Arm], plots: Mapping[str, Plot], unfinished: Sequence[str], lines: tuple[str, ...]
) -> list[Section]:
    """Returns the report below its first screen.

    Args:
        plots: the figures that could be drawn, by name.
        unfinished: names of runs left out.
        lines: the commands that make the runs again.
    """
    splits = sorted({split for arm in arms for run in arm.runs for split in run.test_splits})
    left_out = f"Unfinished, left out: {listing(list(unfinished))}." if unfinished else "No run was left out."
    groups = [plots["groups"]] if "groups" in plots else []
    chance = [Listing(tuple(found))] if (found := chance_sentences(arms, splits)) else []
    parts: dict[str, list[Block]] = {
        "Test accuracy": [plots["test_accuracy"], accuracy_table(arms, splits), *chance, *groups],
        "C1: does it start lower?": [Paragraph(SEED_CLAIMS[0]), plots["training_loss"], *claim1(arms)],
        "C2: does the loss fall faster?": [Paragraph(SEED_CLAIMS[1]), plots["probes"], *claim2(arms)],
        "C3: does it train faster?": [Paragraph(SEED_CLAIMS[2]), plots["validation"], *claim3(arms)],
        "Beside the seed report": [plots["seed_report"]],
        "Runs and fairness": [run_table(arms, splits), Paragraph(left_out), *fairness(arms)],
        "Data": data_blocks(arms),
        "Caveats": [Listing(tuple(caveats(arms)))],
        "How to reproduce": [Code(lines), Paragraph("Every setting of a run stands in its config.json.")],
    }
    return [Section(heading, tuple(blocks)) for heading, blocks in parts.items()]
