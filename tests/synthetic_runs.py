"""Writes run directories with the shape of real ones, drawn from a seeded generator: no model is trained."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

LABELS = ("entailment", "contradiction", "neutral")
LN3 = math.log(3)
RATES = {"scratch": 3e-4, "pretrained": 5e-5}
FLOORS = {"scratch": (0.50, 1.20, 0.39), "pretrained": (0.45, 0.80, 0.66)}
"""Init -> last training loss, last validation loss, last validation accuracy, with 5,000 examples at its own rate."""
SPLITS = ("probe_train", "probe_validation", "validation", "test", "test_unseen")


def progress(step: float, steps: int, departure: float) -> float:
    """Returns 0 on the plateau, rising towards 1 after `departure` (a share of the run)."""
    return 1 - math.exp(-3 * max(0.0, step / steps - departure))


class Curves:
    """Made-up but plausible loss and accuracy of one run at every step."""

    def __init__(self, init: str, seed: int, steps: int, shift: float = 0.0) -> None:
        """Args: shift: what data add to the accuracy, and an ill-suited rate or a hidden side takes from it."""
        self.steps, self.generator = steps, np.random.default_rng([seed, len(init)])
        train, validation, accuracy = FLOORS.get(init, (0.6, 1.0, 0.5))
        self.floors = train, validation - 2 * shift, accuracy + shift
        self.departure = (0.3 if init == "scratch" else 0.08) + 0.01 * seed

    def at(self, split: str, step: int) -> tuple[float, float]:
        """Returns (loss, accuracy) of a split after `step` updates."""
        train, validation, accuracy = self.floors
        floor = train if "train" in split else validation
        share = progress(step, self.steps, self.departure) / 0.94
        right = 1 / 3 + share * ((0.85 if "train" in split else accuracy) - 1 / 3)
        noise = self.generator.normal(0, 0.01)
        return LN3 + share * (floor - LN3) + 0.3 * noise, min(1.0, right + noise)


def evaluation(curves: Curves, split: str, step: int, **extra: Any) -> dict[str, Any]:
    loss, accuracy = curves.at(split, step)
    clocks = {"step": step, "epoch": step / 157, "examples_seen": 32 * step, "train_seconds": 0.21 * step}
    found = {"loss": round(loss, 4), "accuracy": round(accuracy, 4), "examples": 512}
    return {"event": "evaluation", "split": split, **clocks, "seconds": 0.3 * step, **found, **extra}


def metrics(curves: Curves, rate: float, per_epoch: int) -> list[dict[str, Any]]:
    events = [evaluation(curves, split, 0) for split in SPLITS]
    for step in range(1, curves.steps + 1):
        now = {"step": step, "epoch": step / per_epoch, "examples_seen": 32 * step}
        clocks = {"seconds": 0.3 * step, "train_seconds": 0.21 * step}
        loss = round(curves.at("train", step - 1)[0] + curves.generator.normal(0, 0.08), 4)
        events.append({"event": "train", **now, **clocks, "loss": loss, "learning_rate": rate, "grad_norm": 1.3})
        if step % 20 == 0:
            events += [evaluation(curves, split, step) for split in SPLITS[:2]]
            events.append({"event": "gradients", "step": step, "norms": {"embeddings": 0.1, "head": 0.3}})
        if step % per_epoch == 0:
            loss, accuracy = curves.at("train", step - per_epoch // 2)
            found = {"train_loss": loss, "train_accuracy": accuracy, **clocks}
            events.append({"event": "epoch", "step": step, "epoch": step // per_epoch, **found})
            events.append(evaluation(curves, "validation", step))
    return events + [evaluation(curves, split, curves.steps, weights="best") for split in SPLITS[3:]]


def predictions(curves: Curves, splits: dict[str, float], groups: list[str]) -> list[list[str]]:
    rows = [["split", "id", "gold", *LABELS, "group"]]
    for split, accuracy in splits.items():
        for i in range(300):
            gold = i % 3
            hit = curves.generator.random() < accuracy + 0.04 * (i % len(groups)) - 0.08
            named = gold if hit else (gold + 1) % 3
            shares = ["0.8000" if k == named else "0.1000" for k in range(3)]
            rows.append([split, f"{split}-{i}", LABELS[gold], *shares, groups[i % len(groups)]])
    return rows


def summary(curves: Curves, events: list[dict[str, Any]]) -> dict[str, Any]:
    def outcome(when: int, name: str) -> dict[str, Any]:
        found = [e for e in events if e.get("split") == name][when]
        return {key: found[key] for key in ("loss", "accuracy", "examples")}

    names = ("validation", "test", "test_unseen")
    before, after = ({name: outcome(when, name) for name in names} for when in (0, -1))
    best = {"step": curves.steps, "epoch": 4, "validation_loss": after["validation"]["loss"]}
    best["validation_accuracy"] = after["validation"]["accuracy"]
    return {
        "schema_version": 1,
        "stop_reason": "epochs done",
        "steps": curves.steps,
        "epochs": 4,
        "examples_seen": 32 * curves.steps,
        "seconds": 0.3 * curves.steps,
        "train_seconds": 0.21 * curves.steps,
        "parameters": 22713603,
        "best": best,
        "evaluations": {"before": before, "after": after},
    }


def configuration(init: str, seed: int, steps: int, rate: float, data: dict[str, Any]) -> dict[str, Any]:
    plan = {
        "steps": steps,
        "steps_per_epoch": steps // 4,
        "epochs": 4,
        "learning_rate": rate,
    }
    return {
        "schema_version": 1,
        "init": init,
        "checkpoint": "minilm",
        "recipe": "minilm",
        "seed": seed,
        "threads": 1,
        "data": {"dataset": "mnli", "max_tokens": 128, "hide": None, **data},
        "optim": {
            **{"learning_rate": rate, "learning_rates": RATES},
            **{"weight_decay": 0.01, "batch_size": 32, "length_pool": 1},
        },
        "plan": plan,
    }


def data_record(train_examples: int) -> dict[str, Any]:
    labels = dict.fromkeys(LABELS, 1000)
    sizes = {"train": train_examples, "validation": 3000}
    splits = {name: {"examples": size, "labels": labels, "premises": 2990} for name, size in sizes.items()}
    splits["test"] = {"examples": 3000, "labels": labels | {"entailment": 1200}, "premises": 2980}
    tokens = {"mean": 39.8, "max": 214, "p90": 63, "p95": 74, "p99": 101, "max_tokens": 128}
    counts = {"unlabelled": 3}
    return {
        "name": "mnli-tsv",
        "splits": splits,
        "tokens": tokens | {"truncated_share": 0.002},
        "counts": counts,
    }


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_run(
    study: Path,
    init: str = "scratch",
    seed: int = 0,
    *,
    steps: int = 80,
    name: str = "",
    size: int = 5000,
    rate: float | None = None,
    hide: str | None = None,
    groups: tuple[str, ...] = ("fiction", "government", "slate", "telephone", "travel"),
    data: dict[str, Any] | None = None,
    finished: bool = True,
) -> Path:
    """Writes one run under `study`/runs and returns its directory."""
    run = study / "runs" / (name or f"{init}-seed{seed}")
    run.mkdir(parents=True)
    usual = RATES.get(init, 5e-5)
    rate = rate or usual
    lost = 0.02 * abs(math.log2(rate / usual)) + (0.12 if hide else 0.0)
    curves = Curves(init, seed, steps, shift=0.01 * math.log2(size / 5000) - lost)
    events = metrics(curves, rate, steps // 4)
    asked = {"train_examples": size, "hide": hide, **(data or {})}
    write_json(run / "config.json", configuration(init, seed, steps, rate, asked))
    write_json(run / "environment.json", {"schema_version": 1, "torch": "2.10", "threads": 1, "device": "cpu"})
    hashes = {"head_sha256": f"{seed:064x}", "batch_order_sha256": f"{size:032x}{seed:032x}"}
    shared = {
        "parameters_sha256": "a" * 64,
        "data_sha256": dict.fromkeys(("train", "validation", "test"), "b" * 64),
    }
    write_json(run / "certificate.json", {"numerics_version": 1, **hashes, **shared})
    write_json(run / "data.json", data_record(size))
    (run / "metrics.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    with (run / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        shares = {"test": curves.floors[2], "test_unseen": curves.floors[2] - 0.03}
        csv.writer(file).writerows(predictions(curves, shares, list(groups)))
    if finished:
        write_json(run / "summary.json", summary(curves, events))
    return run


def edit(path: Path, **changes: Any) -> None:
    """Overwrites top-level keys of one JSON record."""
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def right(folder: Path, run: str, split: str = "test") -> np.ndarray:
    with (folder / "runs" / run / "predictions.csv").open(newline="") as file:
        return np.array([float(row[row["gold"]]) > 0.5 for row in csv.DictReader(file) if row["split"] == split])


def scramble(run: Path, seed: int) -> None:
    """Give a run's predictions probabilities of their own, so that no two pairs are alike."""
    path = run / "predictions.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    generator = np.random.default_rng(seed)
    for row in rows:
        shares = generator.dirichlet([0.7, 1.0, 1.3])
        row.update({label: f"{share:.4f}" for label, share in zip(LABELS, shares, strict=True)})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
