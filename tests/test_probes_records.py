"""Gradient traces and the phase map from records alone, and the depth that the map varies."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.probes import __main__ as probes
from analysis.probes import gradients, phases
from analysis.probes.command import open_subjects, shortened
from models.errors import UserError
from tests.running import record, train
from tests.synthetic_runs import edit, write_run
from train.study.plan import expand, read_study

ROOT = Path(__file__).parent.parent


def found(study: Path, probe: str) -> dict[str, Any]:
    return json.loads((study / "probes" / f"{probe}.json").read_text(encoding="utf-8"))


def plant(run: Path, **by_step: dict[str, float | None]) -> None:
    """Puts these gradient events in place of the run's own; keys are `at20`, `at40`."""
    path = run / "metrics.jsonl"
    lines = [line for line in path.read_text().splitlines() if json.loads(line)["event"] != "gradients"]
    events = [{"event": "gradients", "step": int(at[2:]), "norms": norms} for at, norms in by_step.items()]
    path.write_text("\n".join([*lines, *map(json.dumps, events)]) + "\n")


def test_fading_is_the_ratio_of_lowest_to_highest_in_the_early_steps(tmp_path: Path):
    """Seeds fade by 1/8 and 1/2: the mean of ln is -ln 4. Step 120 is late, and a step without a number is left out."""
    for seed, low in ((0, 0.125), (1, 0.5)):
        run = write_run(tmp_path, "scratch", seed)
        early = {"layers.0": low, "layers.1": 7.0, "layers.10": 1.0, "head": 3.0}
        plant(run, at20=early, at40=early | {"layers.0": None}, at120={"layers.0": 1.0, "layers.10": 1.0})
    assert gradients.main([str(tmp_path)]) == 0
    traced = found(tmp_path, "gradients")
    (effect,) = traced["effects"]
    assert (effect["hypothesis"], effect["seeds"]) == ("G1", 2)
    assert effect["difference"] == pytest.approx(-math.log(4), rel=1e-5)
    at20 = {row["part"]: row["norm"] for row in traced["norms"] if row["step"] == 20}
    assert at20 == {"layer 1": 0.25, "layer 2": 7.0, "layer 11": 1.0, "head": 3.0}


def test_of_a_study_the_runs_of_its_main_comparison_are_looked_into(tmp_path: Path):
    """The rate that was chosen, at the size with most seeds; of runs that are named one by one, all."""
    traces = {"layers.0": 1.0, "layers.1": 2.0}
    runs = [write_run(tmp_path, init, seed) for init in ("scratch", "pretrained") for seed in (0, 1)]
    runs += [write_run(tmp_path, "scratch", seed, size=500, name=f"small-{seed}") for seed in (0,)]
    runs += [write_run(tmp_path, "scratch", 0, rate=1e-2, name="fast")]
    for run in runs:
        plant(run, at20=traces)
    assert gradients.main([str(tmp_path)]) == 0
    traced = found(tmp_path, "gradients")
    assert {row["arm"] for row in traced["norms"]} == {"scratch", "pretrained"}
    assert [each["seeds"] for each in traced["effects"]] == [2, 2]
    assert gradients.main([*map(str, runs)]) == 0
    assert len({row["arm"] for row in found(tmp_path, "gradients")["norms"]}) == 4


def test_a_norm_that_is_no_number_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plant(write_run(tmp_path, "scratch", 0), at20={"layers.0": "large"})
    assert gradients.main([str(tmp_path)]) == 3
    assert 'norms.layers.0 should be a number, found "large"' in capsys.readouterr().err


def test_the_map_tells_the_living_from_the_dead(tmp_path: Path):
    """A synthetic run leaves its plateau; one whose training probe is put back to ln 3 does not."""
    for name, layers, alive in (("shallow", 2, True), ("deep", 12, False)):
        run = write_run(tmp_path / name, "scratch", 0)
        edit(run / "config.json", encoder={"num_hidden_layers": layers}, optim={"warmup": 0.1})
        if not alive:
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            for line in lines:
                line.update({"loss": 1.0986} if line.get("split") == "probe_train" else {})
            (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    folders = [str(tmp_path / name) for name in ("shallow", "deep")]
    assert phases.main([*folders, "--out", str(tmp_path)]) == 0
    drawn = found(tmp_path, "phases")
    assert [(row["layers"], row["left"] is not None) for row in drawn["runs"]] == [(2, True), (12, False)]
    (effect,) = drawn["effects"]
    assert (effect["hypothesis"], effect["difference"], effect["over"]) == ("P1", -0.5, "1 setting")


def test_depth_is_the_only_thing_that_it_changes(tmp_path: Path, tiny_checkpoint: Path):
    shallow = train(tmp_path, tiny_checkpoint, "--init", "scratch", "--set", "depth=1", "--no-export", name="one")
    usual = train(tmp_path, tiny_checkpoint, "--init", "scratch", "--no-export", name="two")
    one, two = (record(run, "config") for run in (shallow, usual))
    assert (one["encoder"]["num_hidden_layers"], two["encoder"]["num_hidden_layers"]) == (1, 2)
    assert {k for k in one if one[k] != two[k]} == {"depth", "encoder"}
    losses = [record(run, "summary")["evaluations"]["before"]["test"]["loss"] for run in (shallow, usual)]
    assert losses[0] != losses[1]


def test_an_encoder_has_a_layer(tmp_path: Path, tiny_checkpoint: Path):
    with pytest.raises(UserError, match="depth is 0, must be at least 1"):
        train(tmp_path, tiny_checkpoint, "--init", "scratch", "--set", "depth=0")


def test_the_study_that_ships_is_the_whole_map():
    runs = expand(read_study(ROOT / "train" / "studies" / "phase-map.toml"), {})
    cells = {(run.config.depth, run.rate, run.config.optim.warmup) for run in runs}
    assert len(runs) == len(cells) == 18
    assert {run.config.data.train_examples for run in runs} == {2_000}
    assert {depth for depth, _, _ in cells} == {2, 6, 12}


@pytest.mark.parametrize(("codes", "asked", "worst"), [((0, 2, 0), 5, 2), ((0, 130, 0), 2, 130)])
def test_all_probes_go_on_after_an_error_and_end_with_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], asked: int, worst: int
):
    given = iter([*codes, 0, 0])
    mains = [SimpleNamespace(main=lambda _: next(given)) for _ in range(5)]
    monkeypatch.setattr(probes, "import_module", lambda _: mains.pop())
    assert probes.main(["x"]) == worst
    assert 5 - len(mains) == asked


def test_runs_that_kept_nothing_are_said_to_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for seed in range(3):
        write_run(tmp_path, "scratch", seed)
    open_subjects([tmp_path], lambda path: path.name.endswith("0"), "a trajectory/")
    said = "left out: 2 of 3 runs, which are not finished or lack a trajectory/\n"
    assert capsys.readouterr().out == said


def test_a_gradient_that_vanishes_is_small_and_not_nothing():
    assert shortened({"norm": 3.21e-9, "loss": 1.0986122886, "none": math.nan}) == {
        "norm": 3.21e-9,
        "loss": 1.09861,
        "none": None,
    }
