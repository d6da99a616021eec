"""What words alone give: TF-IDF over one and two words in a row, and multinomial logistic regression on it.

Shape suffixes: N pairs, E entries (a term of a pair) of all pairs, T terms, C labels.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.pairs import LABELS, Example

Terms = Counter[str]
"""How often each term occurs in a pair; a term is a side and one or two words, such as `hypothesis: not`."""

CLOSE = 1e-4
"""Longest gradient, as a 2-norm, at which a fit counts as done. The objective is 1-strongly convex in the weights, so
that these are then no further than this from the best."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A fitted classifier."""

    places: dict[str, int]
    """Term -> row of the weights; a term that training never saw has none."""
    idf_T: Tensor
    weights_TC: Tensor
    bias_C: Tensor


def terms_of(pair: Example, sides: Sequence[str]) -> Terms:
    """Returns the terms of a pair that can be seen on the given sides, `premise` and `hypothesis`."""
    found: Terms = Counter()
    for side in sides:
        words = re.findall(r"\w+", getattr(pair, side).lower())
        found.update(f"{side}: {term}" for term in [*words, *map(" ".join, pairwise(words))])
    return found


def fit(pairs: Sequence[Terms], labels: Sequence[str], strength: float = 1.0) -> Model:
    """Returns the classifier that minimises half the squared weights plus `strength` times the summed cross entropy.

    Weights of terms follow Sparck Jones 1972 as scikit-learn smooths them: log((1 + N) / (1 + n)) + 1 for a term of n
    of the N pairs. The biases are free. Source: scikit-learn's user guide, "Tf-idf term weighting" and "Logistic
    regression".

    Raises:
        ArithmeticError: no minimum was found.
    """
    counts = Counter(term for terms in pairs for term in terms)
    places = {term: place for place, term in enumerate(sorted(counts))}
    idf_T = torch.tensor([math.log((1 + len(pairs)) / (1 + counts[term])) + 1 for term in places], dtype=torch.float64)
    labels_N = torch.tensor([LABELS.index(label) for label in labels])
    weights_TC = torch.zeros(len(places), len(LABELS), dtype=torch.float64, requires_grad=True)
    bias_C = torch.zeros(len(LABELS), dtype=torch.float64, requires_grad=True)
    model = Model(places=places, idf_T=idf_T, weights_TC=weights_TC, bias_C=bias_C)
    bags = to_bags(pairs, places, idf_T)
    solver = torch.optim.LBFGS(
        [weights_TC, bias_C],
        max_iter=2_000,
        tolerance_grad=CLOSE / 1e4,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        solver.zero_grad()
        nll = F.cross_entropy(logits(model, bags), labels_N, reduction="sum")
        total = strength * nll + weights_TC.square().sum() / 2
        total.backward()
        return total

    solver.step(objective)
    objective()
    if not torch.cat([weights_TC.grad.flatten(), bias_C.grad]).norm() < CLOSE:  # type: ignore[union-attr, list-item]
        raise ArithmeticError(f"logistic regression on {len(pairs)} pairs found no minimum")
    return Model(places=places, idf_T=idf_T, weights_TC=weights_TC.detach(), bias_C=bias_C.detach())


def to_bags(pairs: Sequence[Terms], places: dict[str, int], idf_T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the entries (E,) of all pairs, where each pair's begin (N,), and their weights (E,).

    The weights of a pair, how often a term occurs times how rare it is, have length 1.
    """
    known = [sorted((places[term], count) for term, count in terms.items() if term in places) for terms in pairs]
    entries_E = torch.tensor([place for entries in known for place, _ in entries], dtype=torch.int64)
    counts_E = torch.tensor([count for entries in known for _, count in entries], dtype=torch.float64)
    sizes_N = torch.tensor([len(entries) for entries in known])
    pair_E = torch.arange(len(known)).repeat_interleave(sizes_N)
    raw_E = counts_E * idf_T[entries_E]
    squares_N = torch.zeros(len(known), dtype=torch.float64).index_add_(0, pair_E, raw_E.square())
    return entries_E, sizes_N.cumsum(0) - sizes_N, raw_E / squares_N.sqrt()[pair_E]


def logits(model: Model, bags: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Returns (N, C): each pair's weighted sum of its terms' weights, plus the biases."""
    entries_E, starts_N, weights_E = bags
    sums_NC = F.embedding_bag(entries_E, model.weights_TC, starts_N, mode="sum", per_sample_weights=weights_E)
    return sums_NC + model.bias_C


def predict(model: Model, pairs: Sequence[Terms]) -> list[str]:
    """Returns the most probable label of each pair."""
    best_N = logits(model, to_bags(pairs, model.places, model.idf_T)).argmax(1)
    return [LABELS[label] for label in best_N.tolist()]
