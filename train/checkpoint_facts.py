"""What is known of a checkpoint's own training and must be said of every model made from it."""

from __future__ import annotations

from dataclasses import dataclass

from models.sources import HUB_IDS
from models.wheel import FILES_SHA256


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of one weights file."""

    hub_id: str
    """Where the hub has it."""
    notes: tuple[str, ...]
    """Sentences for the reader of a model card."""


FACTS: dict[str, Facts] = {
    # sha256 of the weights file: a copy under another name is the same weights
    FILES_SHA256["model.safetensors"]: Facts(
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        # Source: the model card of sentence-transformers/all-MiniLM-L6-v2, table of its training data
        notes=(
            "The training data of these weights included pairs of MultiNLI and SNLI (277,230 of them, as contrastive "
            "triplets). They have seen the task: what they gain on it is not the gain from unlabelled text alone.",
            "MiniLM is distilled from a larger model.",
            "Upstream publishes these weights under the Apache License 2.0.",
        ),
    )
}


def find_facts(weights_sha256: str | None) -> Facts | None:
    """What is known of these weights; None where nothing was registered, or no weights were loaded."""
    return FACTS.get(weights_sha256 or "")


def hub_id(checkpoint: str, facts: Facts | None) -> str | None:
    """The hub's name of a checkpoint, None where it has none that is known."""
    if facts is not None:
        return facts.hub_id
    return HUB_IDS.get(checkpoint, checkpoint if "/" in checkpoint else None)
