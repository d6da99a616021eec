"""The model card in an export: what a run's own records say about data, recipe and figures, for whoever uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.arms import find_arm
from models.files import replaced_file
from train.checkpoint_facts import find_facts, hub_id
from train.data.pairs import LABELS
from train.records import RunDirectory, writing

TEMPLATES = Path(__file__).parent / "templates"
HUB_DATASETS = {"mnli": "nyu-mll/multi_nli"}
"""Our data set -> its name on the hub, where it has one."""
SEEN = {"premise": "the hypothesis alone (the premise was left blank)", "hypothesis": "the premise alone"}
"""Hidden side -> what the model saw of each pair."""

Record = Mapping[str, Any]


def write_card(records: RunDirectory, summary: Record) -> None:
    """`export/README.md` tells what the exported model is.

    Args:
        summary: the run's last record, which is not on disk yet.

    Raises:
        CheckpointError: a record cannot be read, or the card not written.
    """
    config, data, environment = (records.read_json(f"{name}.json") for name in ("config", "data", "environment"))
    path = records.path / "export" / "README.md"
    with writing(path), replaced_file(path) as fresh:
        fresh.write_text(build_card(config, data, environment, summary), encoding="utf-8")


def build_card(config: Record, data: Record, environment: Record, summary: Record) -> str:
    """The card's Markdown, with the header that the hub reads."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: only an export needs it

    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters |= {"code": code, "quoted": json.dumps}
    facts = find_facts(environment["weights_sha256"])
    return engine.get_template("model_card.md.j2").render(
        labels=LABELS,
        config=config,
        data=data,
        summary=summary,
        base_model=hub_id(config["checkpoint"], facts) if environment["weights_sha256"] else None,
        dataset=HUB_DATASETS.get(config["data"]["dataset"]),
        origin=origin(config) + dropped(config),
        seen=SEEN.get(config["data"]["hide"]),
        rows=figure_rows(summary["evaluations"]),
        notes=facts.notes if facts else (),
        environment=environment,
    )


def code(value: object) -> str:
    """Text between backticks, whatever it holds."""
    return f"`{' '.join(str(value).replace('`', '').split())}`"


def origin(config: Record) -> str:
    """Where the weights stood before the first update."""
    arm, checkpoint = find_arm(config["init"]), code(config["checkpoint"])
    if arm.source is None:
        return f"drawn at random; from {checkpoint} come the shape of the model and the vocabulary, and no weight"
    if arm.source == "mlm":
        return (
            "trained from random ones as a masked language model on the sentences of the task's own training pairs; "
            f"from {checkpoint} come the shape of the model and the vocabulary"
        )
    if arm.shuffled:
        return f"those of {checkpoint}, the entries of every tensor in random order"
    if arm.lowest is not None:
        return f"those of {checkpoint} in the embeddings and the lowest {arm.lowest} layers, the rest drawn at random"
    return f"those of {checkpoint}"


def dropped(config: Record) -> str:
    """The end of that sentence where the encoder has fewer layers than the weights; of old records none has."""
    depth = config.get("depth")
    if depth is None or find_arm(config["init"]).source is None:
        return ""
    return f", the layers above the lowest {depth} left out"


def figure_rows(evaluations: Record) -> list[dict[str, Any]]:
    """Loss and accuracy of every split before the first update and with the best weights."""
    before, after = evaluations["before"], evaluations["after"]
    return [{"split": split, "before": before[split], "after": found} for split, found in after.items()]
