"""Loss landscapes whose shape is known: a quadratic bowl, a double well, a path in a plane."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis import compare
from analysis.probes import __main__ as probes
from analysis.probes import landscape, layers, surface, terrain
from models.errors import DataError
from tests.running import metrics, train
from train.evaluate import evaluate

ARMS = ("scratch", "pretrained")


def drawn(seed: int) -> surface.Tensors:
    generator = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(4, 3, generator=generator).double(), "b": torch.randn(5, generator=generator).double()}


def norm(weights: surface.Tensors) -> float:
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in weights.values()))


def bowl(weights: surface.Tensors) -> float:
    return 3.0 * norm(weights) ** 2


def test_a_line_through_a_bowl_is_a_parabola():
    start = drawn(1)
    end = {name: -tensor for name, tensor in start.items()}
    shares = (-0.25, 0.0, 0.5, 0.8, 1.0, 1.5)
    expected = [3 * norm(start) ** 2 * (1 - 2 * share) ** 2 for share in shares]
    assert surface.along(bowl, start, end, shares) == pytest.approx(expected)


def test_there_is_no_barrier_in_a_bowl_and_a_known_one_between_two_wells():
    shares = np.linspace(0, 1, 11).tolist()
    one = drawn(1)
    other = {name: tensor + 1 for name, tensor in one.items()}
    assert surface.barrier(shares, surface.along(bowl, one, other, shares)) == 0

    def wells(weights: surface.Tensors) -> float:
        x = float(weights["a"][0, 0] - one["a"][0, 0])  # 0 at one end, 1 at the other
        return 16 * x**2 * (1 - x) ** 2 + 0.5 * x

    assert surface.barrier(shares, surface.along(wells, one, other, shares)) == pytest.approx(1)


@pytest.mark.parametrize("curvature", [0.5, 8.0])
def test_the_radius_of_a_bowl_follows_from_its_curvature(curvature: float):
    origin = {name: 0 * tensor for name, tensor in drawn(1).items()}
    direction = drawn(2)
    length = norm(direction)
    found = surface.radius(lambda weights: curvature * norm(weights) ** 2, origin, direction, 0.1)
    assert found == pytest.approx(math.sqrt(0.1 / curvature) / length, rel=2**-surface.HALVINGS)


def test_where_the_loss_never_rises_the_radius_is_the_largest():
    assert surface.radius(lambda _: 1.0, drawn(1), drawn(2), 0.1) == surface.LAST_RADIUS


def test_without_a_finite_loss_at_the_weights_there_is_no_radius():
    with pytest.raises(DataError, match="not finite"):
        surface.radius(lambda _: math.nan, drawn(1), drawn(2), 0.1)


def test_each_filter_of_a_direction_is_as_long_as_the_weights_own():
    weights = drawn(1)
    weights["a"][2] *= 100
    found = surface.random_direction(weights, 3)
    assert torch.allclose(found["a"].norm(dim=1), weights["a"].norm(dim=1))
    assert not torch.allclose(found["a"], weights["a"])
    assert not found["b"].any()
    assert all(torch.equal(tensor, surface.random_direction(weights, 3)[name]) for name, tensor in found.items())


def test_the_radius_does_not_depend_on_how_weights_are_scaled():
    """The reason for normalising: a layer times 10 whose output is divided by 10 is the same function."""

    def loss(scale: float) -> surface.Loss:
        return lambda weights: float((weights["a"] / scale).square().sum())

    weights = {"a": drawn(1)["a"]}
    scaled = {"a": 10 * weights["a"]}
    one, other = (
        surface.radius(loss(s), w, surface.random_direction(w, 3), 0.1) for s, w in ((1, weights), (10, scaled))
    )
    assert one == pytest.approx(other)


def test_a_path_in_a_plane_lies_in_its_plane():
    """Three known coordinates in two known directions come back, up to a turn of the axes, with their losses."""
    one, two, last = drawn(1), drawn(2), drawn(3)
    points = [surface.step(last, (a, one), (b, two)) for a, b in ((3.0, 1.0), (1.0, -2.0), (0.5, 0.3), (0.0, 0.0))]
    plane = surface.principal_plane(points)
    assert plane.share == pytest.approx(1)
    inner = sum(float((x * y).sum()) for x, y in zip(plane.axes[0].values(), plane.axes[1].values(), strict=True))
    assert inner == pytest.approx(0, abs=1e-9)
    assert [norm(axis) for axis in plane.axes] == pytest.approx([1, 1])
    for (x, y), point in zip(plane.path, points, strict=True):
        rebuilt = surface.step(last, (x, plane.axes[0]), (y, plane.axes[1]))
        assert all(torch.allclose(rebuilt[name], tensor) for name, tensor in point.items())
    xs, ys, losses = surface.over_plane(bowl, plane, 5)
    rebuilt = surface.step(last, (xs[1], plane.axes[0]), (ys[3], plane.axes[1]))
    assert losses[3, 1] == pytest.approx(bowl(rebuilt))
    assert xs[0] < plane.path[:, 0].min() and plane.path[:, 1].max() < ys[-1]


def test_a_third_direction_lowers_the_plane_s_share():
    last = {"a": torch.zeros(2, 2).double()}
    ways = [(6.0, 0), (3.0, 1), (2.0, 2)]
    points = [{"a": torch.eye(4)[place].view(2, 2).double() * length} for length, place in ways]
    assert surface.principal_plane([*points, last]).share == pytest.approx((36 + 9) / (36 + 9 + 4))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    results = tmp_path_factory.mktemp("probed")
    for init in ARMS:
        for seed in ("0", "1", "2"):
            flags = ("--init", init, "--seed", seed, "--set", "trajectory=4", "--no-export")
            train(results, tiny_checkpoint, *flags, name=f"{init}-{seed}")
    return results / "s"


def test_the_command_finds_the_run_s_own_losses_at_both_ends(
    study: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
):
    """On the first 16 training pairs: what the run recorded of its training probe at step 0 and at the last."""
    monkeypatch.setattr(landscape, "EXAMPLES", 16)
    monkeypatch.setattr(landscape, "GRID", 3)
    assert landscape.main([str(study), "--checkpoint", str(tiny_checkpoint)]) == 0
    found = json.loads((study / "probes" / "landscape.json").read_text(encoding="utf-8"))
    for arm in ARMS:
        events = metrics(study / "runs" / f"{arm}-1", "evaluation")
        probe = [event["loss"] for event in events if event["split"] == "probe_train"]
        line = {row["at"]: row["loss"] for row in found["lines"] if (row["arm"], row["seed"]) == (arm, 1)}
        assert [line[0.0], line[1.0]] == pytest.approx([probe[0], probe[-1]], abs=1e-5)
    assert [len([row for row in found["planes"] if row["arm"] == arm]) for arm in ARMS] == [9, 9]
    assert len(found["paths"]) == 8
    ends = [row for row in found["paths"] if (row["x"], row["y"]) == (0, 0)]
    assert [row["arm"] for row in ends] == ["scratch", "pretrained"]
    kinds = [(row["what"], row["seeds"]) for row in found["barriers"]]
    assert kinds == [
        *(("scratch, seeds", pair) for pair in ("0 and 1", "0 and 2", "1 and 2")),
        *(("pretrained, seeds", pair) for pair in ("0 and 1", "0 and 2", "1 and 2")),
        *(("pretrained and scratch", f"{seed} and {seed}") for seed in range(3)),
    ]
    flatness, basins = found["effects"]
    assert (flatness["hypothesis"], basins["hypothesis"], basins["seeds"]) == ("F1", "F2", 3), "three pairs, three runs"
    rises = {arm: np.mean([rise for what, rise in half_way(found) if what == f"{arm}, seeds"]) for arm in ARMS}
    assert basins["difference"] == pytest.approx(rises["pretrained"] - rises["scratch"], abs=2e-6)


def test_interrupted_it_goes_on_with_what_was_asked(
    study: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(landscape, "EXAMPLES", 16)
    monkeypatch.setattr(landscape, "GRID", 3)
    monkeypatch.setattr(terrain, "EVERY", 0.0)
    command = [str(study / "runs" / f"{init}-0") for init in ARMS] + ["--checkpoint", str(tiny_checkpoint)]
    record, unfinished = study / "probes" / "landscape.json", study / "probes" / "landscape-unfinished"
    record.unlink(missing_ok=True)
    asked: list[int] = []

    def counted(*given: Any) -> Any:
        asked.append(1)
        if len(asked) == 60:
            raise KeyboardInterrupt
        return evaluate(*given)

    monkeypatch.setattr(terrain, "evaluate", counted)
    assert landscape.main(command) == 130 and not record.exists()
    assert len([*unfinished.glob("*/*.npy")]) == 59
    capsys.readouterr()
    assert landscape.main(command) == 0 and not unfinished.exists()
    goes_on, resumed = len(asked) - 60, record.read_text(encoding="utf-8")
    record.unlink()
    assert landscape.main(command) == 0 and record.read_text(encoding="utf-8") == resumed
    assert len(asked) - 60 - goes_on == goes_on + 59, "what was asked before is not asked again"
    assert "losses, about" in capsys.readouterr().err


def test_one_command_runs_every_probe_and_the_report_shows_them(
    study: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(landscape, "EXAMPLES", 16)
    monkeypatch.setattr(landscape, "GRID", 3)
    monkeypatch.setattr(layers, "BATCH", 12)
    runs = [str(study / "runs" / f"{init}-0") for init in ARMS]
    assert probes.main([*runs, "--checkpoint", str(tiny_checkpoint)]) == 2, "they are too short for gradients"
    shown = set(probes.PROBES) - {"gradients"}
    assert {path.stem for path in (study / "probes").iterdir()} == shown
    assert compare.main([str(study)]) == 0
    report = (study / "report.md").read_text(encoding="utf-8")
    assert all(f"(figures/{name}.png)" in report for name in shown)


def half_way(found: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What lies between two runs, and how far the loss rises in the middle of the line."""
    lines: dict[tuple[str, str], dict[float, float]] = {}
    for row in found["between"]:
        lines.setdefault((row["what"], row["seeds"]), {})[row["at"]] = row["loss"]
    for (what, _), line in lines.items():
        yield what, line[0.5] - (line[0.0] + line[1.0]) / 2
