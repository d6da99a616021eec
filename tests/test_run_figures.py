"""Each figure of a record is of what it says: that set, that seed, that schedule, that arithmetic, that clock."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from models.dropout import Dropout
from tests.running import TINY, metrics, record, train
from tests.torture.sabotage import replaced
from train import loop
from train.certificate import tensors_hash
from train.cli import parse_run
from train.data.pairs import LABELS
from train.evaluate import Evaluation, evaluate
from train.material import gather, open_checkpoint
from train.precision import choose_precision
from train.session import prepare


def splits_of(checkpoint, *flags):
    """The pairs of a run."""
    return gather(parse_run(["--checkpoint", str(checkpoint), *TINY, *flags]).config).splits


def test_probes_are_of_the_first_training_and_validation_pairs(tmp_path, tiny_checkpoint):
    """By transformers, with the exported weights: after one epoch the last are the best."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    flags = ("--init", "pretrained", "--epochs", "1", "--seed", "1")
    run = train(tmp_path, tiny_checkpoint, *flags)
    model, tokenizer = (
        kind.from_pretrained(run / "export") for kind in (AutoModelForSequenceClassification, AutoTokenizer)
    )
    splits = splits_of(tiny_checkpoint, *flags)
    for name, pairs in (("probe_train", splits.train[:16]), ("probe_validation", splits.validation[:16])):
        texts = [pair.premise for pair in pairs], [pair.hypothesis for pair in pairs]
        gold = torch.tensor([LABELS.index(pair.label) for pair in pairs])
        with torch.inference_mode():
            logits = model.eval()(**tokenizer(*texts, padding=True, return_tensors="pt")).logits
        found = [line for line in metrics(run, "evaluation") if line["split"] == name][-1]
        assert found["step"] == 6
        assert found["loss"] == pytest.approx(F.cross_entropy(logits, gold).item(), abs=1e-5)
        assert found["accuracy"] == pytest.approx((logits.argmax(1) == gold).double().mean().item())


@pytest.mark.parametrize(
    ("flags", "after_warm_up"),
    [
        (("--set", "optim.schedule=constant"), [1e-3] * 10),
        (("--epochs", "4", "--set", "optim.max_epochs=2"), [1e-3 * left / 22 for left in range(22, 12, -1)]),
        (("--epochs", "4", "--max-steps", "12"), [1e-3 * left / 22 for left in range(22, 12, -1)]),
    ],
)
def test_the_logged_rates_are_the_schedule_s(tmp_path, tiny_checkpoint, flags, after_warm_up):
    """Two updates of warm-up; a run that ends before its schedule keeps to the whole one: 24 updates here."""
    warm_up = ("--warmup", str(2 / 12) if "constant" in flags[1] else str(2 / 24))
    run = train(tmp_path, tiny_checkpoint, *flags, *warm_up)
    rates = [line["learning_rate"] for line in metrics(run, "train")]
    assert rates == pytest.approx([0, 5e-4, *after_warm_up])


def test_a_seed_decides_batches_and_masks_and_the_certificate_says_which(tmp_path, tiny_checkpoint):
    """Each in training itself, not as it is described."""
    seen = {}
    for seed in ("0", "1"):
        batches, masks = seen.setdefault(seed, ([], []))

        def step(original, batches=batches):
            return lambda job, state, these: (batches.extend(these), original(job, state, these))

        def draw(original, masks=masks):
            return lambda self, like: (masks.append(original(self, like)), masks[-1])[1]

        with replaced(loop, "train_step", step), replaced(Dropout, "draw_mask", draw):
            run = train(tmp_path, tiny_checkpoint, "--seed", seed, name=seed)
        ids = [pair.id for pair in splits_of(tiny_checkpoint, "--seed", seed).train]
        said = "".join("\x1f".join(ids[index] for index in batch) + "\x1e" for batch in batches)
        assert record(run, "certificate")["batch_order_sha256"] == hashlib.sha256(said.encode()).hexdigest()
    (batches, masks), (others, other_masks) = seen.values()
    assert batches != others and len(masks) == len(other_masks) > 50
    hashes = [{tensors_hash({"mask": mask}) for mask in each} for each in (masks, other_masks)]
    assert not hashes[0] & hashes[1]


def test_the_best_epoch_is_that_of_the_accuracy_that_was_asked_for(tmp_path, tiny_checkpoint):
    flags = ("--init", "pretrained", "--epochs", "5", "--set", "stop.monitor=validation_accuracy")
    run = train(tmp_path, tiny_checkpoint, *flags)
    found = [line for line in metrics(run, "evaluation") if line["split"] == "validation"][1:-1]
    accuracies = [line["accuracy"] for line in found]
    best = record(run, "summary")["best"]
    assert len(set(accuracies)) > 1, "the case is only telling if epochs differ"
    assert best["validation_accuracy"] == max(accuracies)
    assert best["epoch"] == 1 + accuracies.index(max(accuracies))
    assert record(run, "summary")["evaluations"]["after"]["validation"]["accuracy"] == max(accuracies)


@pytest.mark.parametrize(("train_accuracy", "epochs"), [(0.6, 1), (0.4, 2)])
def test_the_rule_about_known_pairs_asks_the_training_pairs(tmp_path, tiny_checkpoint, train_accuracy, epochs):
    """Not the test pairs, whose accuracy lies on the other side of the limit."""

    def answered(original):
        def evaluated(model, pairs, precision, indices=None):
            found = original(model, pairs, precision, indices)
            accuracy = train_accuracy if len(pairs) == 96 else 1 - train_accuracy
            return Evaluation(loss=found.loss, accuracy=accuracy, examples=found.examples, logits_NC=found.logits_NC)

        return evaluated

    flags = ("--set", "stop.train_accuracy=0.5", "--set", "evaluation.watched=32")
    with replaced(loop, "evaluate", answered):
        run = train(tmp_path, tiny_checkpoint, *flags)
    assert record(run, "summary")["epochs"] == epochs


def test_the_training_clock_counts_updates_and_no_evaluation(tmp_path, tiny_checkpoint, monkeypatch):
    """By a clock that moves a second in an update, and ten in an evaluation."""
    now = [0.0]

    def takes(seconds):
        def slow(original):
            def slowed(*arguments, **more):
                now[0] += seconds
                return original(*arguments, **more)

            return slowed

        return slow

    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    with replaced(loop, "accumulate", takes(1.0)), replaced(loop, "evaluate", takes(10.0)):
        run = train(tmp_path, tiny_checkpoint)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    epochs = [line["train_seconds"] for line in lines if line["event"] == "epoch"]
    assert epochs == [6.0, 12.0] and record(run, "summary")["train_seconds"] == 12.0


def test_evaluation_computes_in_the_run_s_own_arithmetic(tiny_checkpoint):
    config = parse_run(["--checkpoint", str(tiny_checkpoint), *TINY]).config
    material, seen = gather(config), []

    def logits(original):
        return lambda *arguments: (seen.append(torch.is_autocast_enabled("cpu")), original(*arguments))[1]

    for name in ("bf16", "float32"):
        job = prepare(config, material, None, choose_precision(name, torch.device("cpu")))
        with replaced(type(job.validation), "logits", logits):
            evaluate(job.model, job.validation, job.precision)
        assert seen and set(seen) == {name == "bf16"}
        seen.clear()


def test_each_dropout_goes_to_its_own_place(tiny_checkpoint):
    chosen = {"hidden": 0.11, "attention": 0.22, "classifier": 0.33}
    flags = [flag for name, p in chosen.items() for flag in ("--set", f"dropout.{name}={p}")]
    config = parse_run(["--checkpoint", str(tiny_checkpoint), *TINY, *flags]).config
    _, encoder, _ = open_checkpoint(config, download=False)
    found = (encoder.hidden_dropout_prob, encoder.attention_probs_dropout_prob, encoder.classifier_dropout)
    assert found == (0.11, 0.22, 0.33)
    job = prepare(config, gather(config), None, choose_precision("float32", torch.device("cpu")))
    places = {name: module.p for name, module in job.model.named_modules() if isinstance(module, Dropout)}
    assert {p for name, p in places.items() if name.startswith("head")} == {0.33}
    assert {p for name, p in places.items() if name.endswith("attention.dropout")} == {0.22}
    assert places["encoder.embeddings.dropout"] == 0.11
