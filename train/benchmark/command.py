"""`python -m train.benchmark`: ours and transformers' Trainer, in turn, each in a process of its own.

Writes results/benchmark/record.json and report.md; `python -m analysis.speed` draws the figures. With --agreement it
compares the accuracy of the fast path with that of a plain one instead, over several seeds, and writes agreement.json;
its runs keep their records and are not made twice. With --data, too, it does so on MNLI.

On a machine whose rate changes, the more rounds the better: --more adds some to a record. They mean something together
if the code is the same, which is not looked at.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import asdict, replace
from pathlib import Path

from models.errors import UserError, command
from train.benchmark.agreement import origin_of, run_agreement
from train.benchmark.record import PLANNED_SEEDS
from train.benchmark.report import write_report
from train.benchmark.rounds import run_benchmark
from train.benchmark.settings import INSTRUCTIONS, PRECISION, ROUNDS, Settings
from train.benchmark.writing import describe_machine, write_json
from train.guard import guard

QUICK = Settings(
    train_examples=64, evaluation_examples=48, frozen_examples=32, frozen_epochs=3, batch_size=8, growth_steps=1
)


def compare_paths(settings: Settings, seeds: int, epochs: int, out: Path, go_on: str) -> None:
    """Write agreement.json, or agreement-mnli.json, once both paths have been trained from every seed."""
    name = "agreement-mnli" if settings.data else "agreement"
    found = run_agreement(settings, seeds, epochs, out / name, go_on)
    if found is not None:
        sizes = {key: getattr(settings, key) for key in ("train_examples", "max_tokens", "batch_size")}
        data = {"data": "MNLI" if settings.data else "the built-in corpus", "precision": PRECISION}
        asked = {**data, "checkpoint": Path(settings.checkpoint).name, **sizes, "epochs": epochs}
        made = {**found, **origin_of(out / name), "settings": asked, "environment": describe_machine()}
        write_json(out / f"{name}.json", made)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    own = Settings()
    sizes = {
        "--checkpoint": (str, "checkpoint", f"weights, as for train.run (default: {own.checkpoint})"),
        "--data": (
            str,
            "data",
            "folder with MNLI's TSV files (default: MNLI_DIR, but not with --agreement; else the built-in corpus)",
        ),
        "--train-examples": (int, "train_examples", f"pairs of the timed epoch (default: {own.train_examples})"),
        "--evaluation-examples": (int, "evaluation_examples", f"default: {own.evaluation_examples}"),
        "--frozen-examples": (int, "frozen_examples", f"default: {own.frozen_examples}"),
        "--frozen-epochs": (int, "frozen_epochs", f"default: {own.frozen_epochs}"),
        "--batch-size": (int, "batch_size", f"default: {own.batch_size}"),
        "--max-tokens": (int, "max_tokens", f"default: {own.max_tokens}"),
    }
    for flag, (kind, name, text) in sizes.items():
        parser.add_argument(flag, type=kind, dest=name, metavar=kind.__name__.upper(), help=text)
    parser.add_argument(
        "--instructions", choices=list(INSTRUCTIONS), help="use no wider ones (default: all that the processor has)"
    )
    parser.add_argument("--rounds", type=int, metavar="INT", help=f"default: {ROUNDS}")
    parser.add_argument(
        "--more", action="store_true", help="add the rounds to the record that is there, of the same code"
    )
    parser.add_argument("--quick", action="store_true", help="one round of tiny sizes, to see that everything runs")
    parser.add_argument("--agreement", action="store_true", help="compare fast and plain path instead")
    seeds = f"for --agreement, 2 to 21 (default: {PLANNED_SEEDS})"
    parser.add_argument("--seeds", type=int, default=PLANNED_SEEDS, metavar="INT", help=seeds)
    parser.add_argument("--epochs", type=int, default=4, metavar="INT", help="for --agreement (default: 4)")
    parser.add_argument(
        "--out", type=Path, default=Path("results/benchmark"), metavar="DIR", help="default: %(default)s"
    )
    return parser


def read_settings(arguments: argparse.Namespace) -> Settings:
    """The sizes asked for, the others as usual or tiny; paths made absolute, for the children start elsewhere.

    Raises:
        UserError: a size that makes no sense, or a folder that is not there.
    """
    usual = QUICK if arguments.quick else Settings(train_examples=3_000) if arguments.agreement else Settings()
    asked = {name: getattr(arguments, name) for name in asdict(usual) if getattr(arguments, name, None) is not None}
    for name, value in asked.items():
        if isinstance(value, int) and value < 1:
            raise UserError(f"--{name.replace('_', '-')} is {value}, must be at least 1")
    settings = replace(usual, **asked)
    if settings.train_examples < 8 * settings.batch_size:
        raise UserError(f"--train-examples {settings.train_examples}: at least 8 batches of {settings.batch_size}")
    data = settings.data or os.environ.get("MNLI_DIR")
    if data and not Path(data).is_dir():
        raise UserError(f"{data}: no such folder; MNLI's train.tsv and dev_matched.tsv should be in it")
    checkpoint = Path(settings.checkpoint)
    return replace(
        settings,
        data=str(Path(data).resolve()) if data else None,
        checkpoint=str(checkpoint.resolve()) if checkpoint.exists() else settings.checkpoint,
    )


@guard
def main(argv: list[str] | None = None) -> None:
    """Measure, write the records, and say what they hold."""
    arguments = build_parser().parse_args(argv)
    settings = read_settings(arguments)
    usual = 1 if arguments.quick else ROUNDS
    rounds = usual if arguments.rounds is None else arguments.rounds
    if rounds < 1 or arguments.epochs < 1 or not 2 <= arguments.seeds <= 21:
        raise UserError("--rounds and --epochs must be at least 1, --seeds from 2 to 21")
    if arguments.instructions and (arguments.agreement or platform.machine() not in ("x86_64", "AMD64")):
        raise UserError("--instructions is for the measurement of speed, on an x86 processor")
    if arguments.more and arguments.agreement:
        raise UserError("--more adds rounds of the measurement of speed; for --agreement ask for more --seeds")
    if arguments.agreement:
        asked = replace(settings, data=arguments.data and settings.data)  # MNLI only where it was asked for by name
        go_on = command("train.benchmark", *(sys.argv[1:] if argv is None else argv))
        compare_paths(asked, arguments.seeds, arguments.epochs, arguments.out, go_on)
    else:
        print(f"data: {'MNLI' if settings.data else 'the built-in corpus (no --data, no MNLI_DIR)'}", file=sys.stderr)
        run_benchmark(settings, rounds, arguments.out, arguments.more)
    print(write_report(arguments.out))
