"""Where the operations' time in a training step goes, by kind of work: what is left to gain, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch.profiler import ProfilerActivity, profile

from train.benchmark.record import PRODUCTS

REST = "the rest: embeddings, indices, autograd"
KINDS: dict[str, tuple[str, ...]] = {
    PRODUCTS: ("mm", "addmm"),
    "attention: scores, softmax, values, laying out": (
        *("bmm", "baddbmm", "_softmax", "_softmax_backward_data", "index_select", "index_fill_", "cat"),
        "_scaled_dot_product_flash_attention_for_cpu",
    ),
    "GELU": ("gelu", "gelu_backward"),
    "dropout: drawing and applying masks": ("random_", "lt", "mul", "mul_"),
    "layer norm": ("native_layer_norm", "native_layer_norm_backward"),
    "AdamW": ("_fused_adamw_",),
    "gradient norm": ("dot",),
    "adding, summing, copying, zeroing": ("add", "add_", "sum", "copy_", "fill_", "zero_"),
}
"""Kind of work -> torch's own operations, without `aten::`, whose own time counts for it."""


def shares_of_time(work: Callable[[], object]) -> dict[str, float]:
    """Share of the operations' own time by kind of work, over one call of `work`; the sum is 1."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        work()
    own = {event.key.removeprefix("aten::"): float(event.self_cpu_time_total) for event in recorded.key_averages()}
    return by_kind(own)


def by_kind(own: Mapping[str, float]) -> dict[str, float]:
    """The same from each operation's own time, in any unit."""
    total = sum(own.values())
    shares = {kind: sum(own.get(name, 0.0) for name in names) / total for kind, names in KINDS.items()}
    return {**shares, REST: 1 - sum(shares.values())}
