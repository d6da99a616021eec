"""Every registered claim judged, from whatever records are given: a study, others beside it, a benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.claims.register import Claim, ClaimTest
from analysis.claims.speed_verdicts import TIMED, timed_verdict
from analysis.claims.trial_verdicts import trial_verdict
from analysis.claims.trials import TRIALS
from analysis.claims.verdicts import OF_TWO_ARMS, UNDECIDED, Verdict, verdict_on
from analysis.records.arms import Arm
from analysis.records.study import Study


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is at hand beside a study's own arms."""

    studies: Mapping[str, Study] = field(default_factory=dict)
    """Name -> study, the reported one included."""
    benchmarks: Sequence[Path] = ()
    """Folders of benchmarks' records; the first decides the claims on speed."""

    @property
    def is_wide(self) -> bool:
        """Whether it speaks of more than a single study."""
        return len(self.studies) > 1 or bool(self.benchmarks)


def judge_test(test: ClaimTest, pair: tuple[Arm, Arm], evidence: Evidence) -> Verdict:
    """Returns the verdict on any test; one that no record here can answer is UNDECIDED."""
    if test.id in TRIALS:
        return trial_verdict(test, TRIALS[test.id], evidence.studies)
    if test.id in TIMED:
        return timed_verdict(test, next(iter(evidence.benchmarks), None))
    if test.id[:-1] in OF_TWO_ARMS:
        return verdict_on(test, pair[0].runs, pair[1].runs)
    return Verdict(
        test=test, verdict=UNDECIDED, remark="needs hardware with fast float16, which these records have not"
    )


def judge_claims(
    register: Mapping[str, Claim], pair: tuple[Arm, Arm] | None, evidence: Evidence
) -> dict[str, Sequence[Verdict]]:
    """Returns claim -> the verdicts on its tests: all claims where evidence is wide, else those of two arms.

    Args:
        pair: the pretrained and the scratch arm; without them nothing is judged.
    """
    if pair is None:
        return {}
    claims = register if evidence.is_wide else OF_TWO_ARMS
    return {id: [judge_test(test, pair, evidence) for test in register[id].tests] for id in claims}
