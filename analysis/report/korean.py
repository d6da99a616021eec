"""The report's summary in Korean, since the report that this study answers is Korean: same records, same numbers."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from analysis.claims.findings import Findings
from analysis.claims.verdicts import REFUTED, SUPPORTED, UNDECIDED, Verdict, claim_verdict, shows_nothing
from analysis.records.arms import Arm
from analysis.records.text import MISSING, number
from analysis.report.answer import headline_note, premise_contrast, premise_gaps
from analysis.statistics.contrasts import accuracy_gap
from analysis.statistics.intervals import LN3, accuracy_interval
from analysis.statistics.measures import PROBES, last_look, step0_loss
from analysis.statistics.survival import median_time
from analysis.tables.claims import on_plateau

VERDICTS = {SUPPORTED: "지지됨", REFUTED: "반박됨", UNDECIDED: "판단 보류"}
ARMS = {"pretrained": "사전학습", "scratch": "무작위 초기화"}
PROBE_NAMES = {"probe_validation": "검증 표본", "probe_train": "훈련 표본"}
STATEMENTS = {
    "C1": "사전학습 모델은 비교적 낮은 손실에서 시작하고, 사전학습하지 않은 모델은 높은 손실에서 시작한다.",
    "C2": "사전학습 가중치를 쓰면 손실 곡선이 더 빨리 수렴한다.",
    "C3": "사전학습 가중치를 쓰면 학습이 더 빠르다.",
    "C4": "인코더를 동결하지 않는 편이 동결하는 것보다 낫다.",
    "C5": "더 큰 모델을 더 많은 데이터로 학습하면 더 낫다.",
    "C6": "학습률 3e-5에서는 손실 곡선이 불안정하고 2e-5에서는 그렇지 않다.",
    "C7": "드롭아웃 0.1은 과적합하고 0.3은 과적합하지 않는다.",
    "C8": "워밍업은 학습을 더 안정적으로 만든다.",
    "C9": "혼합 정밀도는 메모리와 시간을 아낀다.",
    "C10": "트랜스포머에는 AdamW가 Adam보다 낫다.",
    "C11": "배치 크기 16이 8이나 32보다 낫다.",
    "C12": "인코더를 동결하면 학습이 더 안정적이다.",
    "C13": "혼합 정밀도에서 그래디언트 스케일러는 그래디언트 언더플로를 막는다.",
}
UNTESTABLE = "판정 불가: 학습되지 않은 실행(규칙대로라면 {})"
"""In the place of a verdict on runs that did not learn what is asked."""
ADDED = "‘판정 불가’는 실험이 끝난 뒤에 덧붙인 표시이다. 학습되지 않은 실행은 주장을 검증하지 못하기 때문이다."

MINILM = (
    "여기서 쓴 all-MiniLM-L6-v2는 증류된 문장 인코더이고, MultiNLI와 SNLI의 라벨로 만든 삼중쌍 277,230개로도 "
    "학습되었다. "
    "따라서 여기서 보이는 이득의 일부는 바로 그 앞선 지도학습에서 온 것일 수 있다."
)

REGISTERED = {
    True: "측정량, 허용 폭, 규칙은 실험 전에 analysis/claims.toml에 등록했다.",
    False: "측정량, 허용 폭, 규칙은 analysis/claims.toml의 것이나, 모든 실행이 이를 기록하지는 않았다.",
}
"""Whether every run recorded the present claims register -> what is said of it."""

DEFINITIONS = "차이의 정의와 단위는 영어 보고서의 같은 번호(C1a 등)에 있다."
LOGARITHMS = "C9의 값은 자연로그의 차이이다."


def span(low: float, high: float, digits: int = 3) -> str:
    """Returns `0.1–0.2`, `−0.1~0.2` where a dash would meet a minus sign, or `n/a` where there is no interval."""
    ends = [number(end, digits) for end in (low, high)]
    dash = "~" if "\N{MINUS SIGN}" in "".join(ends) else "–"
    return dash.join(ends) if math.isfinite(low + high) else MISSING


def interval_text(ends: tuple[float, float], digits: int = 3, coverage: float = 0.95) -> str:
    """Returns an interval with its coverage."""
    return f"{100 * coverage:.0f}% 신뢰구간 {span(*ends, digits)}"


def accuracy_clause(arm: Arm) -> str:
    """Returns an arm's mean test accuracy with its interval."""
    values = [run.accuracy("test") for run in arm.runs]
    found, over = accuracy_interval(values, arm.runs[0].examples("test"))
    source = {"seeds": "시드", "test items": "문항"}[over]
    return (
        f"{ARMS[arm.init]} {number(fmean(values))} (시드 {len(values)}개, {source}에 대한 "
        f"{interval_text((found.low, found.high))})"
    )


def accuracy_sentence(pair: tuple[Arm, Arm]) -> str:
    """Answers what both arms reach on the test set, and how far pretrained is ahead."""
    pretrained, scratch = pair
    both = f"{accuracy_clause(scratch)}, {accuracy_clause(pretrained)}"
    text = f"훈련 예제 {scratch.training_examples:,}개로 학습했을 때 평균 테스트 정확도: {both}."
    gap = accuracy_gap(pretrained, scratch, "test")
    if gap is None:
        return text
    power = f", 80% 검정력으로 찾아낼 수 있는 참 차이: {number(gap.smallest_gap())}"
    power *= math.isfinite(gap.smallest_gap())
    difference = f"{number(gap.difference)}이다({interval_text(gap.shown_interval())}{power})"
    return f"{text} 두 값의 차이(사전학습 − 무작위)는 {difference}."


def worth_sentence(findings: Findings, pair: tuple[Arm, Arm]) -> str:
    """Says that no size that was run is enough for scratch; nothing where the interval has one that may be."""
    worth = findings.worths.get(pair[1].training_examples)
    if worth is None or not math.isinf(worth.low):
        return ""
    return (
        f"사전학습과 같은 정확도에 이르려면 무작위 초기화에는 {worth.largest:,}개보다 많은 예제가 필요하다"
        "(95% 신뢰구간 전체가 그렇다)."
    )


def premise_sentence(findings: Findings) -> str:
    """Answers whether the arms use the premise at all."""
    gains = [(ARMS[arm.init], gap) for _, arm, _, gap in premise_gaps(findings) if arm.init in ARMS]
    parts = [
        f"{name} {number(gap.difference)} (시드 {min(gap.seeds)}개, {interval_text(gap.shown_interval())})"
        for name, gap in gains
    ]
    idle = [name for name, gap in gains if gap.interval()[0] <= 0]
    doubt = f" 따라서 {', '.join(idle)} 모델이 추론을 배웠다고는 말할 수 없다." if idle else ""
    more = premise_contrast(findings)
    text = f"{number(more.difference)} ({interval_text(more.shown_interval())})" if more else ""
    between = f" 사전학습의 이득이 {text}만큼 더 크다." if more and more.interval()[0] > 0 else ""
    return f"가설에 더해 전제까지 읽을 때 정확도에서 얻는 이득: {', '.join(parts)}.{doubt}{between}" if parts else ""


def reading(verdicts: Sequence[Verdict], claim: str, unit: str, digits: int, basis: str = "") -> str:
    """Returns the deciding difference of a claim and the verdict.

    Args:
        basis: what the difference is measured on, for the brackets.
    """
    first = next((each for each in verdicts if each.test.decides and each.found), None)
    if first is None or first.found is None:
        return ""
    verdict = VERDICTS[claim_verdict(verdicts)]
    return (
        f" 시드 {first.seeds}개를 짝지어 비교하면 사전학습 − 무작위는 "
        f"{number(first.found.difference, digits)}{unit}이다"
        f"({basis}{interval_text(first.interval, digits, first.coverage)}). 따라서 주장 {claim}: {verdict}."
    )


def start_sentence(findings: Findings, pair: tuple[Arm, Arm]) -> str:
    """Answers where each arm starts."""
    losses = ", ".join(f"{ARMS[a.init]} {number(fmean(map(step0_loss, a.runs)), 4)}" for a in reversed(pair))
    text = f"첫 업데이트 전의 검증 손실: {losses}; 무작위 추측(균등 분포)의 손실은 ln 3 = {LN3:.4f}이다."
    return text + reading(findings.verdicts.get("C1", ()), "C1", " nat", 4)


def plateau_sentence(findings: Findings, pair: tuple[Arm, Arm]) -> str:
    """Answers when each arm leaves the plateau, on both probes."""
    clauses = []
    for split in PROBES:
        parts = []
        for arm in reversed(pair):
            curve = on_plateau(arm, split)
            median, last = median_time(curve)[0], max(last_look(run, split, "step") for run in arm.runs)
            shown = f"{number(median, 0)}스텝" if median <= last else f"{number(last, 0)}스텝 안에 벗어나지 못함"
            parts.append(f"{ARMS[arm.init]} {shown} (시드 {len(arm.runs)}개 중 {curve.events.sum():.0f}개)")
        clauses.append(f"{PROBE_NAMES[split]}에서 {', '.join(parts)}")
    text = f"손실이 ln 3 부근의 정체 구간(plateau)을 벗어나기까지 걸린 스텝(시드의 중앙값): {'; '.join(clauses)}."
    basis = "검증 표본, 전체 학습 길이를 1로 볼 때; "
    return text + reading(findings.verdicts.get("C2", ()), "C2", "", 2, basis)


def claim_rows(findings: Findings) -> list[tuple[str, ...]]:
    """Returns one row for each claim that was judged: statement, verdict, deciding differences, seeds."""
    rows: list[tuple[str, ...]] = []
    for claim, verdicts in findings.verdicts.items():
        deciding = [each for each in verdicts if each.test.decides and each.found]
        effects = "; ".join(
            f"{each.test.id} {number(each.found.difference, 4)} ({interval_text(each.interval, 4, each.coverage)})"
            for each in deciding
            if each.found
        )
        seeds = ", ".join(str(each.seeds) for each in deciding)
        verdict = claim_verdict(verdicts)
        named = f"{VERDICTS[verdict]} ({verdict})"
        told = UNTESTABLE.format(named) if shows_nothing(verdict, verdicts) else named
        rows.append((claim, STATEMENTS[claim], told, effects or MISSING, seeds or MISSING))
    return rows


def notes(findings: Findings) -> list[str]:
    """Returns what is said above the claims: their registration, and what a difference is."""
    logs = any(each.found for each in findings.verdicts.get("C9", ()))
    untestable = any(shows_nothing(claim_verdict(found), found) for found in findings.verdicts.values())
    return [REGISTERED[not findings.other_registers], DEFINITIONS, *[LOGARITHMS] * logs, *[ADDED] * untestable]


def summary(findings: Findings) -> dict[str, Any] | None:
    """Returns what report.ko.md.j2 shows; None without a pretrained and a scratch arm."""
    if findings.pair is None:
        return None
    pair = findings.pair
    sentences = [
        accuracy_sentence(pair),
        worth_sentence(findings, pair),
        premise_sentence(findings),
        start_sentence(findings, pair),
        plateau_sentence(findings, pair),
        MINILM if headline_note(findings.study.arms) else "",
    ]
    return {
        "answer": [sentence for sentence in sentences if sentence],
        "notes": " ".join(notes(findings)),
        "rows": claim_rows(findings),
    }
