"""How many floating-point operations a training step makes on real tokens, and how many the machine could make.

Shape suffixes as in models/encoder.py: T tokens of a batch, B sequences, D hidden, F intermediate, H heads, C classes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from models.config import EncoderConfig


def forward_flops(lengths: Sequence[int], config: EncoderConfig, num_labels: int = 3) -> int:
    """Operations of the matrix products of one forward pass over sequences of the given lengths, two per multiply-add.

    Counted: linear layers on real tokens, and attention's scores and values over each sequence's own length. In the
    last layer all linear maps of the first token alone, as it is done, and every head's question to the tokens as wide
    as they are.
    Not counted: pads, embeddings, norms, softmax, activations, biases, dropout, the optimizer.
    """
    B, T, squares = len(lengths), sum(lengths), sum(length**2 for length in lengths)
    D, F, H, C = config.hidden_size, config.intermediate_size, config.num_attention_heads, num_labels
    full_layer = 2 * T * (4 * D * D + 2 * D * F) + 4 * squares * D
    last_layer = 2 * B * (4 * D * D + 2 * D * F) + 4 * T * H * D
    dense = 2 * B * D * D  # BERT's pooler, or the head's own dense layer in the other families
    return (config.num_hidden_layers - 1) * full_layer + last_layer + dense + 2 * B * D * C


def training_flops(lengths: Sequence[int], config: EncoderConfig, num_labels: int = 3) -> int:
    """Forward, and twice as much backward: each product has a gradient for either factor.

    Source: Kaplan et al. 2020, sec. 2.1.
    """
    return 3 * forward_flops(lengths, config, num_labels)


def linear_flops(lengths: Sequence[int], config: EncoderConfig, num_labels: int = 3) -> int:
    """The same of whole weight matrices alone: without attention's scores and values, which grow with the square of
    the length, and without what the last layer does head by head."""
    squares, D = sum(length**2 for length in lengths), config.hidden_size
    by_head = 4 * D * (config.num_attention_heads * sum(lengths) + len(lengths) * D)
    scores_and_values = 4 * D * (config.num_hidden_layers - 1) * squares
    return training_flops(lengths, config, num_labels) - 3 * (scores_and_values + by_head)


def linear_shapes(config: EncoderConfig) -> tuple[tuple[int, int], ...]:
    """(inputs, outputs) of a layer's products, as it makes them: query, key and value are one; output, up, down."""
    D, F = config.hidden_size, config.intermediate_size
    return (D, 3 * D), (D, D), (D, F), (F, D)


def gemm_rate(config: EncoderConfig, tokens: int, seconds: float = 3.0) -> float:
    """Operations per second of this model's own matrix products in float32, nothing else, at `tokens` rows.

    For each of a layer's linear maps the forward product and the two backward ones (x W', g W, g' x), each repeated for
    its share of `seconds`; the median time of each, so that a layer's products count as often as it makes them.
    """
    shapes = linear_shapes(config)
    flops = time_taken = 0.0
    for inputs, outputs in shapes:
        x, w, g = (torch.randn(*shape) for shape in ((tokens, inputs), (outputs, inputs), (tokens, outputs)))
        for left, right in ((x, w.t()), (g, w), (g.t(), x)):
            product = torch.empty(left.shape[0], right.shape[1])
            share = seconds / (3 * len(shapes))
            time_taken += median_seconds(partial(torch.mm, left, right, out=product), share)
            flops += 2.0 * tokens * inputs * outputs
    return flops / time_taken


def median_seconds(work: Callable[[], object], seconds: float) -> float:
    """Median duration of `work`, repeated for that long, after one call that does not count."""
    work()
    durations: list[float] = []
    until = time.perf_counter() + seconds
    while not durations or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return statistics.median(durations)


def utilisation(flops: float, seconds: float, flops_per_second: float) -> float:
    """Share of the attainable rate: operations made per second of training, over what products alone would make."""
    return flops / seconds / flops_per_second
