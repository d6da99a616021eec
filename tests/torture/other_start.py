"""R6: a run is resumed from another start than its own."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.tiny import save_tiny_checkpoint
from tests.torture.bench import Bench
from tests.torture.compare import changed, contents, differences
from tests.torture.fault import Fault, Trial
from tests.torture.sabotage import before_call, send
from train import loop
from train.data.controlled import load_controlled

SWAPPED = {"entailment": "neutral", "neutral": "entailment"}


def trials(bench: Bench, quick: bool) -> Iterator[Trial]:
    """Each difference is refused, and allowed on demand; and what the thread count alone changes."""
    corpus = write_corpus(bench.folder / "own" / "corpus")
    run = bench.new_run()
    flags = ("--init", "pretrained", "--dataset", "mnli", "--data", str(corpus))
    bench.train(run, *flags, sabotage=(lambda: before_call(loop, "train_step", 8, send(signal.SIGKILL)),))
    for what, named, other in other_starts(bench.folder)[:: 3 if quick else 1]:
        again = ("--data", str(corpus), *other)
        yield refused(bench, run, what, named, again)
        yield allowed(bench, run, what, named, again)
    yield threads_matter(bench)


def other_starts(folder: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """What differs, how the refusal names it, and the flags that make the difference."""
    edited = write_corpus(folder / "edited" / "corpus", edit=True)
    swapped = write_corpus(folder / "swapped" / "corpus", labels=SWAPPED)
    weights = save_tiny_checkpoint(folder / "other" / "tiny", initializer_range=0.2)
    return [
        ("seed", "seed: was 0, is 1", ("--seed", "1")),
        ("learning rate", "optim.learning_rate: was 0.001, is 0.002", ("--learning-rate", "0.002")),
        ("dropout", "dropout.hidden: was None, is 0.2", ("--set", "dropout.hidden=0.2")),
        ("thread count", "threads: was 1, is 2", ("--threads", "2")),
        ("data, one letter", "data_sha256.train: was", ("--data", str(edited))),
        ("data, two labels swapped", "data_sha256.train: was", ("--data", str(swapped))),
        ("weights", "weights_sha256: was", ("--checkpoint", str(weights))),
    ]


def write_corpus(folder: Path, edit: bool = False, labels: dict[str, str] | None = None) -> Path:
    """The built-in corpus as MNLI's two files; one letter of the first hypothesis edited, or labels renamed."""
    folder.mkdir(parents=True)
    for name, split in (("train.tsv", "train"), ("dev_matched.tsv", "test")):
        pairs = load_controlled()[split]
        if edit:
            pairs = [replace(pairs[0], hypothesis=pairs[0].hypothesis.swapcase()), *pairs[1:]]
        rows = [(p.premise, p.hypothesis, (labels or {}).get(p.label, p.label)) for p in pairs]
        lines = ["\t".join(row) + "\n" for row in [("sentence1", "sentence2", "label"), *rows]]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


def refused(bench: Bench, run: Path, what: str, named: str, flags: tuple[str, ...]) -> Trial:
    """The difference is named, and the run is left as it is."""
    before = contents(run)
    wrong = bench.resume(run, *flags).unless(4, "cannot be resumed exactly", named)
    return Trial(what=f"{what}: refused", wrong=wrong or changed(before, contents(run)))


def allowed(bench: Bench, run: Path, what: str, named: str, flags: tuple[str, ...]) -> Trial:
    """With `--allow-inexact` a run goes on to its end, and its record tells."""
    copy = shutil.copytree(run, bench.new_run())
    wrong = bench.resume(copy, *flags, "--allow-inexact").unless(0)
    if not wrong:
        (mark,) = json.loads((copy / "inexact.json").read_text(encoding="utf-8"))["resumes"]
        notes = (copy / "metrics.jsonl").read_text(encoding="utf-8").count("resumed inexactly")
        told = mark["step"] == 5 and notes == 1 and any(line.startswith(named) for line in mark["differences"])
        wrong = "" if told else f"the record says {mark} and has {notes} notes"
    return Trial(what=f"{what}: allowed and recorded", wrong=wrong)


def threads_matter(bench: Bench) -> Trial:
    """Each count repeats its own weights. That two counts may not agree is why the count is on the list.

    The encoder is so wide that torch cuts its tensors among threads, which it does from 32,768 entries on.
    """
    wide = save_tiny_checkpoint(bench.folder / "wide", hidden_size=256, intermediate_size=1024, initializer_range=0.05)
    short = ("--checkpoint", str(wide), "--max-steps", "3")
    runs = {threads: [bench.new_run(), bench.new_run()] for threads in ("1", "2")}
    wrong = ""
    for threads, pair in runs.items():
        for run in pair:
            wrong = wrong or bench.train(run, *short, "--threads", threads).unless(0)
    if not wrong:
        changing = [threads for threads, pair in runs.items() if differences(*pair)]
        wrong = f"{changing} threads do not repeat their weights" if changing else ""
    return Trial(what="1 and 2 threads: each repeatable", wrong=wrong)


R6 = Fault(
    title="resumed from another start",
    how="other flags, files or weights than the run was begun with, one at a time; R10 tries the number of processes",
    correct="refused with the difference, exit 4, nothing changed; with `--allow-inexact` the run goes on and its "
    "record says so",
    trials=trials,
)
