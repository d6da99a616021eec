"""One run from configuration to summary: read it top to bottom."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from models.arms import find_arm
from models.build import build_classifier
from models.dropout import seed_dropout
from models.errors import command
from models.export import export_checkpoint
from models.files import sha256_of
from models.initialise import random_stream
from train.certificate import build_certificate
from train.checkpoint import Saver, forget
from train.cli import Request
from train.config import RunConfig, to_record, without_paths
from train.course import first_state, start_records, summarise, take_up
from train.data.pairs import LABELS
from train.distributed import is_main_process, joined, local_index, world_size
from train.environment import describe_environment
from train.evaluate import Evaluation, evaluate
from train.features import cache_features
from train.freeze import set_learning
from train.interrupt import Signals
from train.journal import log_evaluation
from train.loop import evaluate_watched, fit, probe
from train.material import Material, gather, require_places
from train.memory import keep_freed_memory
from train.model_card import write_card
from train.onlooker import open_directory, require_alike
from train.optim import build_optimizer
from train.plan import plan_run
from train.precision import Precision, choose_device, choose_precision
from train.progress import Progress
from train.records import RunDirectory
from train.resume import restore_best
from train.seeds import prepare_process, seed_global_streams
from train.state import Job, TrainState
from train.thaw import may_cache

CLAIMS = Path(__file__).parent.parent / "analysis" / "claims.toml"
"""What the runs are to decide, registered before them; a run records the file's sha256."""
TRAIN_PAIRS = 1_000
"""Training pairs, the first ones, evaluated before and after: how much of its accuracy a model owes to having seen
them. An interval of 3 points for a fifth of what testing on 5,000 costs."""


def run(request: Request) -> None:
    """Train, test and record one arm.

    Raises:
        UserError: or one of its kinds; nothing that existed before is lost.
    """
    require_places(request)
    config = request.config
    threads = prepare_process(config.threads)
    device = choose_device(config.device, local_index())
    precision = choose_precision(config.precision, device)
    with joined(device):
        material = gather(config)
        with closing(open_directory(request)) as records:
            read = {"data": material.splits.hashes(), "weights": material.weights.weights_sha256}
            require_alike(config, precision, read)
            job = prepare(config, material, records, precision)
            differences = start_records(records, describe_start(job, material, threads), request)
            announce(job, material, threads)
            train_and_test(job, material, request, differences)


def train_and_test(job: Job, material: Material, request: Request, differences: list[str] | None) -> None:
    """From the first update, or the one after the newest checkpoint, to the summary.

    Args:
        differences: None for a run that begins; else what differs from its start, and is allowed to.
    """
    with Signals(request.resume_command) as signals:
        state = None if differences is None else take_up(job, differences)
        state = state or begin(job)
        with signals.deferred():
            fit(job, state, Saver(job.config.save, signals))
        signals.check()
        last = evaluate_all(job) if job.config.evaluation.last else {}
        restore_best(job, state)
        after = test_all(job, state, weights="best")
        if is_main_process():
            with signals.deferred():  # nothing is left but to write the result: the run ends well
                finish(job, state, material, after, last)


def prepare(config: RunConfig, material: Material, records: RunDirectory, precision: Precision) -> Job:
    """Build the model and everything else that training needs."""
    model, load_report = build_classifier(
        material.weights, material.encoder, config.init, config.seed, config.head_init
    )
    keep_freed_memory()  # from here on, so that what loading took is given back first
    model.to(precision.device)
    set_learning(model, config.freeze)
    seed_global_streams(config.seed)
    dropout = random_stream(config.seed, "dropout")
    seed_dropout(model, dropout)
    sets: dict[str, Any] = material.encoded
    if config.freeze.thaw_every is None and may_cache(config.freeze):
        sets = {name: cache_features(model, pairs, precision) for name, pairs in sets.items()}
    plan = plan_run(config, len(sets["train"]))
    return Job(
        config=config,
        plan=plan,
        model=model,
        load_report=load_report,
        optimizer=build_optimizer(model, config.optim),
        scaler=precision.build_scaler(),
        precision=precision,
        dropout=dropout,
        sets=sets,
        ids=[pair.id for pair in material.splits.train],
        records=records,
        progress=Progress(plan.steps, f"{config.init} seed {config.seed}", silent=not is_main_process()),
    )


def describe_start(job: Job, material: Material, threads: int) -> dict[str, dict[str, Any]]:
    """The records of what a run starts from, by file name; names instead of paths."""
    config, checkpoint = job.config, material.checkpoint
    named = without_paths(config, checkpoint.name)
    weights = material.weights.weights_sha256 if find_arm(config.init).source else None
    tokenizer = None if checkpoint.tokenizer is None else sha256_of(checkpoint.tokenizer)
    environment = describe_environment(job.precision.device, job.precision.name, threads)
    hashes = {"weights_sha256": weights, "tokenizer_sha256": tokenizer, "claims_sha256": sha256_of(CLAIMS)}
    return {
        "config.json": {**to_record(named), "encoder": asdict(material.encoder), "plan": asdict(job.plan)},
        "data.json": {**material.splits.to_record(), "tokens": material.tokens},
        "load_report.json": job.load_report.to_json(),
        "certificate.json": build_certificate(job, material.splits.hashes()),
        "environment.json": {**environment, **hashes},
    }


def announce(job: Job, material: Material, threads: int) -> None:
    """Say what is about to happen."""
    tokens = material.tokens
    for what, count in material.splits.counts.items():
        job.progress.say(f"{what}: {count:,}")
    processes = f", {world_size()} processes" if world_size() > 1 else ""
    job.progress.say(
        f"{material.splits.name}, {len(job.train)} training pairs; tokens: mean {tokens['mean']}, "
        f"90/95/99% {tokens['p90']:.0f}/{tokens['p95']:.0f}/{tokens['p99']:.0f}, max {tokens['max']}; "
        f"{tokens['truncated_share']:.2%} cut at {tokens['max_tokens']}"
    )
    job.progress.say(
        f"{job.precision.device}, {job.precision.name} ({job.precision.reason}), {threads} threads{processes}; "
        f"{job.plan.steps} steps, peak learning rate {job.plan.learning_rate:g}; records in {job.records.path}"
    )


def begin(job: Job) -> TrainState:
    """Evaluate everything before the first update."""
    state = first_state(job)
    state.before = figures(test_all(job, state))
    evaluate_watched(job, state)
    probe(job, state)
    state.restart_clock()
    job.progress.go_on_from(0)  # the pace of updates, not of what was evaluated before
    return state


def test_all(job: Job, state: TrainState, weights: str = "initial") -> dict[str, Evaluation]:
    """Evaluate and record every set, once before training and once with the best weights."""
    results = evaluate_all(job)
    for name, result in results.items():
        log_evaluation(job, state, name, result, weights=weights)
    return results


def evaluate_all(job: Job) -> dict[str, Evaluation]:
    """Evaluate every set, of training its first pairs."""
    some = {"train": range(min(TRAIN_PAIRS, len(job.train)))}
    return {name: evaluate(job.model, pairs, job.precision, some.get(name)) for name, pairs in job.sets.items()}


def figures(results: dict[str, Evaluation]) -> dict[str, dict[str, Any]]:
    """The evaluations without their logits, for a record."""
    return {name: result.to_record() for name, result in results.items()}


def finish(
    job: Job, state: TrainState, material: Material, after: dict[str, Evaluation], last: dict[str, Evaluation]
) -> None:
    """Write predictions, the exported model and, last of all, the summary; say where they are and what comes next."""
    job.records.write_predictions(
        row for name in material.splits.tests for row in _prediction_rows(material, name, after[name].logits_NC)
    )
    summary = summarise(job, state, figures(after), figures(last))
    if job.config.export:
        export_checkpoint(job.model.cpu(), job.records.path / "export", LABELS, material.checkpoint.tokenizer)
        write_card(job.records, summary)
    job.records.write_json("summary.json", summary)
    forget(job)
    test = after["test"]
    job.progress.say(f"{state.stop_reason}: test accuracy {test.accuracy:.3f}, loss {test.loss:.4f}")
    print(f"Records are in {job.records.path}\nNext: {command('analysis.compare', job.records.path.parent.parent)}")


def _prediction_rows(material: Material, name: str, logits_NC: Tensor) -> list[tuple[str, str, str, list[float], str]]:
    pairs = material.splits.tests[name]
    probabilities = logits_NC.double().softmax(1).tolist()
    return [(name, pair.id, pair.label, p, pair.group) for pair, p in zip(pairs, probabilities, strict=True)]
