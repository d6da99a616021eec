"""What batches of pairs of like length do to each arm, from a study that trained both arms with them and without."""

from collections.abc import Iterator
from itertools import product

from analysis.records.arms import Arm, settings
from analysis.records.study import Study
from analysis.records.text import count, number, span
from analysis.statistics.contrasts import accuracy_gap, interaction
from analysis.statistics.paired import Comparison

ARMS = ("pretrained", "scratch")


def pool_of(arm: Arm) -> str:
    """Returns of how many batches the pools are in which an arm's pairs were sorted by length; `1` sorts nothing."""
    return settings(arm.runs[0])["optim.length_pool"]


def pools_of(study: Study) -> list[str]:
    """Returns the pools of a study's runs, sorted."""
    return sorted({settings(run)["optim.length_pool"] for run in study.runs})


def shown_effects(study: Study) -> Iterator[str]:
    """Says what a study found that trained both arms in two ways; nothing of any other study."""
    arms = {(arm.init, pool_of(arm)): arm for arm in study.arms}
    sorting = sorted({pool for _, pool in arms} - {"1"})
    if len(sorting) != 1 or arms.keys() != set(product(ARMS, ("1", *sorting))):
        return
    of_like, at_random = ([arms[init, pool] for init in ARMS] for pool in (*sorting, "1"))
    effects = [accuracy_gap(*pair, "test") for pair in zip(of_like, at_random, strict=True)]
    change = interaction(of_like[0], at_random[0], of_like[1], at_random[1], "test")
    if change and all(effects):
        told = [f"{in_words(each)} for {init}" for init, each in zip(ARMS, effects, strict=True) if each]
        yield (
            f"Measured on {count(of_like[0].training_examples, 'pair')} with pools of {sorting[0]} "
            f"(results/{study.name}): test accuracy with batches of like length minus that with random ones is "
            f"{' and '.join(told)}; the gap between the arms changes by {in_words(change)}."
        )


def in_words(found: Comparison) -> str:
    """Returns a difference with its interval and what that is over."""
    over = f"95% interval {span(*found.shown_interval())}, {count(found.seeds[0], 'seed')}"
    return f"{number(found.difference)} ({over})"
