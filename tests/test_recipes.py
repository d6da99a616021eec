"""The named recipes: every figure of the seed report's table, and its own curves against the rules that it gives."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from analysis.records.seed_report import REFERENCE, seed_curves
from models.errors import UserError
from tests.running import metrics, record, train
from train.cli import value_of
from train.config import to_record, with_setting
from train.plan import plan_run
from train.recipes import RECIPES
from train.schedule import learning_rate_at
from train.stopping import Stopping

ROBERTA = {
    "checkpoint": "roberta",
    "data.train_examples": 5_000,
    "data.test_examples": 5_000,
    "data.max_tokens": 156,
    "optim.batch_size": 32,
    "dropout.classifier": 0.3,
    "dropout.attention": 0.1,
    "dropout.hidden": 0.1,
    "optim.learning_rate": 5e-6,
    "optim.schedule": "linear",
    "optim.warmup": 0.1,
    "optim.weight_decay": 0.1,
    "optim.epochs": 50,
    "stop.patience": 3,
}
TABLE: dict[str, dict[str, Any]] = {  # typed from the seed report's table, column by column
    "distilbert-frozen": {
        "checkpoint": "distilbert",
        "data.train_examples": 1_000,
        "data.test_examples": 1_000,
        "data.max_tokens": 104,
        "optim.batch_size": 16,
        "dropout.classifier": 0.3,
        "dropout.attention": 0.3,
        "dropout.hidden": 0.3,
        "optim.learning_rate": 2e-5,
        "optim.schedule": "constant",
        "optim.warmup": 0.0,
        "optim.weight_decay": 0.01,
        "freeze.layers": "all",
        "freeze.thaw_every": None,
        "optim.epochs": 50,
        "stop.patience": 3,
    },
    "roberta-full": {**ROBERTA, "freeze.layers": "none"},
    "roberta-gradual": {**ROBERTA, "freeze.layers": "all", "freeze.thaw_every": 5, "freeze.thaws": 4},
}
PRACTICE: dict[str, dict[str, Any]] = {  # what the report did, and what is done instead
    "-as-reported": {
        "stop.monitor": "train_loss",
        "stop.min_delta": 0.001,
        "stop.wait": 0,
        "evaluation.watched": 1_000,
    },
    "": {"stop.monitor": "validation_accuracy", "freeze.dropout": False, "precision": "auto", "evaluation.watched": 0},
}
OWN = {
    "distilbert-frozen-as-reported": {"precision": "float32", "freeze.dropout": True, "stop.train_accuracy": None},
    "roberta-full-as-reported": {"precision": "fp16", "stop.train_accuracy": 0.95},
    "roberta-gradual-as-reported": {
        "precision": "fp16",
        "stop.train_accuracy": 0.95,
        "freeze.dropout": True,
        "freeze.restart": True,
        "freeze.thaw_embeddings": False,
    },
    "roberta-gradual": {"freeze.restart": False, "stop.wait": 20},
}
RUNS = {"roberta-gradual": "roberta-gradual-unfreeze"}
"""A recipe's system -> the file's name for the seed report's run, where the two differ."""
SIX = [f"{name}{practice}" for name in TABLE for practice in PRACTICE]


@pytest.mark.parametrize("practice", PRACTICE)
@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_every_figure_of_the_table(name, practice):
    recipe = RECIPES[name + practice]
    assert recipe.data.dataset == "mnli" and recipe.evaluation.last
    for field, value in {**TABLE[name], **PRACTICE[practice], **OWN.get(name + practice, {})}.items():
        assert value_of(recipe, field) == value, field


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_knows_its_name_and_opens_with_its_command_and_result(name):
    assert RECIPES[name].recipe == name
    lines = (Path(__file__).parent.parent / "train" / "recipes.py").read_text(encoding="utf-8").splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.startswith(f'    "{name}": '))
    command, result = (line.strip().removeprefix("# ") for line in lines[at - 2 : at])
    assert command.split()[:5] == ["python", "-m", "train.run", "--recipe", name]
    assert result == "not measured" or any(digit.isdigit() for digit in result)


@pytest.mark.parametrize("name", TABLE)
def test_the_rule_stops_the_seed_reports_own_curves_where_they_stop(name):
    """After 47, 8 and 24 epochs, and not one before."""
    stopping = Stopping(RECIPES[f"{name}-as-reported"].stop)
    curve = seed_curves()[name]
    ended = []
    for epoch, (loss, accuracy) in enumerate(zip(curve["train_loss"], curve["train_accuracy"], strict=True), start=1):
        stopping.improved({"train_loss": loss}, epoch)
        ended.append(stopping.exhausted or stopping.learned(accuracy))
    assert len(ended) == {"distilbert-frozen": 47, "roberta-full": 8, "roberta-gradual": 24}[name]
    assert ended == [False] * (len(ended) - 1) + [True]


@pytest.mark.parametrize("name", ["roberta-full", "roberta-gradual"])
def test_the_schedule_is_the_seed_reports_own(name):
    """Its curves show the rate after each epoch; at each thaw it begins anew."""
    config = RECIPES[f"{name}-as-reported"]
    plan = plan_run(config, 5_000)
    rows = csv.DictReader(line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line[0] != "#")
    shown = [float(row["learning_rate"]) for row in rows if row["run"] == RUNS.get(name, name)]
    since = 0
    for epoch, rate in enumerate(shown):
        if (
            epoch
            and config.freeze.restart
            and config.freeze.thaws_before(epoch) > config.freeze.thaws_before(epoch - 1)
        ):
            since = epoch
        update = (epoch + 1 - since) * plan.steps_per_epoch
        found = learning_rate_at(update, plan.learning_rate, plan.warmup_steps, plan.schedule_steps, "linear")
        assert found == pytest.approx(rate, abs=5e-9), epoch + 1  # it shows three digits


MONITORS = ("train_loss", "validation_accuracy")
SMALL = (
    *("--dataset", "controlled", "--train-examples", "96", "--test-examples", "48", "--validation-examples", "48"),
    *("--max-tokens", "64", "--epochs", "50", "--set", "optim.max_epochs=6", "--precision", "float32"),
    *("--batch-size", "16", "--set", "evaluation.probes=0"),
)


@pytest.mark.parametrize("init", ["scratch", "pretrained"])
@pytest.mark.parametrize("name", SIX)
def test_every_recipe_runs_on_any_checkpoint_with_both_inits(tmp_path, tiny_checkpoint, name, init):
    rate = RECIPES[name].optim.learning_rate
    flags = ("--recipe", name, "--init", init, *SMALL, "--set", f"optim.learning_rate={rate}", "--no-export")
    directory = train(tmp_path, tiny_checkpoint, *flags)
    summary, config = record(directory, "summary"), record(directory, "config")
    assert config["recipe"] == name and config["dropout"] == to_record(RECIPES[name].dropout)
    assert config["encoder"]["hidden_dropout_prob"] == RECIPES[name].dropout.hidden
    assert summary["stop_reason"] in (
        "6 of 50 epochs done, as asked",
        *(f"no better {m} for 3 epochs" for m in MONITORS),
    )
    assert {"before", "last", "after"} == set(summary["evaluations"])
    watched = [line for line in metrics(directory, "evaluation") if line["split"] == "watched_test"]
    assert len(watched) == (summary["epochs"] + 1 if name.endswith("reported") else 0)


def test_a_run_stops_once_its_training_pairs_are_known(tmp_path, tiny_checkpoint):
    flags = ("--set", "stop.train_accuracy=0.01", "--set", "evaluation.watched=32")
    summary = record(train(tmp_path, tiny_checkpoint, *flags), "summary")
    assert (summary["epochs"], summary["stop_reason"]) == (1, "training accuracy above 0.01")


def test_a_rule_about_training_pairs_needs_some_to_look_at():
    config = with_setting(RECIPES["minilm"], "stop.train_accuracy", 0.5)
    with pytest.raises(UserError, match=r"stop.train_accuracy needs pairs to look at: evaluation.watched"):
        plan_run(config, 100)
