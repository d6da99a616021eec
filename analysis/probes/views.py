"""Two looks for a reader, one run of each arm, written to probes/views.json in the study folder.

How much each layer's classification token attends to every token of one pair; and the pooled vectors of test pairs, by
label, before and after training, in the plane in which they spread most.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.probes.command import look, open_subjects, parser, recorded_pairs
from analysis.probes.templates import template_pairs
from analysis.statistics.paired import Array
from train.data.pairs import Example, content_hash
from train.guard import guard

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.probes.weights import Reader
    from models.batch import TokenBatch
    from models.classifier import SequenceClassifier

EXAMPLES = 600
"""Test pairs, the first ones, whose pooled vectors are shown."""
SHOWN = "template-9-0"
"""Which template pair is shown: a passive and the active sentence that it entails. Ours, so that nobody is quoted."""


def first_token_attention(model: SequenceClassifier, batch: TokenBatch) -> Array:
    """Returns how much of its attention each layer's first token gives to every token of one pair: `(layers, T)`.

    A mean over heads. Source: Vaswani et al. 2017, eq. 1.
    """
    import torch

    rows: list[Tensor] = []

    def keep(attention: Any, arguments: tuple[Any, ...]) -> None:
        x_TD = arguments[0]
        query_HK = attention.query(x_TD[0]).unflatten(-1, (attention.heads, -1))
        key_THK = attention.key(x_TD).unflatten(-1, (attention.heads, -1))
        scores_HT = torch.einsum("hk,thk->ht", query_HK, key_THK) / key_THK.shape[-1] ** 0.5
        rows.append(scores_HT.softmax(-1).mean(0))

    attentions = [layer.get_submodule("attention") for layer in model.encoder.layers]
    hooks = [attention.register_forward_pre_hook(keep) for attention in attentions]
    try:
        with torch.inference_mode():
            model.encoder(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(rows).double().cpu().numpy()


def pooled_vectors(reader: Reader, pairs: Sequence[Example]) -> Array:
    """Returns what the head sees of each pair, `(N, D)`."""

    from train.evaluate import evaluating, run_batches

    encoded = reader.encode(pairs)

    def ask(indices: list[int]) -> Tensor:
        return reader.model.features(encoded.batch(indices, reader.precision.device))

    with evaluating(reader.model):
        return run_batches(encoded, range(len(pairs)), reader.precision, ask).double().numpy()


def widest_plane(vectors: Array) -> tuple[Array, float]:
    """Returns the vectors' first two principal components, `(N, 2)`, and the share of their variance that these hold.

    The largest component of each axis is positive, so that a picture does not turn over.
    """
    centred = vectors - vectors.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    return centred @ axes.T, float((lengths[:2] ** 2).sum() / (lengths**2).sum())


def point_rows(arm: str, when: str, vectors: Array, pairs: Sequence[Example]) -> list[dict[str, Any]]:
    """Returns one row for each pair."""
    places, share = widest_plane(vectors)
    return [
        {"arm": arm, "when": when, "label": pair.label, "x": float(x), "y": float(y), "share": share}
        for pair, (x, y) in zip(pairs, places, strict=True)
    ]


def attention_rows(arm: str, reader: Reader, pair: Example) -> list[dict[str, Any]]:
    """Returns one row for each layer and token."""
    encoded = reader.encode([pair])
    shares = first_token_attention(reader.model, encoded.batch([0], reader.precision.device))
    tokens = [reader.tokenizer.id_to_token(id) for id in encoded.ids_S.tolist()]
    return [
        {"arm": arm, "layer": layer + 1, "place": place, "token": token, "share": float(row[place])}
        for layer, row in enumerate(shares)
        for place, token in enumerate(tokens)
    ]


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/views.json."""
    asked = parser("views", __doc__).parse_args(arguments)
    # late: torch takes seconds, --help should not
    from analysis.probes.weights import keeps_path, open_reader, read_snapshot, snapshots

    def make() -> dict[str, Any]:
        subjects = open_subjects(asked.runs, keeps_path, "a trajectory/")
        test = recorded_pairs(subjects.paths, "test", asked.data)
        pairs, shown = test[:EXAMPLES], next(pair for pair in template_pairs() if pair.id == SHOWN)
        attention, points = [], []
        for arm in subjects.arms:
            reader = open_reader(arm.runs[0], asked.checkpoint)
            first, *_, last = snapshots(subjects.paths[arm.runs[0]]).values()
            for when, path in (("before", first), ("after", last)):
                reader.fill(read_snapshot(path))
                points += point_rows(arm.name, when, pooled_vectors(reader, pairs), pairs)
            attention += attention_rows(arm.name, reader, shown)
        return {
            "data_sha256": {"test": content_hash(test)},
            "examples": {"test": len(pairs)},
            "attention": attention,
            "points": points,
            "effects": [],
        }

    look(asked, "views", make)


if __name__ == "__main__":
    sys.exit(main())
