"""Where the numbers come from: runs, fairness and data."""

import json
from collections.abc import Sequence
from typing import Any

from analysis.claims.findings import Findings
from analysis.records.fairness import Difference, environment_differences
from analysis.records.reading import is_kind, lookup
from analysis.records.runs import Run
from analysis.records.study import SIDES, Study
from analysis.records.text import MISSING, count, listing, number, rate_text
from analysis.statistics.contrasts import seed_pairs
from analysis.statistics.measures import best_accuracy
from analysis.tables.accuracy import contrasts, test_splits
from analysis.tables.document import Block, Paragraph, Table


def run_table(study: Study) -> Table:
    """Returns one row for each run."""
    names = {run.id: arm.name for arm in study.arms for run in arm.runs}
    splits = test_splits(study.arms)
    columns = ("run", "arm", "one side", "training examples", "learning rate", "seed", "steps", "epochs")
    rows = tuple(
        (
            run.id,
            names.get(run.id, run.init),
            SIDES.get(run.hidden or "", ""),
            f"{run.training_examples:,}",
            rate_text(run.learning_rate),
            str(run.seed),
            f"{run.summary['steps']:,}",
            f"{run.summary['epochs']:g}",
            number(best_accuracy(run)),
            *(number(run.accuracy(split)) for split in splits),
            number(run.summary["train_seconds"], 1),
            run.summary["stop_reason"],
        )
        for run in study.runs
    )
    ends = ("best validation accuracy", *splits, "seconds of training", "stopped because")
    source = "runs/*/config.json, runs/*/data.json, runs/*/summary.json"
    return Table("Runs", (*columns, *ends), rows, source, tuple(run.path / "summary.json" for run in study.runs))


def account(study: Study) -> str:
    """Says which runs are not in the report: those left out and, where the study's plan is known, those to come."""
    found = [f"Not finished, left out: {listing(study.left_out)}."] if study.left_out else []
    found += [str(study.outlook)] if study.outlook and not study.outlook.complete else []
    return " ".join(found) or "No run was left out."


def difference_table(caption: str, differences: Sequence[Difference]) -> Table:
    """Returns what differs, where, and each side's value."""
    rows = tuple((each.what, each.where, each.sides) for each in differences)
    source = "runs/*/certificate.json, runs/*/config.json, runs/*/environment.json"
    return Table(caption, ("what", "where", "values"), rows, source)


EQUAL = (
    "Beside init and learning rate, all settings are the same in all compared runs, and so are parameter names and "
    "shapes, number of processes, numerics version and test data; head tensors, batches and their order, training and "
    "validation data are the same, seed by seed."
)


def strangers(findings: Findings) -> list[str]:
    """Says of which compared arms the head and the batches, which follow from the seed, cannot be held together."""
    return [
        f"{one.name} and {other.name} share no seed, so that their heads and batches cannot be compared."
        for one, other in contrasts(findings)
        if not seed_pairs(one.runs, other.runs)
    ]


def fairness(findings: Findings) -> list[Block]:
    """Says whether compared runs differ in their initial weights and rate alone; if not, in what else."""
    blocks: list[Block] = []
    if findings.differences:
        number_of = count(len(findings.differences), "difference")
        text = f"{number_of} beside init and learning rate, which were said to be the comparison's subject."
        blocks += [Paragraph(text), difference_table("Differences between compared runs", findings.differences)]
    else:
        blocks.append(Paragraph(" ".join([EQUAL, *strangers(findings)])))
    seeds = {arm.name: listing([str(run.seed) for run in arm.runs]) for arm in findings.study.arms}
    if len(set(seeds.values())) > 1:
        listed = "; ".join(f"{name}: {found}" for name, found in seeds.items())
        blocks.append(Paragraph(f"Seeds differ ({listed}): a difference between arms uses those that both have."))
    if machine := environment_differences(findings.study.runs):
        blocks.append(difference_table("Runs were made in different environments", machine))
    return blocks


def amount(record: dict[str, Any], dotted: str, digits: int = 0) -> str:
    """Returns a number of a record as text, or `n/a`."""
    value = lookup(record, dotted)
    return number(float(value), digits) if is_kind(value, float) else MISSING


def data_table(run: Run) -> Table:
    """Returns the sizes and label counts of a run's splits."""
    rows = []
    for split, found in run.data["splits"].items():
        found = found if isinstance(found, dict) else {}
        counts = found.get("labels")
        labels = ", ".join(f"{k} {v}" for k, v in counts.items()) if isinstance(counts, dict) else MISSING
        sizes = (amount(found, key) for key in ("examples", "premises"))
        rows.append((split, *sizes, labels))
    columns = ("split", "examples", "distinct premises", "labels")
    return Table(f"Data: {run.data['name']}", columns, tuple(rows), "runs/*/data.json")


def token_sentence(run: Run) -> str:
    """Returns the length statistics of a run's data."""
    tokens = run.data["tokens"]
    parts = [f"{name} {amount(tokens, name)}" for name in ("p90", "p95", "p99", "max")]
    share = lookup(tokens, "truncated_share")
    cut = f"{100 * share:.2f}%" if is_kind(share, float) else MISSING
    limit = amount(tokens, "max_tokens")
    return (
        f"Tokens in a pair: mean {amount(tokens, 'mean', 1)}, {listing(parts)}; {cut} of the pairs are cut "
        f"at {limit} tokens. {oddities_sentence(run)}"
    )


def oddities_sentence(run: Run) -> str:
    """Says what was odd about the pairs; records without `files` were made before anybody counted that."""
    counts = run.data.get("counts")
    if not counts and "files" not in run.data:
        return "When these records were made, what is odd in the data was not counted yet."
    named = ", ".join(f"{k} {v}" for k, v in counts.items()) if isinstance(counts, dict) and counts else "none"
    return f"Oddities counted while reading: {named}."


def data_blocks(study: Study) -> list[Block]:
    """Describes the data of the main comparison."""
    blocks: list[Block] = []
    runs = [run for arm in study.arms for run in arm.runs]
    for run in {json.dumps(run.data, sort_keys=True): run for run in runs}.values():
        blocks += [data_table(run), Paragraph(token_sentence(run))]
    return blocks
