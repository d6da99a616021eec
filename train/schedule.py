"""The learning rate as a function of the number of updates made."""

from __future__ import annotations


def learning_rate_at(update: int, peak: float, warmup_steps: int, total_steps: int, kind: str) -> float:
    """Rate of the update with this number, counted from 0.

    Rises linearly from 0 to the peak over the warm-up, then falls linearly to 0 at `total_steps` (`linear`) or stays
    (`constant`). Source: Devlin et al. 2018, A.2; transformers, get_linear_schedule_with_warmup.
    """
    if update < warmup_steps:
        return peak * update / warmup_steps
    if kind == "constant":
        return peak
    return peak * max(0.0, (total_steps - update) / max(1, total_steps - warmup_steps))
