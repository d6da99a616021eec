"""Every figure of the report with the words that go with it."""

from collections.abc import Callable, Sequence
from statistics import fmean

from analysis.figures import curve_figures, error_figures, outcome_figures
from analysis.figures.beyond_gallery import BEYOND
from analysis.figures.inside_gallery import INSIDE
from analysis.figures.picture import Picture
from analysis.records.arms import Arm
from analysis.records.runs import Run
from analysis.records.seed_report import SEED_SOURCE
from analysis.records.study import Study
from analysis.records.text import listing, number, rate_text
from analysis.statistics.curves import first_share
from analysis.statistics.measures import best_accuracy, best_loss, last_loss
from analysis.tables.accuracy import per_arm
from analysis.tables.before import changes
from analysis.tables.claims import on_plateau
from analysis.tables.errors import all_shares
from train.data.pairs import LABELS

BANDS = "Thin lines are seeds, the thick line their mean, the band their range."
DIAMONDS = (
    "Diamond: mean over seeds with its 95% interval (Student's t; for the accuracy of one seed Wilson's over items)."
)

BAGS = "Dashed grey, where it was measured: a bag of words that sees the hypothesis alone."


def names(arms: Sequence[Arm]) -> str:
    return listing([f"{arm.name} ({len(arm.runs)})" for arm in arms])


def probe_end(split: str) -> Callable[[Run], float]:
    """Returns the measure of a probe's last loss, NaN where a run has no such probe."""
    return lambda run: float(run.evaluations[split]["loss"][-1]) if split in run.evaluations else float("nan")


def bags(study: Study) -> str:
    """Returns where the accuracies of bags of words are, if the study has them."""
    return ", baselines.json" * bool(study.yardsticks)


def overview_alt(study: Study) -> str:
    return (
        f"Two line charts over steps, arms and seeds: {names(study.arms)}. Smoothed training loss ends at "
        f"{per_arm(study.arms, last_loss)}. Best validation accuracy is {per_arm(study.arms, best_accuracy)}."
    )


def training_loss_alt(study: Study) -> str:
    start = per_arm(study.arms, lambda run: first_share(run.training, 0.01))
    return f"Training loss at every step, and the first tenth enlarged. Over the first 1% of steps: {start}."


def validation_alt(study: Study) -> str:
    return (
        "Six line charts: validation loss and accuracy against steps, examples and seconds. At the best epoch "
        f"loss is {per_arm(study.arms, best_loss)} and accuracy {per_arm(study.arms, best_accuracy)}."
    )


def probes_alt(study: Study) -> str:
    ends = [per_arm(study.arms, probe_end(split)) for split in ("probe_train", "probe_validation")]
    return (
        f"One panel for each arm. Loss on the training probe ends at {ends[0]}; on the validation probe at {ends[1]}."
    )


def plateau_alt(study: Study) -> str:
    left = [
        f"{on_plateau(arm, 'probe_validation').events.sum():.0f} of {len(arm.runs)} ({arm.name})" for arm in study.arms
    ]
    return f"Share of runs still on the ln 3 plateau, falling over steps. By the validation probe {listing(left)} left."


def test_accuracy_alt(study: Study) -> str:
    arms = (*study.arms, *study.one_sided)
    return f"Final accuracy by test split and arm; on test, {per_arm(arms, lambda run: run.accuracy('test'))}."


def before_after_alt(study: Study) -> str:
    parts = [
        f"{name}, {arm}, {number(fmean(c.before for c in seeds))} to {number(fmean(c.after for c in seeds))}"
        for name, by_arm in changes(study.arms).items()
        for arm, seeds in by_arm.items()
    ]
    return f"Accuracy before the first update and after training, mean over seeds: {'; '.join(parts)}."


def confusion_alt(study: Study) -> str:
    parts = [
        f"{arm} {listing([number(share, 2) for share in found.diagonal()])}"
        for arm, found in all_shares(study.arms, "test").items()
    ]
    return f"Label said by gold label, one panel for each arm. Right on test ({listing(LABELS)}): {'; '.join(parts)}."


def sizes_alt(study: Study) -> str:
    parts = [
        f"{size:,} examples {per_arm(arms, lambda run: run.accuracy('test'))}" for size, arms in study.sizes.items()
    ]
    return f"Test accuracy against the number of training examples: {'; '.join(parts)}."


def rates_alt(study: Study) -> str:
    parts = [
        f"{init} {listing([rate_text(arm.learning_rate) for arm in arms])}"
        for init, arms in study.rates.items()
        if len(arms) > 1
    ]
    return f"Validation loss and accuracy against learning rate: {'; '.join(parts)}."


GALLERY: dict[str, Picture[Study]] = {
    "overview": Picture(
        draw=lambda study: curve_figures.overview(study.arms),
        alt=overview_alt,
        source="runs/*/metrics.jsonl",
        caption="Training loss (centred running mean over a fiftieth of the steps) and accuracy on the whole "
        f"validation set. {BANDS} Training loss may step down where an epoch begins: its pairs have been seen. "
        "Dotted: ln 3 = 1.0986 and 1/3, a uniform guess.",
        headline=True,
    ),
    "training_loss": Picture(
        draw=lambda study: curve_figures.training_loss(study.arms),
        alt=training_loss_alt,
        source="runs/*/metrics.jsonl",
        caption="Faint: loss of each step's batch in training mode, before that step's update. Strong: centred "
        f"running mean over a fiftieth of the steps. {BANDS} A run longer than 1,000 steps shows every k-th "
        "faint point.",
    ),
    "validation": Picture(
        draw=lambda study: curve_figures.validation(study.arms),
        alt=validation_alt,
        source="runs/*/metrics.jsonl",
        caption=f"The whole validation set, at step 0 and after each epoch. {BANDS} Dashed: mean accuracy before "
        "training.",
    ),
    "probes": Picture(
        draw=lambda study: curve_figures.probes(study.arms),
        alt=probes_alt,
        source="runs/*/metrics.jsonl",
        caption="Fixed samples of training and validation examples, in evaluation mode. Dotted: ln 3, and 0.05 "
        "below, where the plateau counts as left.",
    ),
    "plateau": Picture(
        draw=outcome_figures.plateau,
        alt=plateau_alt,
        source="runs/*/metrics.jsonl",
        caption="Kaplan-Meier curves. A run leaves at the first of two consecutive probe losses below ln 3 - 0.05; "
        "an arrow marks an arm with runs that never left. Band: 95% interval at each step by itself (log-log, rough "
        "for few seeds; none at 1 and 0). Arms are set a hair apart, so that none hides another.",
    ),
    "test_accuracy": Picture(
        draw=outcome_figures.test_accuracy,
        alt=test_accuracy_alt,
        source=lambda study: f"runs/*/summary.json{bags(study)}",
        caption=f"{DIAMONDS} Dots: seeds. Hollow: an arm that saw one side. {BAGS}",
    ),
    "before_after": Picture(
        draw=error_figures.before_after,
        alt=before_after_alt,
        source="runs/*/summary.json, runs/*/metrics.jsonl",
        caption="Hollow: before the first update. Filled: after training. One line for each seed.",
    ),
    "confusion": Picture(
        draw=error_figures.confusions,
        alt=confusion_alt,
        source="runs/*/predictions.csv",
        caption="Share of each gold label's test pairs that were called each label, mean over seeds; the diagonal is "
        "accuracy by gold label.",
    ),
    "groups": Picture(
        draw=outcome_figures.groups,
        alt=lambda study: f"Test accuracy by group of examples, arms and seeds: {names(study.arms)}.",
        source="runs/*/predictions.csv",
        caption="Mark: mean over seeds; line: range over seeds. Groups are named by the data.",
    ),
    "rates": Picture(
        draw=outcome_figures.rates,
        alt=rates_alt,
        source="runs/*/config.json, runs/*/summary.json",
        caption=f"{DIAMONDS} Over the seeds that all rates of an arm have. Filled: the rate at which the arms are "
        "compared. Arms are set a little apart.",
    ),
    "sizes": Picture(
        draw=outcome_figures.sizes,
        alt=sizes_alt,
        source=lambda study: f"runs/*/data.json, runs/*/summary.json{bags(study)}",
        caption=f"{DIAMONDS} Dots: seeds. {BAGS}",
    ),
    "seed_report": Picture(
        draw=lambda study: curve_figures.seed_report(study.arms),
        alt=lambda study: (
            "Training loss and test accuracy by epoch: three runs as reported by the seed report, in grey, "
            f"beside ours in colour: {names(study.arms)}."
        ),
        source=f"runs/*/metrics.jsonl, runs/*/summary.json, {SEED_SOURCE}",
        caption="Grey: as reported by the seed report, one seed each, other models and recipes, test accuracy at "
        "every epoch. Colour: ours; diamonds are test accuracy with the best weights, measured once.",
    ),
    **BEYOND,
    **INSIDE,
}
