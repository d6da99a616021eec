"""The model card in an export tells what the run recorded, and of a checkpoint what is known of that one alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from analysis.probes.inference import open_predictor
from models.wheel import FILES_SHA256
from tests.running import record, train
from train.model_card import build_card

NAMES = ("config", "data", "environment", "summary")
CONTAMINATION = "training data of these weights included pairs of MultiNLI and SNLI"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    flags = ("--init", "pretrained", "--max-steps", "8", "--max-tokens", "16")
    return train(tmp_path_factory.mktemp("results"), tiny_checkpoint, *flags)


def card(run: Path, **changes: dict[str, Any]) -> str:
    """The card of the run's records with some of their values changed."""
    return build_card(*(record(run, name) | changes.get(name, {}) for name in NAMES))


def test_the_card_has_every_figure_of_the_summary(run: Path) -> None:
    text = (run / "export" / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    evaluations = record(run, "summary")["evaluations"]
    assert set(evaluations["after"]) == {"train", "validation", "test", "test_unseen"}
    for split, after in evaluations["after"].items():
        before = evaluations["before"][split]
        pairs, *figures = next(row[1:] for row in rows if row[0] == split)
        expected = [before["loss"], after["loss"], before["accuracy"], after["accuracy"]]
        assert int(pairs) == after["examples"]
        assert [float(figure) for figure in figures[:4]] == pytest.approx(expected, abs=5.1e-4)
        assert float(figures[4]) == pytest.approx(100 * (after["accuracy"] - before["accuracy"]), abs=0.051)
    settings = {row[0]: row[1] for row in rows if len(row) == 2}
    assert settings["peak learning rate"] == "0.001" and settings["init"] == "`pretrained`"
    assert settings["updates done, planned"] == "8, 8"


def test_the_hub_reads_its_header(run: Path) -> None:
    header = ModelCard.load(run / "export" / "README.md").data
    assert (header.pipeline_tag, header.library_name, header.language) == (
        *("text-classification", "transformers"),
        "en",
    )
    assert header.base_model is None and header.datasets is None  # a folder of weights, and a corpus of our own
    environment = {"weights_sha256": FILES_SHA256["model.safetensors"]}
    config = {"data": record(run, "config")["data"] | {"dataset": "mnli"}}
    header = ModelCard(card(run, environment=environment, config=config)).data
    assert header.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert header.datasets == ["nyu-mll/multi_nli"]


def test_contamination_is_said_of_minilms_weights_alone(run: Path) -> None:
    known = {"environment": {"weights_sha256": FILES_SHA256["model.safetensors"]}}
    assert CONTAMINATION in card(run, **known)
    assert "distilled" in card(run, **known)
    for sha256 in ("a" * 64, None):  # other weights under the same name; none at all
        other = card(run, environment={"weights_sha256": sha256}, config={"checkpoint": "minilm"})
        assert "MultiNLI" not in other and "distilled" not in other


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ("scratch", "drawn at random; from `tiny` come the shape"),
        ("mlm", "masked language model on the sentences of the task's own training pairs"),
        ("shuffled", "the entries of every tensor in random order"),
        ("bottom-2", "in the embeddings and the lowest 2 layers"),
        ("pretrained", "weights were those of `tiny`. The head was drawn"),
    ],
)
def test_the_card_says_where_the_weights_began(init: str, said: str, run: Path) -> None:
    assert said in card(run, config={"init": init})


def test_a_one_sided_baseline_is_called_one(run: Path) -> None:
    blind = {"data": record(run, "config")["data"] | {"hide": "premise"}}
    assert "the hypothesis alone" in card(run, config=blind)
    assert "baseline" not in card(run)


def test_a_name_cannot_leave_its_backticks(run: Path) -> None:
    text = card(run, config={"checkpoint": "a`\n# b`"})
    assert "`a # b`" in text and not re.search("^# b", text, re.MULTILINE)


def test_the_cards_own_lines_run(run: Path) -> None:
    text = (run / "export" / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    pair = ("A dog sleeps in a house.", "No dog sleeps.")
    lines = lines.replace('"premise", "hypothesis"', f'"{pair[0]}", "{pair[1]}"')
    done = subprocess.run([sys.executable, "-c", lines], cwd=run, capture_output=True, text=True, check=True)
    printed = ast.literal_eval(done.stdout.splitlines()[-1])
    assert printed == pytest.approx(open_predictor(run).probabilities([pair])[0], abs=1e-6)
