"""The claims register is read strictly, and verdicts follow from runs by its rules alone."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.claims.register import REGISTER, ClaimTest, load_register, register_sha256
from analysis.claims.verdicts import OF_TWO_ARMS, Verdict, claim_verdict, decide, judge, shows_nothing, verdict_on
from analysis.records.reading import RecordError
from analysis.records.runs import Run, load_run
from analysis.statistics.paired import Comparison, compare_values
from tests.synthetic_runs import write_run

CLAIMS = load_register()
TESTS = {test.id: test for claim in CLAIMS.values() for test in claim.tests}


def test_the_register_holds_every_claim_and_its_hash_is_that_of_the_file() -> None:
    assert list(CLAIMS) == [f"C{number}" for number in range(1, 14)]
    assert TESTS["C1a"].margin == 0.02
    assert register_sha256() == hashlib.sha256(REGISTER.read_bytes()).hexdigest()


FAULTS: dict[str, tuple[str, str, str]] = {
    "no TOML": ("[[claim]]", "[[claim", "not valid TOML"),
    "other schema": ("schema_version = 1", "schema_version = 2", "schema_version should be 1"),
    "unknown field": ('rule = "lower"', 'rule = "lower"\nweight = 2', "unknown field weight"),
    "missing field": ("margin = 0.02", "", "margin is missing"),
    "other kind": ("margin = 0.02", 'margin = "small"', "margin is 'small', should be a float"),
    "no rule": ('rule = "lower"', 'rule = "softer"', "rule 'softer' is not one of lower, higher"),
    "no margin": ("margin = 0.02", "margin = 0", "margin 0 is not positive"),
    "one seed": ("seeds = 3", "seeds = 1", "1 seeds allow no interval"),
    "one arm": ('arms = ["pretrained", "scratch"]', 'arms = ["scratch", "scratch"]', "two different arms"),
    "strange id": ('id = "C1a"', 'id = "C2z"', "the id should be C1 and one letter"),
    "level alone": ('clock = "step"', "", "level, split and clock belong together, found level, split alone"),
    "strange clock": ('clock = "step"', 'clock = "days"', "clock should be one of step, examples_seen, train_seconds"),
    "a test twice": ('id = "C1b"', 'id = "C1a"', "two tests have the same id"),
    "a claim twice": ('id = "C13"\n', 'id = "C12"\n', "the id should be C12 and one letter"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_register_is_refused(tmp_path: Path, fault: str) -> None:
    old, new, message = FAULTS[fault]
    text = REGISTER.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "claims.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecordError) as error:
        load_register(path)
    assert message in str(error.value)


def test_a_claim_without_a_deciding_test_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(REGISTER.read_text(encoding="utf-8").replace("decides = true", "decides = false"), encoding="utf-8")
    with pytest.raises(RecordError, match="claim C1: no test decides"):
        load_register(path)


def effect(centre: float, half: float, coverage: float) -> Comparison:
    """A difference whose interval at `coverage` is centre +- half, on 4 degrees of freedom."""
    error = half / stats.t.ppf((1 + coverage) / 2, 4)
    return Comparison(difference=centre, standard_error=error, degrees=4, seeds=(5, 5), items=0, over="seeds")


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        ("lower", -0.3, -0.11, "SUPPORTED"),
        ("lower", -0.3, -0.09, "UNDECIDED"),
        ("lower", -0.11, 0.3, "UNDECIDED"),
        ("lower", -0.09, 0.3, "REFUTED"),
        ("lower", -0.05, 0.05, "REFUTED"),
        ("higher", 0.11, 0.3, "SUPPORTED"),
        ("higher", 0.09, 0.3, "UNDECIDED"),
        ("higher", -0.3, 0.09, "REFUTED"),
        ("equal", -0.09, 0.09, "SUPPORTED"),
        ("equal", -0.11, 0.09, "UNDECIDED"),
        ("equal", 0.11, 0.3, "REFUTED"),
        ("lower by equivalence test", -0.3, -0.11, "SUPPORTED"),
        ("lower by equivalence test", -0.11, 0.05, "UNDECIDED"),
        ("lower by equivalence test", -0.09, 0.09, "REFUTED"),
        ("lower by equivalence test", 0.11, 0.3, "REFUTED"),
    ],
)
def test_rules(rule: str, low: float, high: float, verdict: str) -> None:
    coverage = 0.90 if "equ" in rule else 0.95
    found = effect((low + high) / 2, (high - low) / 2, coverage)
    assert decide(rule, found, 0.1) == verdict


def test_too_few_seeds_leave_a_test_undecided_and_say_so() -> None:
    found = compare_values(np.array([0.1, 0.1001]), np.array([0.9, 0.9002]))
    verdict = judge(TESTS["C1d"], found)
    assert (verdict.verdict, verdict.remark) == ("UNDECIDED", "3 seeds are asked for")
    assert judge(replace(TESTS["C1d"], seeds=2), found).verdict == "SUPPORTED"


def events(folder: Path, init: str, seed: int) -> list[dict]:
    text = (folder / "runs" / f"{init}-seed{seed}" / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verdicts")
    for init in ("scratch", "pretrained"):
        for seed in range(4):
            write_run(folder, init, seed, steps=200)
    return folder


def arm(folder: Path, init: str, change: Callable[[Run], object] = id) -> list[Run]:
    runs = [load_run(folder / "runs" / f"{init}-seed{seed}") for seed in range(4)]
    for run in runs:
        change(run)
    return runs


def verdicts(one: list[Run], other: list[Run]) -> dict[str, Verdict]:
    tests = [test for claim in OF_TWO_ARMS for test in CLAIMS[claim].tests if test.id != "C3a"]
    return {test.id: verdict_on(test, one, other) for test in tests}


def test_c1_is_the_paired_t_interval_of_the_step_0_losses(study: Path) -> None:
    losses = {
        init: [
            next(e["loss"] for e in events(study, init, seed) if e.get("split") == "validation") for seed in range(4)
        ]
        for init in ("scratch", "pretrained")
    }
    theirs = stats.ttest_rel(losses["pretrained"], losses["scratch"]).confidence_interval(0.90)
    found = verdicts(arm(study, "pretrained"), arm(study, "scratch"))["C1a"]
    assert found.interval == pytest.approx(tuple(theirs))
    assert (found.seeds, found.coverage, found.verdict) == (4, 0.90, "REFUTED")


def passage(folder: Path, init: str, seed: int, split: str, level: float) -> float:
    """Share of the run until two probe losses in a row lie below the level, at most 1."""
    probes = [e for e in events(folder, init, seed) if e.get("split") == split]
    pairs = pairwise(probes)
    first = next((one["step"] for one, two in pairs if max(one["loss"], two["loss"]) < level), math.inf)
    return min(first, 200) / 200


@pytest.mark.parametrize(
    ("id", "split", "level"), [("C2a", "probe_validation", 1.0486), ("C2b", "probe_train", 1.0486)]
)
def test_c2_counts_a_run_that_never_leaves_with_its_whole_length(
    study: Path, id: str, split: str, level: float
) -> None:
    shares = {
        init: [passage(study, init, seed, split, level) for seed in range(4)] for init in ("scratch", "pretrained")
    }
    assert id != "C2a" or shares["scratch"] == [1.0] * 4
    found = verdicts(arm(study, "pretrained"), arm(study, "scratch"))[id]
    assert found.found is not None
    assert found.found.difference == pytest.approx(np.mean(shares["pretrained"]) - np.mean(shares["scratch"]))
    assert found.verdict == "SUPPORTED"
    assert all(map(math.isnan, found.interval)) == (not np.ptp(np.subtract(*shares.values())))


def test_a_slow_machine_changes_no_share_of_the_seconds(study: Path) -> None:
    def slow(run: Run) -> None:
        run.evaluations["probe_validation"]["train_seconds"] *= 2

    one = arm(study, "pretrained")
    found = verdicts(one, arm(study, "pretrained", slow))["C3b"]
    assert found.found is not None and found.found.difference == 0
    came = "4 and 4 of 4 runs came to 0.45 within 200 steps, timed by each run's own clock"
    assert found.remark == f"the same in all seeds, so there is no interval; {came}"
    waits = [e for e in events(study, "pretrained", 0) if e.get("split") == "probe_validation"]
    first = next(a["step"] for a, b in pairwise(waits) if min(a["accuracy"], b["accuracy"]) >= 0.45)
    alone = verdicts(one[:1], arm(study, "scratch", slow)[:1])["C3b"].found
    assert alone and alone.difference == pytest.approx(first / 200 - 1), "the whole run, where scratch never arrives"


def test_runs_are_watched_for_as_long_as_the_shortest(study: Path) -> None:
    """One stopped early: whoever arrives later than it ended has not arrived in the time that all were given."""

    def cut(run: Run) -> None:
        if run.seed == 1:
            columns = run.evaluations["probe_validation"]
            kept = columns["step"] <= 100
            run.evaluations["probe_validation"] = {name: values[kept] for name, values in columns.items()}

    found = verdicts(arm(study, "pretrained", cut), arm(study, "scratch"))["C2a"]
    shares = {
        init: [min(1.0, 2 * passage(study, init, seed, "probe_validation", 1.0486)) for seed in range(4)]
        for init in ("scratch", "pretrained")
    }
    assert 0 < min(shares["pretrained"]) < 1 and "within 100 steps" in found.remark
    assert found.found is not None
    assert found.found.difference == pytest.approx(np.mean(shares["pretrained"]) - np.mean(shares["scratch"]))


def test_where_no_run_arrives_nothing_is_known(study: Path) -> None:
    def stay(run: Run) -> None:
        run.evaluations["probe_validation"]["loss"][:] = 1.1

    found = verdicts(arm(study, "pretrained", stay), arm(study, "scratch", stay))["C2a"]
    assert (found.verdict, found.found) == ("UNDECIDED", None)
    assert found.remark == "0 and 0 of 4 runs came to 1.0486 within 200 steps"


def test_what_was_not_measured_is_undecided(study: Path) -> None:
    one, other = arm(study, "pretrained", lambda run: run.evaluations.pop("probe_validation")), arm(study, "scratch")
    found = verdicts(one, other)
    assert {id for id, each in found.items() if each.found is None} == {"C2a", "C2c", "C3b"}
    assert {found[id].verdict for id in ("C2a", "C3b")} == {"UNDECIDED"}
    assert {each.verdict for each in verdicts(one[:2], other[2:]).values()} == {"UNDECIDED"}


@pytest.mark.parametrize(
    ("deciding", "beside", "whole"),
    [
        (["SUPPORTED", "SUPPORTED"], "REFUTED", "SUPPORTED"),
        (["SUPPORTED", "UNDECIDED"], "SUPPORTED", "UNDECIDED"),
        (["UNDECIDED", "REFUTED"], "SUPPORTED", "REFUTED"),
        (["SUPPORTED", "REFUTED"], "SUPPORTED", "REFUTED"),
    ],
)
def test_a_claim_rests_on_its_deciding_tests(deciding: list[str], beside: str, whole: str) -> None:
    decides: ClaimTest = TESTS["C1a"]
    each = [Verdict(test=decides, verdict=verdict) for verdict in deciding]
    assert claim_verdict([*each, Verdict(test=TESTS["C1b"], verdict=beside)]) == whole


@pytest.mark.parametrize(
    ("tests", "nothing"),
    [
        ([("SUPPORTED", True), ("SUPPORTED", False)], True),
        ([("REFUTED", True), ("REFUTED", False)], False),
        ([("REFUTED", False), ("UNDECIDED", True)], False),
        ([("UNDECIDED", True), ("SUPPORTED", False)], True),
        ([("UNDECIDED", False)], False),
    ],
)
def test_what_did_not_learn_carries_no_verdict(tests: list[tuple[str, bool]], nothing: bool) -> None:
    found = [Verdict(test=TESTS["C1a"], verdict=verdict, hollow=hollow) for verdict, hollow in tests]
    assert shows_nothing(claim_verdict(found), found) == nothing
