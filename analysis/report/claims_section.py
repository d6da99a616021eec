"""The section on the claims: every verdict with the tests, registered before the runs, that it rests on."""

import math
from collections.abc import Sequence

from analysis.claims.findings import Findings
from analysis.claims.verdicts import Verdict, by_equivalence, claim_verdict, shows_nothing
from analysis.records.text import MISSING, count, listing, number, span
from analysis.tables.document import Block, Listing, Paragraph, Table


def smallest_supported(each: Verdict) -> float:
    """Returns the true difference that would be found, with 80% power, to lie beyond the margin; NaN by equivalence."""
    return math.nan if by_equivalence(each.test) or not each.found else each.found.smallest_gap() + each.test.margin


def verdict_text(verdict: str, tests: Sequence[Verdict]) -> str:
    """Returns a verdict and which deciding tests say otherwise, or that its runs did not learn what is asked."""
    if shows_nothing(verdict, tests):
        return f"not testable: runs did not learn (by the rule {verdict})"
    others = [f"{each.test.id} {each.verdict}" for each in tests if each.test.decides and each.verdict != verdict]
    return f"{verdict} ({listing(others)})" if others else verdict


def verdict_row(each: Verdict) -> tuple[str, ...]:
    """Returns one test of a claim as cells."""
    return (
        each.test.id,
        f"{each.test.measured}{'' if each.test.decides else ' (shown beside)'}: {' minus '.join(each.test.arms)}",
        verdict_text(each.verdict, [each]),
        number(each.found.difference if each.found else math.nan, 4),
        f"{span(*each.interval, 4)} ({100 * each.coverage:.0f}%)" if each.found else MISSING,
        each.found.over if each.found else MISSING,
        str(each.seeds),
        f"{each.test.margin:g}",
        number(smallest_supported(each), 4),
        each.remark,
    )


def verdict_blocks(findings: Findings) -> list[Block]:
    """Returns the claims table: each claim with its verdict, and below it the tests that it rests on."""
    rows: list[tuple[str, ...]] = []
    for claim, verdicts in findings.verdicts.items():
        rows.append((claim, findings.statements[claim], verdict_text(claim_verdict(verdicts), verdicts), *[""] * 7))
        rows += [verdict_row(each) for each in verdicts]
    if not rows:
        return []
    columns = ("claim", "statement, measure", "verdict", "difference", "interval", "over", "seeds", "margin")
    ends = ("smallest detectable gap", "remark")
    table = Table("Claims of the seed report", (*columns, *ends), tuple(rows), verdict_source(findings))
    text = (
        f"{registration(findings)} A claim is supported if all its deciding tests support it, and refuted if one of "
        "them refutes it. Runs are compared seed by seed. The smallest detectable gap is the true difference that, "
        "with 80% power, would be found to lie beyond the margin; an equivalence test has none."
    )
    told = [Paragraph(text), *measure_blocks(findings), table]
    said = (*share_sentences(findings), *register_sentences(findings))
    return [*told, *[Listing(said)] * bool(said)]


def measure_blocks(findings: Findings) -> list[Block]:
    """Returns what an upward share is, and when runs did not learn, where claims are judged by these."""
    measured = [each.test.measure for verdicts in findings.verdicts.values() for each in verdicts]
    text = (
        "Upward share: of all that a loss curve rises and falls between evaluations of the training probe, the part "
        "that it rises. It is 0 for a curve that only falls and about 0.5 for one that wanders, be it by much or by "
        "little: the remark says by how much. A test's runs did not learn if it compares losses and on one side no run "
        "left the ln 3 plateau, or if it compares accuracies and neither side is shown to do better than always giving "
        "the commonest test label; what the registered rule says of such runs stands in brackets. That they do not "
        "test a claim was said after they had been made."
    )
    return [Paragraph(text)] if any(measure.startswith("upward share") for measure in measured) else []


def share_sentences(findings: Findings) -> list[str]:
    """Says, where the interval of a difference of shares passes what one can be, why it does."""
    found = [each for verdicts in findings.verdicts.values() for each in verdicts]
    shares = [each for each in found if "share of " in each.test.measure]
    beyond = any(abs(end) > 1 for each in shares for end in each.interval)
    return ["An interval is Student's t and may pass what a share can be."] if beyond else []


def verdict_source(findings: Findings) -> str:
    """Returns the records that the claims were judged from."""
    evidence = findings.evidence
    kinds = ["summary.json", "metrics.jsonl"] + ["predictions.csv"] * evidence.is_wide
    beside = [f"results/{each.name}/runs" for each in findings.beside]
    timed = [f"results/{folder.resolve().name}/record.json" for folder in evidence.benchmarks[:1]]
    return ", ".join(["analysis/claims.toml", *(f"runs/*/{kind}" for kind in kinds), *beside, *timed])


def registration(findings: Findings) -> str:
    """Says whether the tests were registered before the runs, as far as the runs' records show it."""
    if findings.other_registers:
        return "Measure, margin and rule of each test are those of analysis/claims.toml, which not all runs recorded."
    runs = count(sum(len(study.runs) for study in findings.evidence.studies.values()), "run")
    return (
        "Measure, margin and rule of each test were registered in analysis/claims.toml before the runs: "
        f"{runs}, each with this register's sha256 in its record. It was written after pilot runs "
        "on MNLI pairs; the figure that picks the best epoch was changed after the project's first two accuracies."
    )


def register_sentences(findings: Findings) -> list[str]:
    """Says which runs, of any study given, recorded another claims register than the present one, or none."""
    return [
        f"{count(runs, 'run')} recorded another claims register (sha256 {sha256[:12]}) than the one applied here."
        if sha256
        else f"{count(runs, 'run')} recorded no register: nothing shows that the tests were fixed before."
        for sha256, runs in findings.other_registers.items()
    ]
