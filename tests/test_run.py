"""One run from end to end: repeatable, complete in its records, and fair to the other arm."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.errors import UserError
from tests.running import metrics, predictions, record, train
from train.certificate import tensors_hash
from train.data.pairs import LABELS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def arms(tmp_path_factory, tiny_checkpoint):
    results = tmp_path_factory.mktemp("results")
    return {init: train(results, tiny_checkpoint, "--init", init, name=init) for init in ("scratch", "pretrained")}


def test_the_same_command_twice_gives_the_same_weights_and_records(tmp_path, tiny_checkpoint, arms):
    again = train(tmp_path, tiny_checkpoint, "--init", "pretrained")
    assert record(again, "summary")["weights_sha256"] == record(arms["pretrained"], "summary")["weights_sha256"]
    assert metrics(again) == metrics(arms["pretrained"])
    assert (again / "predictions.csv").read_bytes() == (arms["pretrained"] / "predictions.csv").read_bytes()


def test_another_seed_gives_others(tmp_path, tiny_checkpoint, arms):
    other = train(tmp_path, tiny_checkpoint, "--init", "pretrained", "--seed", "1")
    for name in ("head_sha256", "batch_order_sha256"):
        assert record(other, "certificate")[name] != record(arms["pretrained"], "certificate")[name]


def test_arms_differ_in_init_and_rate_alone(tmp_path, tiny_checkpoint):
    flags = ("--set", "optim.learning_rate=none", "--max-steps", "2")
    one, two = (
        record(train(tmp_path, tiny_checkpoint, "--init", init, *flags, name=init), "config")
        for init in ("scratch", "pretrained")
    )
    assert (one.pop("init"), two.pop("init")) == ("scratch", "pretrained")
    assert one["plan"].pop("learning_rate") != two["plan"].pop("learning_rate")
    assert one == two


def test_arms_share_architecture_head_batches_and_data(arms):
    one, two = (record(arms[init], "certificate") for init in ("scratch", "pretrained"))
    assert one == two


def test_arms_draw_the_same_dropout(monkeypatch, tmp_path, tiny_checkpoint):
    from models.dropout import Dropout

    drawn: dict[str, list[str]] = {"scratch": [], "pretrained": []}
    original = Dropout.draw_mask
    for init, hashes in drawn.items():

        def spy(self, like, hashes=hashes):
            mask = original(self, like)
            hashes.append(tensors_hash({"mask": mask}))
            return mask

        monkeypatch.setattr(Dropout, "draw_mask", spy)
        train(tmp_path, tiny_checkpoint, "--init", init, "--max-steps", "4", name=init)
    assert drawn["scratch"] == drawn["pretrained"]
    assert len(drawn["scratch"]) == len(set(drawn["scratch"])) == 4 * 8  # 4 steps, 8 places, each mask its own


def test_records_tell_the_whole_run(arms):
    run = arms["scratch"]
    steps = metrics(run, "train")
    assert [line["step"] for line in steps] == list(range(1, 13))
    assert [line["examples_seen"] for line in steps] == list(range(16, 193, 16))
    evaluations = metrics(run, "evaluation")
    places = {s: [e["step"] for e in evaluations if e["split"] == s] for s in {e["split"] for e in evaluations}}
    assert places == {
        "train": [0, 12],
        "test": [0, 12],
        "test_unseen": [0, 12],
        "validation": [0, 6, 12, 12],
        "probe_train": [0, 4, 8, 12],
        "probe_validation": [0, 4, 8, 12],
    }
    means = [sum(line["loss"] for line in steps[i : i + 6]) / 6 for i in (0, 6)]
    assert [e["train_loss"] for e in metrics(run, "epoch")] == pytest.approx(means, rel=1e-6)
    summary = record(run, "summary")
    assert (summary["steps"], summary["epochs"], summary["stop_reason"]) == (12, 2, "all epochs done")
    assert not (run / "checkpoints").exists()


def test_predictions_are_those_of_the_recorded_accuracy(arms):
    rows = predictions(arms["pretrained"])
    after = record(arms["pretrained"], "summary")["evaluations"]["after"]
    for split in ("test", "test_unseen"):
        chosen = [row for row in rows if row["split"] == split]
        tops = [[name for name in LABELS if float(row[name]) == max(float(row[n]) for n in LABELS)] for row in chosen]
        surely, perhaps = (
            sum(row["gold"] in top and len(top) <= most for row, top in zip(chosen, tops, strict=True))
            for most in (1, 3)
        )
        right = round(after[split]["accuracy"] * len(chosen))
        assert surely <= right <= perhaps, "a tie after rounding may go either way"
        nll = -sum(math.log(float(row[row["gold"]])) for row in chosen) / len(chosen)
        assert nll == pytest.approx(after[split]["loss"], abs=1e-3)


def test_the_exported_model_is_the_one_that_was_tested(arms):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from train.data.controlled import load_controlled

    folder = arms["pretrained"] / "export"
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    examples = load_controlled()["test"][:48]
    batch = tokenizer(
        [e.premise for e in examples], [e.hypothesis for e in examples], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        probabilities = model.eval()(**batch).logits.softmax(1)
    rows = [row for row in predictions(arms["pretrained"]) if row["split"] == "test"]
    ours = torch.tensor([[float(row[name]) for name in LABELS] for row in rows])
    torch.testing.assert_close(probabilities, ours, rtol=0, atol=1e-4)
    assert [model.config.id2label[i] for i in range(3)] == list(LABELS)


def test_the_best_weights_are_a_copy_and_not_the_last(tmp_path, tiny_checkpoint):
    """The seed report kept a reference to the live weights, so that restoring them changed nothing."""
    run = train(
        tmp_path, tiny_checkpoint, "--init", "pretrained", "--learning-rate", "0.01", "--epochs", "5", "--warmup", "0"
    )
    losses = [e["loss"] for e in metrics(run, "evaluation") if e["split"] == "validation"][1:-1]
    assert losses.index(min(losses)) < len(losses) - 1, "the case is only telling if the last epoch is not the best"
    summary = record(run, "summary")
    assert summary["best"]["validation_loss"] == pytest.approx(min(losses))
    assert summary["evaluations"]["after"]["validation"]["loss"] == pytest.approx(min(losses), rel=1e-6)
    saved = load_file(run / "export" / "model.safetensors")
    assert all(torch.isfinite(t).all() for t in saved.values())


def test_zero_head_starts_at_ln_3(tmp_path, tiny_checkpoint):
    run = train(tmp_path, tiny_checkpoint, "--init", "scratch", "--head-init", "zero", "--max-steps", "1")
    assert metrics(run, "evaluation")[0]["loss"] == pytest.approx(math.log(3), abs=1e-6)


def test_patience_stops_early_and_says_why(tmp_path, tiny_checkpoint):
    """With a rate too small to change a float, the second epoch is no better than the first on any machine."""
    flags = ("--set", "optim.learning_rate=1e-30", "--epochs", "9", "--patience", "1")
    summary = record(train(tmp_path, tiny_checkpoint, "--init", "scratch", *flags), "summary")
    assert summary["epochs"] == 2
    assert summary["stop_reason"] == "no better validation_loss for 1 epochs"


def test_a_run_directory_in_use_is_refused_and_left_alone(arms, tiny_checkpoint):
    run = arms["scratch"]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="already holds a finished run"):
        train(run.parents[2], tiny_checkpoint, "--init", "scratch", name=run.name)
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_records_hold_no_path_user_or_host(tmp_path, tiny_checkpoint, monkeypatch):
    for module, name in (("socket", "gethostname"), ("platform", "node"), ("getpass", "getuser"), ("os", "getlogin")):
        monkeypatch.setattr(f"{module}.{name}", lambda name=name: f"secret-{name}")
    for variable in ("USER", "LOGNAME", "HOSTNAME"):
        monkeypatch.setenv(variable, f"secret-{variable}")
    run = train(tmp_path, tiny_checkpoint, "--max-steps", "1")
    texts = [path for path in run.rglob("*.*") if path.is_file() and path.suffix != ".safetensors"]
    assert {"README.md", "config.json", "metrics.jsonl", "predictions.csv"} <= {path.name for path in texts}
    for path in texts:
        text = path.read_text(encoding="utf-8")
        for secret in (str(tmp_path.parent), str(ROOT), "secret-"):
            assert secret not in text, f"{path.name} holds {secret}"


def test_a_run_imports_no_compiler(tmp_path, tiny_checkpoint):
    """It would take a second or more of every start; torch's own optimizers import it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.running import train\n"
        "train(*map(Path, sys.argv[1:]))\nprint([m for m in ('torch._dynamo', 'torch._inductor') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(tiny_checkpoint)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert shown.splitlines()[-1] == "[]"
