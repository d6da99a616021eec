"""One masked-language-model training from configuration to weights: read it top to bottom."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.build import build_masked_lm
from models.config import EncoderConfig
from models.dropout import seed_dropout
from models.export import export_masked_lm
from models.files import sha256_of
from models.hub import WEIGHTS
from models.initialise import random_stream
from models.masked_lm import MaskedLanguageModel
from models.pretrained import LoadReport
from models.sources import Checkpoint
from train.certificate import build_certificate
from train.checkpoint import Saver, forget
from train.config import RunConfig, to_record, without_paths
from train.course import first_state, start_records, summarise, take_up
from train.data.sentences import Corpus, load_corpus
from train.distributed import is_main_process, joined, local_index
from train.environment import describe_environment
from train.evaluate import Figures
from train.interrupt import Signals
from train.journal import log_evaluation
from train.loop import close_epoch, log_epoch, run_epochs
from train.material import open_checkpoint, require_places
from train.memory import keep_freed_memory
from train.onlooker import open_directory, require_alike
from train.optim import build_optimizer
from train.plan import plan_run
from train.precision import Precision, choose_device, choose_precision
from train.pretrain.cli import PretrainRequest, command_after
from train.pretrain.masking import (
    HIDDEN,
    MASKED_SHARE,
    REPLACED,
    MaskedSentences,
    Sentences,
    encode_sentences,
    evaluate_masked,
)
from train.pretrain.weights import EXPORT
from train.progress import Progress
from train.records import RunDirectory
from train.resume import restore_best
from train.seeds import prepare_process, seed_global_streams
from train.state import Job, TrainState

MaskedJob = Job[MaskedLanguageModel, MaskedSentences]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Sentences and architecture, read and checked before a run directory or a model is made."""

    corpus: Corpus
    train: Sentences
    validation: Sentences
    checkpoint: Checkpoint
    """What gives the architecture and the vocabulary; its weights are not read."""
    encoder: EncoderConfig


def pretrain(request: PretrainRequest) -> None:
    """Train a masked language model from scratch and keep its best weights.

    Raises:
        UserError: or one of its kinds; nothing that existed before is lost.
    """
    require_places(request)
    config = request.config
    threads = prepare_process(config.threads)
    device = choose_device(config.device, local_index())
    precision = choose_precision(config.precision, device)
    with joined(device):
        material = gather(request)
        with closing(open_directory(request)) as records:
            require_alike(config, precision, {"data": material.corpus.hashes})
            job = prepare(config, material, records, precision)
            differences = start_records(records, describe_start(job, material, threads), request)
            job.progress.say(
                f"{material.corpus.name}, {len(job.train)} training sentences, {len(material.train.ids_S)} tokens; "
                f"{device}, {precision.name} ({precision.reason}), {threads} threads; "
                f"{job.plan.steps} steps, peak learning rate {job.plan.learning_rate:g}; records in {records.path}"
            )
            train_and_test(job, material, request, differences)


def train_and_test(job: Job, material: Material, request: PretrainRequest, differences: list[str] | None) -> None:
    """From the first update, or the one after the newest checkpoint, to the summary; as in `train.session`."""
    with Signals(request.resume_command) as signals:
        state = None if differences is None else take_up(job, differences)
        state = state or begin(job)
        with signals.deferred():
            fit(job, state, material.train, Saver(job.config.save, signals))
        signals.check()
        restore_best(job, state)
        after = test(job, state, weights="best")
        if is_main_process():
            with signals.deferred():
                finish(job, state, material, after)
            print(f"Weights are in {request.directory / EXPORT}\nNext: {command_after(request)}")


def gather(request: PretrainRequest) -> Material:
    """Read the sentences, find the architecture, encode both splits."""
    config = request.config
    checkpoint, encoder, tokenizer = open_checkpoint(config, download=False)
    corpus = load_corpus(config.data, config.seed, request.text)
    limit = config.data.max_tokens
    return Material(
        corpus=corpus,
        train=encode_sentences(tokenizer, corpus.train, limit, encoder),
        validation=encode_sentences(tokenizer, corpus.validation, limit, encoder),
        checkpoint=checkpoint,
        encoder=encoder,
    )


def prepare(config: RunConfig, material: Material, records: RunDirectory, precision: Precision) -> MaskedJob:
    """Build the model and everything else that training needs. The validation sentences keep one set of masks."""
    model = build_masked_lm(material.encoder, config.seed)
    keep_freed_memory()
    model.to(precision.device).train()
    seed_global_streams(config.seed)
    dropout = random_stream(config.seed, "dropout")
    seed_dropout(model, dropout)
    plan = plan_run(config, len(material.train))
    return Job(
        config=config,
        plan=plan,
        model=model,
        load_report=LoadReport(loaded=[], ignored={}, fresh=sorted(dict(model.named_parameters()))),
        optimizer=build_optimizer(model, config.optim),
        scaler=precision.build_scaler(),
        precision=precision,
        dropout=dropout,
        sets={
            "train": material.train.masked(config.seed, 0),
            "validation": material.validation.masked(config.seed, 0),
        },
        ids=[f"sentence {i}" for i in range(len(material.train))],
        records=records,
        progress=Progress(plan.steps, f"masked LM seed {config.seed}", silent=not is_main_process()),
    )


def describe_start(job: MaskedJob, material: Material, threads: int) -> dict[str, dict[str, Any]]:
    """The records of what the training starts from, by file name; names instead of paths."""
    corpus, checkpoint = material.corpus, material.checkpoint
    named = to_record(without_paths(job.config, checkpoint.name))
    masking = {"masked": MASKED_SHARE, "hidden": HIDDEN, "replaced": REPLACED}
    environment = describe_environment(job.precision.device, job.precision.name, threads)
    tokenizer = None if checkpoint.tokenizer is None else sha256_of(checkpoint.tokenizer)
    splits = {
        name: {"sentences": len(found), "tokens": len(found.ids_S)}
        for name, found in (("train", material.train), ("validation", material.validation))
    }
    return {
        "config.json": {**named, "encoder": asdict(material.encoder), "plan": asdict(job.plan), "masking": masking},
        "data.json": {"name": corpus.name, "splits": splits, "counts": corpus.counts},
        "load_report.json": job.load_report.to_json(),
        "certificate.json": build_certificate(job, corpus.hashes),
        "environment.json": {**environment, "tokenizer_sha256": tokenizer},
    }


def begin(job: MaskedJob) -> TrainState:
    """Evaluate before the first update."""
    state = first_state(job)
    state.before = {"validation": test(job, state, weights="initial").to_record()}
    state.restart_clock()
    job.progress.go_on_from(0)
    return state


def test(job: MaskedJob, state: TrainState, **more: Any) -> Figures:
    """Evaluate on validation and record it."""
    result = evaluate_masked(job.model, job.validation, job.precision)
    log_evaluation(job, state, "validation", result, **more)
    return result


def fit(job: MaskedJob, state: TrainState, sentences: Sentences, saver: Saver) -> None:
    """Train as `train.loop.fit` does, with new masks in every epoch."""

    def job_of(epoch: int) -> MaskedJob:
        return replace(job, sets={**job.sets, "train": sentences.masked(job.config.seed, epoch)})

    run_epochs(job, state, saver, job_of, finish_epoch)


def finish_epoch(job: MaskedJob, state: TrainState) -> None:
    """Log the epoch, evaluate on validation, close the epoch."""
    train_loss = log_epoch(job, state)
    close_epoch(job, state, train_loss, evaluate_masked(job.model, job.validation, job.precision))


def finish(job: MaskedJob, state: TrainState, material: Material, after: Figures) -> None:
    """Write the weights and, last of all, the summary."""
    folder = job.records.path / EXPORT
    export_masked_lm(job.model.cpu(), folder, material.checkpoint.tokenizer)
    summary = summarise(job, state, {"validation": after.to_record()})
    job.records.write_json("summary.json", {**summary, "export_sha256": sha256_of(folder / WEIGHTS)})
    forget(job)
    job.progress.say(f"{state.stop_reason}: validation loss {after.loss:.4f}, accuracy {after.accuracy:.3f}")
