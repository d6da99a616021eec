"""results/benchmark/report.md from the records beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from models.errors import command
from train.benchmark.agreement_report import agreement_text
from train.benchmark.commits import commits_text, runs_table
from train.benchmark.markdown import table, verdict
from train.benchmark.method import EARLIER, FLOPS, METHOD
from train.benchmark.record import FIGURES, PRODUCTS, batches_sentence
from train.benchmark.settings import STAGES, WARM_UP_STEPS

_FIGURES = {
    "ratios": "Every quotient of the table: median, range over the rounds and target.",
    "rates": "Examples a second of each contender, every round a dot.",
    "growth": "How the seconds of training grow with examples, sequence length and model width.",
}
"""What `python -m analysis.speed` draws, and what each shows."""
_MEANINGS = {
    "buckets": "batches of like length",
    "random": "batches drawn at random",
    "scratch": "random weights",
    "bf16": "mixed precision",
    "grouped": "the Trainer grouping by length",
    "frozen": "the head alone",
}
"""Task of a contender -> what it does otherwise than train or evaluate."""


def _drawn(folder: Path, name: str) -> bool:
    return (folder / "figures" / f"{name}.png").is_file()


def write_report(folder: Path) -> str:
    """Write report.md from record.json and agreement*.json, whichever are there; returns its tables of figures."""
    benchmark, *agreements = (_read(folder / f"{name}.json") for name in ("record", "agreement", "agreement-mnli"))
    parts = ["# How fast, next to transformers' Trainer"]
    figures = [figures_table(benchmark), runs_table(benchmark)] if benchmark else []
    figures += [agreement_text(each) for each in agreements if each]
    figures = [each for each in figures if each]
    parts += figures
    if benchmark:
        parts += [f"![{text}](figures/{name}.png)" for name, text in _FIGURES.items() if _drawn(folder, name)]
        method = METHOD.format(warm_up=WARM_UP_STEPS, pool=pool_of_the_peer(benchmark["sizes"]), **benchmark["sizes"])
        parts += ["## Measured rates", rates_table(benchmark)]
        parts += ["## Where the time goes", time_table(benchmark), "## To the first update", start_table(benchmark)]
        parts += ["## How the cost grows", growth_table(benchmark)]
        parts += [
            "## How it was measured",
            setting(benchmark),
            *(
                [EARLIER.strip()]
                if is_earlier([each["measured"]["ours.train"] for each in benchmark["rounds"]])
                else []
            ),
            method.strip(),
            "## Counting operations",
            FLOPS.strip(),
        ]
    (folder / "report.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return "\n\n".join(
        [*figures, f"Records and report.md are in {folder}; figures: {command('analysis.speed', folder)}"]
    )


def pool_of_the_peer(sizes: dict[str, Any]) -> int:
    """Of how many batches the Trainer's pools are. Source: transformers, `get_length_grouped_indices`."""
    return min(sizes["train_examples"] // (4 * sizes["batch_size"]), 50) or 1


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def outcome(found: dict[str, Any], rounds: int) -> str:
    """The verdict on a figure's median, and how many rounds by themselves would say met, where that was counted."""
    counted = f" ({found['met_in_rounds']} of {rounds})" if "met_in_rounds" in found else ""
    return f"{verdict(found['met'])}{counted}" if found["met"] is not None else ""


def figures_table(record: dict[str, Any]) -> str:
    """Every figure with its spread, target and verdict."""
    rows = []
    for name, figure in FIGURES.items():
        found = record[name]
        if found is None:
            rows.append((figure.meaning, "not measured", "", figure.target, ""))
        else:
            spread = f"{found['min']:.3g} to {found['max']:.3g}"
            told = figure.target, outcome(found, len(record["rounds"]))
            rows.append((figure.meaning, f"{found['median']:.3g}", spread, *told))
    return table(("figure", "median", "range", "target", "outcome (rounds)"), rows)


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
    told = f"{names_text(named)} {batches_sentence(named)} {amounts_text(record['sizes'])}"
    return (
        f"Each cell is a median over the rounds by itself. The quotients above are made within each round: they are "
        f"not those of these cells.\n\n{rates}\n\n{told}"
    )


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
    step, pass_ = (
        {kind: median(each["shares_of_time"][kind] for each in found) for kind in found[0]["shares_of_time"]}
        for found in (train, evaluation)
    )
    rows = [
        (kind, f"{100 * step[kind]:.1f}%", f"{100 * pass_[kind]:.1f}%") for kind in sorted(step, key=lambda k: -step[k])
    ]
    sentence = (
        "Shares of the operations' own time by torch's profiler, median over the rounds: of the first updates, and of "
        f"an evaluation on one thread. Python between the operations is in none of them.{products_sentence(train)}"
    )
    return f"{sentence}\n\n{table(('share of time', 'training', 'evaluation'), rows)}"


def is_earlier(train: Sequence[dict[str, Any]]) -> bool:
    """Whether our training was measured by code that did not look at the products alone before it, too."""
    return not all("gemm_after_over_before" in each for each in train)


def products_sentence(train: Sequence[dict[str, Any]]) -> str:
    """Says how fast the linear layers are within a step, and how steady the machine was, where that was measured.

    Utilisation counts attention's products, too, which are left out here.
    """
    if is_earlier(train):
        return ""
    inside = [e["utilisation"] * e["linear_share_of_flops"] / e["shares_of_time"][PRODUCTS] for e in train]
    drift = [each["gemm_after_over_before"] for each in train]
    return (
        f" Within a step the products run at {spread(inside)} of the rate that they reach alone, warm in the caches; "
        "were everything else free, that would be the utilisation. Alone, they ran after the epoch at "
        f"{spread(drift)} of their rate before it: on a machine with nothing else to do that is 100%, and a round that "
        "is far from it tells little."
    )


def spread(shares: Sequence[float]) -> str:
    """Median, least and most of some shares, in percent."""
    return f"{100 * median(shares):.0f}% ({100 * min(shares):.0f} to {100 * max(shares):.0f})"


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
        f"{machine['threads']} threads; Python {machine['python']}, torch {machine['torch']}, {peers}; "
        f"{commits_text(record)}."
    )
