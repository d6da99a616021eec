"""results/benchmark/report.md from the records beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from models.errors import command
from train.benchmark.record import FIGURES, PRODUCTS, batches_sentence
from train.benchmark.settings import STAGES, WARM_UP_STEPS

_FIGURES = {
    "ratios": "Every quotient of the table: median, range over the rounds and target.",
    "rates": "Examples a second of each contender, every round a dot.",
    "growth": "How the seconds of training grow with examples, sequence length and model width.",
}
"""What `python -m analysis.speed` draws, and what each shows."""
_METHOD = """\
Each contender runs in a process of its own, which reads the pairs, tokenizes them, loads the weights and builds what it
needs; contenders alternate, and every other round runs backwards. Ours is the code of `python -m train.run`; the other
is transformers' `Trainer` with its defaults (dynamic padding by `DataCollatorWithPadding`, random batches), or with
`train_sampling_strategy="group_by_length"` where it says so. Same weights, pairs, batch size and longest pair, float32,
dropout as in the checkpoint, AdamW, linear schedule, torch's default threads. Nothing is saved, and nothing evaluated
while training.

- **Training**: one whole epoch, after {warm_up} updates that do not count. The Trainer's default trains on every second
  pair in the order of length, so on half as many of the same lengths.
- **Evaluation**: both in batches of {batch_size}; ours sorts by length, as it always does. Its own batches of
  bounded tokens are shown beside it.
- **Frozen encoder**: {frozen_epochs} epochs of the head. Our seconds include building the job and reading every pair
  once; the Trainer's start when its first batch is drawn.
- **Peak memory**: largest resident size of the process, up to the end of the epoch.
- **First update**: by the parent's clock, from before the process starts; imports, reading and loading included.
- **Quotients** are made within each round; the table shows their median, least and most.
"""

_MEANINGS = {
    "buckets": "batches of like length",
    "random": "batches drawn at random",
    "scratch": "random weights",
    "bf16": "mixed precision",
    "grouped": "the Trainer grouping by length",
    "frozen": "the head alone",
}
"""Task of a contender -> what it does otherwise than train or evaluate."""

_FLOPS = """\
Counted are the matrix products of one epoch on real tokens, two operations for each multiply-add: the linear layers,
and attention's scores and values over each sequence's own length; backward counts twice the forward. Pads that
attention computes along, what the last layer leaves out (it asks for the classification token alone), norms, softmax,
activations, dropout and the optimizer count as nothing. Divided by the seconds of the epoch, that is the rate of
training. It is compared with the rate of this model's linear layers alone, x W', g W and g' x at the epoch's mean
number of tokens in one pass, which the same process measures right afterwards, each for its share of three seconds.
"""


def _drawn(folder: Path, name: str) -> bool:
    return (folder / "figures" / f"{name}.png").is_file()


def write_report(folder: Path) -> str:
    """Write report.md from record.json and agreement*.json, whichever are there; returns its tables of figures."""
    benchmark, *agreements = (_read(folder / f"{name}.json") for name in ("record", "agreement", "agreement-mnli"))
    parts = ["# How fast, next to transformers' Trainer"]
    figures = [figures_table(benchmark)] if benchmark else []
    figures += [agreement_text(each) for each in agreements if each]
    parts += figures
    if benchmark:
        parts += [f"![{text}](figures/{name}.png)" for name, text in _FIGURES.items() if _drawn(folder, name)]
        method = _METHOD.format(warm_up=WARM_UP_STEPS, **benchmark["sizes"])
        parts += ["## Measured rates", rates_table(benchmark)]
        parts += ["## Where the time goes", time_table(benchmark), "## To the first update", start_table(benchmark)]
        parts += ["## How the cost grows", growth_table(benchmark)]
        parts += [
            "## How it was measured",
            setting(benchmark),
            method.strip(),
            "## Counting operations",
            _FLOPS.strip(),
        ]
    (folder / "report.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return "\n\n".join(
        [*figures, f"Records and report.md are in {folder}; figures: {command('analysis.speed', folder)}"]
    )


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    marks = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows))


def verdict(met: bool | None) -> str:
    """A target's outcome."""
    return "" if met is None else "met" if met else "**not met**"


def figures_table(record: dict[str, Any]) -> str:
    """Every figure with its spread, target and verdict."""
    rows = []
    for name, figure in FIGURES.items():
        found = record[name]
        if found is None:
            rows.append((figure.meaning, "not measured", "", figure.target, ""))
        else:
            spread = f"{found['min']:.3g} to {found['max']:.3g}"
            rows.append((figure.meaning, f"{found['median']:.3g}", spread, figure.target, verdict(found["met"])))
    return table(("figure", "median", "range", "target", "outcome"), rows)


def agreement_text(record: dict[str, Any]) -> str:
    """What the fast path costs in accuracy: the interval, the verdict and every seed."""
    found, margin, asked = record["difference"], record["margin"], record["settings"]
    rows = [(str(s["seed"]), f"{s['fast']:.4f}", f"{s['plain']:.4f}") for s in record["seeds"]]
    sentence = (
        f"Fast path minus plain path (library dropout, full last layer, padded attention, batches never cut) after "
        f"{asked['epochs']} epochs with {asked['train_examples']:,} pairs of {asked['data']}, test accuracy in points "
        f"over {len(rows)} seeds: mean {100 * found['mean']:+.2f}, 95% interval "
        f"{100 * found['low']:+.2f} to {100 * found['high']:+.2f}; target: within ±{100 * margin:g}, "
        f"{verdict(record['met'])}."
    )
    return f"{sentence}\n\n{table(('seed', 'fast', 'plain'), rows)}"


def rates_table(record: dict[str, Any]) -> str:
    """Medians over the rounds of what each process measured."""
    columns = {
        "examples_per_second": ("examples/s", ".1f"),
        "tokens_per_second": ("real tokens/s", ",.0f"),
        "seconds": ("seconds", ".2f"),
        "peak_memory_mb": ("peak MB", ",.0f"),
        "first_step_seconds": ("first update, s", ".2f"),
        "gflops_per_second": ("GFLOP/s", ".1f"),
        "gemm_gflops_per_second": ("products alone", ".1f"),
    }
    rows = []
    for contender in sorted(record["rounds"][0]["measured"]):
        found = [each["measured"][contender] for each in record["rounds"]]
        cells = [
            f"{median(f[name] for f in found):{form}}" if name in found[0] else ""
            for name, (_, form) in columns.items()
        ]
        rows.append((contender, *cells))
    rates = table(("process", *(title for title, _ in columns.values())), rows)
    named = [name for name, *_ in rows]
    return f"{rates}\n\n{names_text(named)} {batches_sentence(named)} {amounts_text(record['sizes'])}"


def names_text(contenders: Sequence[str]) -> str:
    """What the names of the processes say."""
    tasks = {name.partition(".")[2] for name in contenders}
    return "; ".join(f"{task}: {text}" for task, text in _MEANINGS.items() if task in tasks) + "."


def amounts_text(sizes: dict[str, Any]) -> str:
    """Of how much work the seconds are."""
    return (
        f"Seconds are of different amounts: one epoch of {sizes['train_examples']} pairs (trainer.train: of every "
        f"second of them), one evaluation of {sizes['evaluation_examples']}, and {sizes['frozen_epochs']} epochs of "
        f"{sizes['frozen_examples']} with a frozen encoder."
    )


def time_table(record: dict[str, Any]) -> str:
    """Shares of a step and of an evaluation by kind of work, and what they leave of the products' own rate."""
    train, evaluation = (
        [each["measured"][name] for each in record["rounds"]] for name in ("ours.train", "ours.evaluate")
    )
    inside = median(each["utilisation"] / each["shares_of_time"][PRODUCTS] for each in train)
    step, pass_ = (
        {kind: median(each["shares_of_time"][kind] for each in found) for kind in found[0]["shares_of_time"]}
        for found in (train, evaluation)
    )
    rows = [
        (kind, f"{100 * step[kind]:.1f}%", f"{100 * pass_[kind]:.1f}%") for kind in sorted(step, key=lambda k: -step[k])
    ]
    sentence = (
        f"By torch's profiler, median over the rounds. Within a step the products run at {100 * inside:.0f}% of the "
        "rate that they reach alone, warm in the caches; were everything else free, that would be the utilisation."
    )
    return f"{sentence}\n\n{table(('share of time', 'training', 'evaluation'), rows)}"


def start_table(record: dict[str, Any]) -> str:
    """Seconds from the start of the process to the end of each stage, median over the rounds."""
    names = [name for name in ("ours.train", "trainer.train") if name in record["rounds"][0]["measured"]]
    found = [[each["measured"][name]["stages"] for each in record["rounds"]] for name in names]
    rows = [(stage, *(f"{median(each[stage] for each in stages):.2f}" for stages in found)) for stage in STAGES]
    return table(("seconds since the start", *names), rows)


def growth_table(record: dict[str, Any]) -> str:
    """Ours alone, one measurement a point."""
    units = {"examples": "epoch", "sequence_length": "update", "hidden_size": "update"}
    rows = [
        (f"{name.replace('_', ' ')} {point['x']}", f"{point['seconds']:.3f}", units[name])
        for name, points in record["growth"].items()
        for point in points
    ]
    return table(("ours", "seconds", "of one"), rows)


def setting(record: dict[str, Any]) -> str:
    """Sizes and machine in a few lines."""
    sizes, machine = record["sizes"], record["environment"]
    peers = ", ".join(f"{name} {version}" for name, version in machine["peers"].items()) or "no peers installed"
    kept = ", wider instructions kept from all contenders" if sizes.get("instructions") else ""
    return (
        f"Rounds: {sizes['rounds']}; {record['data']}, checkpoint {record['checkpoint']}; "
        f"{sizes['train_examples']} training pairs, {sizes['evaluation_examples']} for evaluation, "
        f"{sizes['frozen_examples']} with a frozen encoder; batch size {sizes['batch_size']}, at most "
        f"{sizes['max_tokens']} tokens. {machine['platform']}, {machine['cpu']}{kept}, {machine['cores']} cores, "
        f"{machine['threads']} threads; Python {machine['python']}, torch {machine['torch']}, {peers}."
    )
