"""Writes runs of the seed report's recipes with curves that a test chooses; no model is trained."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.synthetic_runs import LABELS, write_json, write_run
from train.config import to_record, with_setting
from train.recipes import RECIPES

FULL, GRADUAL = "roberta-full", "roberta-gradual"
PAIRS = 400
"""Test pairs of a run."""
STEPS = 10
"""Updates of an epoch."""
FLAT = {"losses": [1.0], "test": [0.3, 0.4]}
"""The shortest run."""


def write_metrics(
    run: Path, losses: Sequence[float], train: Sequence[float], curves: dict[str, Sequence[float]]
) -> None:
    """One training step and one epoch event an epoch, and an evaluation of each split from step 0 on."""
    events: list[dict[str, Any]] = []
    for epoch in range(len(losses) + 1):
        clocks = {"step": STEPS * epoch, "examples_seen": 32 * STEPS * epoch, "train_seconds": 2.0 * epoch}
        if epoch:
            loss, accuracy = losses[epoch - 1], train[epoch - 1]
            events.append({"event": "train", **clocks, "loss": loss})
            events.append({"event": "epoch", **clocks, "epoch": epoch, "train_loss": loss, "train_accuracy": accuracy})
        for split, accuracies in curves.items():
            events.append({"event": "evaluation", "split": split, **clocks, "loss": 1.0, "accuracy": accuracies[epoch]})
    (run / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


def write_predictions(run: Path, right: int) -> None:
    """Of `PAIRS` test pairs the first `right` are answered rightly."""
    with (run / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["split", "id", "gold", *LABELS, "group"])
        for pair in range(PAIRS):
            said = pair % 3 if pair < right else (pair + 1) % 3
            rows.writerow(["test", f"pair-{pair}", LABELS[pair % 3], *("01"[label == said] for label in range(3)), ""])


def write_config(run: Path, recipe: str, init: str, **changes: Any) -> None:
    """The recipe's own configuration with what the study file says; the schedule has 50 epochs, the run 20."""
    config = RECIPES[recipe]
    asked = {"init": init, "checkpoint": "minilm", "precision": "bf16", "optim.max_epochs": 20, **changes}
    for field, value in asked.items():
        config = with_setting(config, field, value)
    plan = {"learning_rate": config.optim.learning_rate, "steps_per_epoch": STEPS, "epochs": 50}
    plan["steps"] = STEPS * config.optim.max_epochs
    write_json(run / "config.json", {"schema_version": 1, **to_record(config), "plan": plan})


def write_recipe(
    study: Path,
    recipe: str,
    init: str = "pretrained",
    *,
    losses: Sequence[float],
    test: Sequence[float],
    validation: Sequence[float] | None = None,
    best: int | None = None,
    right: int = 200,
    last: float = 0.5,
    reason: str = "no better train_loss for 3 epochs",
    name: str = "",
    **changes: Any,
) -> Path:
    """Writes one finished run and returns its directory.

    Args:
        losses: training loss of each epoch; a run of 20 epochs was cut, a shorter one ended by its rule.
        test: accuracy of the watched test pairs at step 0 and after each epoch; the training pairs have 0.1 more.
        validation: likewise; by default that of the watched test pairs.
        best: the epoch with the best weights; by default the last.
        right: test pairs that the best weights answer rightly.
        last: test accuracy of the last weights.
        changes: settings in which the run differs from the study's, with `__` for a dot.
    """
    run = write_run(study, init, 0, name=name or f"{init}-{recipe}", steps=8)
    write_config(run, recipe, init, **{key.replace("__", "."): value for key, value in changes.items()})
    train = [accuracy + 0.1 for accuracy in test]
    watched = {"watched_train": train, "watched_test": test} if recipe.endswith("reported") else {}
    write_metrics(run, losses, train[1:], {"validation": validation or test, **watched})
    write_predictions(run, right)

    def outcome(train: float, accuracy: float) -> dict[str, Any]:
        measured = {"train": (train, 1000), "validation": (0.5, 1000), "test": (accuracy, PAIRS)}
        return {split: {"loss": 1.0, "accuracy": share, "examples": n} for split, (share, n) in measured.items()}

    epochs = len(losses)
    summary = {
        "schema_version": 1,
        "stop_reason": reason,
        "steps": STEPS * epochs,
        "epochs": epochs,
        "train_seconds": 2.0 * epochs,
        "best": {"epoch": best or epochs, "validation_accuracy": 0.5, "validation_loss": 1.0},
        "evaluations": {
            "before": outcome(0.34, 0.35),
            "last": outcome(0.6, last),
            "after": outcome(0.7, right / PAIRS),
        },
    }
    write_json(run / "summary.json", summary)
    return run
