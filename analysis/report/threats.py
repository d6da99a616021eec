"""What threatens the validity of a report: what a reader has to know before believing a number of it."""

from collections.abc import Iterable

from analysis.records.arms import Arm
from analysis.records.reading import lookup
from analysis.records.study import Study, from_folder
from analysis.records.text import count, listing
from analysis.report.like_lengths import pools_of, shown_effects
from analysis.statistics.contrasts import headline_pair
from analysis.tables.accuracy import is_compared

DATA = {
    "mnli": "One data set, MultiNLI: English, three labels, pairs written on request. Another task or language may "
    "gain more or less from pretraining.",
    "controlled": "One data set, made from templates with a small vocabulary: it shows mechanisms, not language.",
}
"""Data set -> what it cannot show."""


def recorded(study: Study, record: str, dotted: str) -> list[str]:
    """Returns the values that the runs recorded at a dotted path of one of their records, sorted."""
    found = (lookup(getattr(run, record), dotted) for run in study.runs)
    return sorted({str(value) for value in found if value is not None})


def size_threat(study: Study) -> Iterable[str]:
    """Says that one size of model was trained."""
    layers, width, parameters = (
        recorded(study, *where)
        for where in (
            ("config", "encoder.num_hidden_layers"),
            ("config", "encoder.hidden_size"),
            ("summary", "parameters"),
        )
    )
    if len(layers) == len(width) == len(parameters) == 1:
        yield (
            f"One small model: {layers[0]} layers of width {width[0]}, {int(parameters[0]):,} parameters. A larger one "
            "may gain more from pretraining, or do worse without."
        )


def seed_threats(study: Study) -> Iterable[str]:
    """Says how few seeds the smallest arm has that is shown with an interval, and what seeds do not vary."""
    shown = [*study.arms, *study.one_sided, *(arm for arms in study.sizes.values() for arm in arms)]
    fewest = min(len(arm.runs) for arm in shown)
    alone = " One seed has an interval over test items alone." if fewest == 1 else ""
    yield (
        f"Few seeds: {count(fewest, 'seed')} in the smallest arm. An interval over seeds is Student's t, one over "
        "seeds and items adds the sampling of test items: seeds that happen to agree make either too narrow, and a "
        "run that never learns, where none of a few is one, is not allowed for. Bands in figures run from minimum to "
        f"maximum.{alone}"
    )
    if recorded(study, "config", "data.sample") == ["first"] and max(len(arm.runs) for arm in shown) > 1:
        yield (
            "Every seed trains on the same pairs, the first of the training set: an interval over seeds says nothing "
            "about other training pairs."
        )


def budget_threat(study: Study) -> Iterable[str]:
    """Says that both arms had the same number of epochs, and where scratch was still rising at their end."""
    pair = headline_pair(study.arms)
    budgets = {run.config["plan"].get("epochs") for arm in pair or () for run in arm.runs}
    if not pair or len(budgets) != 1 or None in budgets:
        return
    others = [arm for arms in study.sizes.values() for arm in arms if arm.init == "scratch"]
    sizes = {arm.training_examples: arm for arm in (*others, pair[1])}
    still = listing([f"{rising(arm)} at {size:,} examples" for size, arm in sorted(sizes.items())])
    yield (
        f"One budget for both arms, {count(budgets.pop(), 'epoch')} at {pair[1].training_examples:,} examples. "
        f"Scratch's last epoch was its best in {still}; where it was, scratch could go further. A longer run, whose "
        "rate falls more slowly, was not tried."
    )


def rising(arm: Arm) -> str:
    """Says in how many of an arm's runs the last epoch was the best."""
    still = sum(run.summary["best"]["epoch"] == run.summary["epochs"] for run in arm.runs)
    return f"{still} of {count(len(arm.runs), 'run')}"


def batch_threat(study: Study, beside: Iterable[Study]) -> Iterable[str]:
    """Says that batches held pairs of like length, where they did, and what that does where a study beside tells."""
    pools = [pool for pool in pools_of(study) if pool != "1"]
    if pools:
        measured = [sentence for other in beside for sentence in shown_effects(other)]
        yield (
            f"A batch holds pairs of like length (sorted in pools of {listing(pools)} batches), which may slow "
            "learning, in one arm more than in another; today's default draws batches at random. "
            + (" ".join(measured) or "train/studies/length-pool.toml compares the two.")
        )


def sweep_threat(study: Study) -> Iterable[str]:
    """Says that rates were chosen with one seed and at one size, where that is so."""
    swept = [arms for arms in study.rates.values() if len(arms) > 1]
    tried = [arm for arms in swept for arm in arms if not is_compared(study, arm)]
    seeds = sorted({run.seed for arm in tried for run in arm.runs})
    if len(seeds) != 1:
        return
    size = tried[0].training_examples
    others = [f"{other:,}" for other in study.sizes if other != size]
    more = f", and at {size:,} examples alone: {listing(others)} examples use the same rates" if others else ""
    yield f"Learning rates were chosen with seed {seeds[0]} alone{more}. Another seed may choose another."


def rate_threat(study: Study) -> Iterable[str]:
    """Says which arms' learning rate was tuned, where not all were."""
    tuned = [init for init, arms in study.rates.items() if len(arms) > 1]
    if not tuned:
        which = "either" if len(study.arms) == 2 else "any"
        yield f"No learning rate was tuned: each arm ran at its recipe's; another rate may help {which}."
    elif others := [arm.name for arm in study.arms if arm.init not in tuned]:
        borrow = {"scratch", "pretrained"} <= set(tuned)
        rest = "the other arms borrow theirs" if borrow else f"another rate may help {listing(others)}"
        yield f"Only {listing(tuned)} {'have' if len(tuned) > 1 else 'has'} a tuned learning rate; {rest}."


def machine_threats(study: Study) -> Iterable[str]:
    """Says in what arithmetic the runs were made, and what their seconds are worth."""
    if "bf16" in recorded(study, "environment", "precision"):
        devices = listing(recorded(study, "environment", "device"))
        yield (
            f"Trained in bf16 arithmetic (device: {devices}): in float32 a run goes another way, and a seed that "
            "learns in one may not in the other."
        )
    yield (
        "Seconds come from runs made at different times, and no record says what else the machine was doing: a "
        "benchmark that alternates the arms tells more."
    )


def data_threats(study: Study) -> Iterable[str]:
    """Says what the data cannot show, and how its text differs from that of pretraining."""
    names = recorded(study, "config", "data.dataset")
    if len(names) == 1 and names[0] in DATA:
        yield DATA[names[0]]
    if from_folder(study.runs):
        yield (
            "MNLI was read from a folder that is not shipped: in the project's own work 20,000 training and 5,000 "
            "matched development pairs, split into tokens in the Penn Treebank manner, unlike the pretraining text. "
            "The hub's MNLI has other first pairs and other text, and so other numbers."
        )


def item_threat(study: Study) -> Iterable[str]:
    """Says that test pairs count as independent where several share a premise, and that no test is corrected."""
    pairs, premises = (recorded(study, "data", f"splits.test.{what}") for what in ("examples", "premises"))
    if len(pairs) == len(premises) == 1 and int(premises[0]) < int(pairs[0]):
        yield (
            f"Test pairs count as independent: {int(pairs[0]):,} pairs share {int(premises[0]):,} premises. "
            "An interval over items alone is somewhat too narrow for that, and so is one over seeds and items where "
            "seeds differ little."
        )
    yield (
        "Each interval and each verdict stands at its own 95% or 90%. None is corrected for the number of tests, and "
        "of several deciding tests one suffices to refute a claim."
    )


def reading_threats(study: Study) -> Iterable[str]:
    """Says how sentences are read otherwise than their encoder was trained for, and at whose rate one of them is."""
    if "minilm" in recorded(study, "config", "checkpoint"):
        yield (
            "The head reads the classification token through the checkpoint's pooler. all-MiniLM-L6-v2 was trained to "
            "be read by the mean over its tokens: a frozen encoder may do better when read so."
        )
    if study.one_sided:
        yield "Arms that see one sentence of each pair use the rate that was chosen for both sentences."


def threats(study: Study, beside: Iterable[Study] = ()) -> list[str]:
    """Returns what a reader has to know before believing a number of this report, as far as the records say it.

    Args:
        beside: other studies, which may have measured what threatens this one.
    """
    passage = "A first passage on a small probe set is early by noise; two consecutive evaluations must agree."
    return [
        *size_threat(study),
        *seed_threats(study),
        *data_threats(study),
        *budget_threat(study),
        *batch_threat(study, beside),
        *sweep_threat(study),
        *rate_threat(study),
        *item_threat(study),
        *reading_threats(study),
        *machine_threats(study),
        passage,
    ]
