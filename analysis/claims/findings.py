"""What a study says, computed once: verdicts, examples-worth, and what is unfair about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.claims.judgement import Evidence, judge_claims
from analysis.claims.register import load_register, register_sha256
from analysis.claims.verdicts import Verdict
from analysis.records.arms import Arm
from analysis.records.fairness import Difference, unfair
from analysis.records.study import Study
from analysis.statistics.contrasts import headline_pair
from analysis.statistics.paired import correctness
from analysis.statistics.worth import Worth, examples_worth


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A study and what follows from it."""

    study: Study
    evidence: Evidence
    pair: tuple[Arm, Arm] | None
    """The pretrained and the scratch arm of the main comparison."""
    verdicts: Mapping[str, Sequence[Verdict]]
    """Claim -> verdicts on its tests; empty without a pair."""
    statements: Mapping[str, str]
    """Claim -> what it says."""
    worths: Mapping[int, Worth]
    """Number of examples of the pretrained arm -> its worth in examples of the scratch arm, where that can be told."""
    differences: list[Difference]
    """What differs, beside init and rate, between runs that are compared."""
    other_registers: Mapping[str, int]
    """sha256 of a claims register other than today's -> how many runs, of all studies, recorded it; "" is none."""

    @property
    def beside(self) -> list[Study]:
        """The studies that were given beside the reported one."""
        return [each for each in self.evidence.studies.values() if each is not self.study]


def worths(study: Study, split: str = "test") -> dict[int, Worth]:
    """Returns the worth of the pretrained arm at each size; nothing unless scratch ran at two sizes, same items."""
    found = {size: {arm.init: arm for arm in arms} for size, arms in study.sizes.items()}
    scratch = {size: arms["scratch"] for size, arms in found.items() if "scratch" in arms}
    pretrained = {size: arms["pretrained"] for size, arms in found.items() if "pretrained" in arms}
    items = {frozenset(r.answers.get(split, ())) for a in (*scratch.values(), *pretrained.values()) for r in a.runs}
    if len(scratch) < 2 or len(items) != 1 or frozenset() in items:
        return {}
    first = next(iter(scratch.values())).runs[0]  # its order of the items serves every arm
    matrices = {size: correctness([first, *arm.runs], split)[1:] for size, arm in scratch.items()}
    return {
        size: examples_worth(matrices, correctness([first, *arm.runs], split)[1:], size)
        for size, arm in pretrained.items()
    }


def other_registers(studies: Iterable[Study]) -> dict[str, int]:
    """Returns sha256 -> runs for every claims register that is not the present one; "" where a run recorded none."""
    recorded = [str(run.environment.get("claims_sha256") or "") for study in studies for run in study.runs]
    return {sha256: recorded.count(sha256) for sha256 in sorted({*recorded} - {register_sha256()})}


def find(study: Study, beside: Iterable[Study] = (), benchmarks: Sequence[Path] = ()) -> Findings:
    """Returns everything that the report says about a study.

    Args:
        beside: other studies, for the claims that need them.
        benchmarks: folders of benchmarks' records; the first is for the claims about seconds and memory.

    Raises:
        RecordError: a prediction, the claims register or the benchmark is malformed.
    """
    register, pair = load_register(), headline_pair(study.arms)
    evidence = Evidence(studies={each.name or "": each for each in (*beside, study)}, benchmarks=benchmarks)
    return Findings(
        study=study,
        evidence=evidence,
        pair=pair,
        verdicts=judge_claims(register, pair, evidence),
        statements={id: claim.statement for id, claim in register.items()},
        worths=worths(study),
        differences=unfair(study),
        other_registers=other_registers(evidence.studies.values()),
    )
