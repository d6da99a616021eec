"""The sign and the size of what the probes say of each hypothesis, on findings in which these are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy import stats

from analysis.probes import gradients, landscape, layers, phases, shortcut, surface
from analysis.probes.command import Subjects, open_subjects, spread
from analysis.probes.shortcut import with_shuffled_words as shuffled
from analysis.probes.templates import ENTAILED, NOT_ENTAILED, TEMPLATES, template_pairs
from analysis.records.runs import Run
from analysis.statistics.paired import Array, compare_values
from models.errors import DataError, UserError
from tests.synthetic_runs import write_run
from train.data.pairs import Example

SEEDS = (0, 1, 2)
GOLDS = ("entailment", "contradiction", "neutral")
"""As the synthetic runs have them, pair after pair."""
TEST = [
    Example(id=f"test-{n}", premise=f"dog {n} ran", hypothesis=f"{n} is {GOLDS[n % 3]}", label=GOLDS[n % 3], group="")
    for n in range(300)
]


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    for init in ("scratch", "pretrained"):
        for seed in SEEDS:
            write_run(tmp_path, init, seed)
    return open_subjects([tmp_path], lambda _: True, "records")


def by_id(effects: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {each["hypothesis"]: each["difference"] for each in effects}


def always_entailed(pairs: Sequence[Example]) -> list[str]:
    return ["entailment"] * len(pairs)


def knows_the_pairs(pairs: Sequence[Example]) -> list[str]:
    """Right about the pairs as they are and half of the templates that are not entailed; else it says entailment."""
    known = {pair.texts: pair.label for pair in TEST}
    half = {pair.texts for pair in template_pairs() if int(pair.group) % 2}
    return [
        known.get(pair.texts, "neutral" if pair.texts in half and pair.label == "neutral" else "entailment")
        for pair in pairs
    ]


def measured(subjects: Subjects, which: str = "last") -> dict[str, Any]:
    """A pretrained arm that knows the pairs, a scratch one that always says entailment."""
    says = {"pretrained": knows_the_pairs, "scratch": always_entailed}
    return shortcut.measure(subjects, TEST, lambda run: (says[run.init], which), lambda _: always_entailed)


def test_of_shortcuts(subjects: Subjects):
    not_entailed = [place for place, each in enumerate(TEMPLATES) if each.gold == NOT_ENTAILED]
    right = np.mean([place % 2 for place in not_entailed])
    record = measured(subjects)
    found = by_id(record["effects"])
    assert found["S1"] == pytest.approx((1 + right) / 2 - 0.5)
    assert found["S2"] == pytest.approx(right - 1)
    assert found["S3"] == pytest.approx((1 + right) / 2 - 0.5)
    assert found["S4"] == pytest.approx(2 / 3), "all but the pairs whose label is the one that it falls back on"
    lost = [p.texts != q.texts and p.label != "entailment" for p, q in zip(TEST, shuffled(TEST), strict=True)]
    assert 0.6 < np.mean(lost) < 2 / 3, "three words at times keep their order"
    assert found["S5"] == pytest.approx(np.mean(lost))
    assert {row["arm"]: row["lead"] for row in record["leads"]} == {"scratch": 0, "pretrained": pytest.approx(2 / 3)}


def test_the_interval_of_two_groups_of_templates_does_not_hang_on_their_order(subjects: Subjects):
    draws = np.random.default_rng(0)
    scores = {run: draws.random(len(TEMPLATES)) for run in subjects.paths}
    turned = {run: found.copy() for run, found in scores.items()}
    places = shortcut.columns(gold=ENTAILED)
    for found in turned.values():
        found[places] = found[places[::-1]]
    asked = {run: {name: (np.zeros(4), np.zeros(4)) for name in shortcut.CONDITIONS} for run in scores}
    one, other = (
        next(each for each in shortcut.effects(subjects, s, asked) if each["hypothesis"] == "S2")
        for s in (scores, turned)
    )
    assert one == pytest.approx(other)


def test_weights_that_answer_otherwise_than_recorded_are_refused(subjects: Subjects):
    with pytest.raises(DataError, match=r"scratch-\S+: the weights in its export/ do not answer as it recorded"):
        measured(subjects, "best")
    for run in subjects.paths:
        answers = cast("dict[str, bool]", run.answers["test"])
        right = np.array([answers[pair.id] for pair in TEST], dtype=np.float64)
        shortcut.check_answers(run, TEST, right)
        right[:14] = 1 - right[:14]
        shortcut.check_answers(run, TEST, right)
        right[14:16] = 1 - right[14:16]
        with pytest.raises(DataError, match="5% of the pairs"):
            shortcut.check_answers(run, TEST, right)


def stages(low: float, high: float) -> tuple[Array, Array]:
    """Vectors at two ends of three stages whose CKA falls from the lowest layer to the highest as the noise grows."""
    draws = np.random.default_rng(round(100 * high))
    start = draws.normal(size=(3, 120, 6))
    noise = np.array([0, low, high])[:, None, None] * draws.normal(size=start.shape)
    return start, start + noise


def ledger_of(subjects: Subjects) -> layers.Ledger:
    """Pretrained moves 0.1 and needs its highest layer alone, scratch moves 0.7."""
    ledger = layers.Ledger([])
    parts = ("nothing", "embeddings", "layer 1", "layer 2", "head")
    for place, run in enumerate(subjects.paths):
        ours = run.init == "pretrained"
        moved = (0.1 if ours else 0.7) + 0.01 * place
        ledger.movements[run] = [{"part": layers.ENCODER, "moved": moved}, {"part": "layer 1", "moved": 9.0}]
        ledger.correct[run] = {part: np.array([1.0, 1.0, 1.0, 0.0]) for part in parts}
        ledger.correct[run]["layer 2"] = np.array([1.0, 0.0, 0.0, 0.0])
        ledger.vectors[run] = stages(0.1, 1 + 0.1 * place)
    return ledger


def test_of_layers(subjects: Subjects, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "BATCH", 40)
    ledger = ledger_of(subjects)
    found = {each["hypothesis"]: each for each in layers.effects(subjects, ledger)}
    assert found["L1"]["difference"] == pytest.approx(-0.6, abs=0.05)
    assert found["L2"]["difference"] == pytest.approx(0.5)
    assert found["L3"]["difference"] > 0.2 and found["L3"]["low"] > 0
    assert (found["L3"]["over"], found["L3"]["seeds"]) == ("seeds", 3)
    (row,) = [row for row in ledger.roll_back_rows("x", subjects.of("pretrained")) if row["part"] == "layer 2"]
    assert (row["lost"], row["accuracy"]) == (pytest.approx(0.5), 0.25)


def test_vectors_that_are_all_the_same_have_no_alignment(subjects: Subjects, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "BATCH", 40)
    ledger = ledger_of(subjects)
    ledger.vectors[subjects.of("pretrained")[0]] = np.zeros((3, 120, 6)), np.zeros((3, 120, 6))
    with np.errstate(invalid="ignore"):
        assert set(by_id(layers.effects(subjects, ledger))) == {"L1", "L2"}


def test_layers_of_two_arms_are_compared_at_the_end_that_is_asked(subjects: Subjects, monkeypatch: pytest.MonkeyPatch):
    """Alike in the lowest layer after training alone: before it, and in the highest, they have nothing in common."""
    monkeypatch.setattr(layers, "BATCH", 40)
    ledger = ledger_of(subjects)
    for run in subjects.paths:
        draws = np.random.default_rng([run.seed, len(run.init)])
        before, after = draws.normal(size=(2, 3, 120, 6))
        after[1] = np.random.default_rng(run.seed).normal(size=(120, 6))
        ledger.vectors[run] = before, after
    found = by_id(layers.effects(subjects, ledger))
    assert found["L4"] == pytest.approx(1, abs=0.3)
    cka = {
        (row["what"], row["part"]): row["cka"] for row in layers.all_similarities(subjects, ledger) if row["seed"] == 0
    }
    assert cka["pretrained and scratch, after", "layer 1"] == pytest.approx(1)
    assert abs(cka["pretrained and scratch, before", "layer 1"]) < 0.5
    assert abs(cka["pretrained, before and after", "layer 1"]) < 0.5


def test_of_landscapes(subjects: Subjects, monkeypatch: pytest.MonkeyPatch):
    """Flat and one basin for pretrained; for scratch steep, and a barrier of 2 nats between seeds."""

    class Land:
        def losses(self, weights: Any) -> Array:
            return np.full(5, weights)

    survey = landscape.Survey(cast("landscape.Terrain", Land()))
    for place, run in enumerate(subjects.paths):
        ours = run.init == "pretrained"
        survey.radii[run] = np.linspace(0.5, 0.6, 5) + (1.0 if ours else 0.0) + 0.01 * place
        survey.last[run] = cast("landscape.Tensors", run.init)

    def part_way(one: str, other: str, share: float) -> float:
        return 8 * share * (1 - share) if one == other == "scratch" else 0.25

    monkeypatch.setattr("analysis.probes.surface.between", part_way)
    record = survey.record(subjects)
    found = by_id(record["effects"])
    assert found["F1"] == pytest.approx(1, abs=0.05)
    assert found["F2"] == pytest.approx(-2)
    survey.radii[subjects.of("scratch")[0]] = np.full(5, surface.LAST_RADIUS)
    assert [row["beyond"] for row in survey.record(subjects)["radii"]] == [5, 0]
    assert set(by_id(survey.record(subjects)["effects"])) == {"F2"}, "a search that ended is no radius"
    assert {row["what"]: row["barrier"] for row in record["barriers"]} == {
        "scratch, seeds": 2,
        "pretrained, seeds": 0,
        "pretrained and scratch": 0,
    }


def test_of_gradients(subjects: Subjects):
    fading = {"scratch": 0.25, "pretrained": 2.0}
    norms: dict[Run, gradients.Norms] = {
        run: {20: {"layer 1": fading[run.init], "layer 2": 1.0}} for run in subjects.paths
    }
    found = by_id(gradients.effects(subjects, norms))
    assert found["G1"] == pytest.approx(np.log(0.25))
    assert found["G2"] == pytest.approx(np.log(8))


def test_what_never_varies_has_no_interval_and_decides_nothing(subjects: Subjects):
    norms = {run: {20: {"layer 1": 1.0, "layer 2": 2.0}} for run in subjects.paths}
    (first, *_) = gradients.effects(subjects, norms)
    tenths = compare_values(np.full(3, 0.1), np.zeros(3))
    assert tenths.standard_error > 0 and np.isnan(tenths.smallest_gap()), "its computed variance is not 0"
    for found in (first, spread(tenths)):
        assert np.isnan(found["low"]) and np.isnan(found["high"])


@pytest.mark.parametrize(("alike", "decided"), [(1, False), (0, True)])
def test_the_map_has_an_exact_interval(alike: int, decided: bool):
    """Where the depths differ the deep ones die: in five settings that has p = 0.06, in six 0.03."""
    rows = [
        {"layers": depth, "rate": rate, "warmup": 0.0, "seed": 0, "left": 9.0 if depth == 2 or rate < alike else None}
        for depth in (2, 12)
        for rate in range(6)
    ]
    (found,) = phases.effects(rows)
    theirs = stats.binomtest(0, 6 - alike).proportion_ci(method="exact")
    assert (found["low"] + 0.5, found["high"] + 0.5) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (found["difference"], found["high"] < 0) == (-0.5, decided)
    assert (found["seeds"], found["over"]) == (1, f"{6 - alike} settings")
    assert phases.effects([row | {"left": 9.0} for row in rows]) == []


def test_the_map_is_of_scratch_alone(subjects: Subjects):
    with pytest.raises(UserError, match="the map is of scratch encoders, and of these runs some are pretrained"):
        phases.measure(subjects)


def test_an_arms_dead_runs_are_drawn_apart(subjects: Subjects, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gradients, "plateau_left", lambda run: np.inf if run.seed == 1 else 5.0)
    arm = SimpleNamespace(name="scratch", runs=subjects.of("scratch"))
    norms = {run: {20: {"layer 1": float(run.seed)}} for run in subjects.paths}
    found = gradients.lives(cast("Any", arm), norms)
    assert found == {
        "scratch": [{20: {"layer 1": 0.0}}, {20: {"layer 1": 2.0}}],
        "scratch (on the plateau)": [{20: {"layer 1": 1.0}}],
    }
    assert [row["left"] for row in gradients.run_rows(cast("Any", arm), norms)] == [5.0, np.inf, 5.0]
