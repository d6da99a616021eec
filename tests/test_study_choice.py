"""The rate that validation chooses: which one, what is written down, and that it never changes by itself."""

from __future__ import annotations

import json

import pytest

from tests.study_stand import SWEEP, Stand
from train.study.choice import read_choices, settle


@pytest.fixture
def stand(tmp_path, monkeypatch) -> Stand:
    return Stand(tmp_path / "results", monkeypatch)


def choices(stand: Stand) -> dict:
    return json.loads((stand.results / "s" / "choices.json").read_text())


def test_the_lowest_validation_loss_chooses_the_rate(stand, capfd):
    stand.losses = {"scratch-lr2e-04-seed0": 0.9, "pretrained-lr4e-05-seed0": 0.8, "pretrained-lr1e-05-seed0": 0.81}
    assert stand.run(SWEEP) == 0
    later = ["pretrained-lr4e-05-seed1", "scratch-lr2e-04-seed1"]
    assert len(stand.made) == 8 and sorted(stand.made[6:]) == later
    found = choices(stand)["sweep"]
    assert {init: (arm["chosen"], arm["at_edge"]) for init, arm in found.items()} == {
        "scratch": (2e-4, False),
        "pretrained": (4e-5, True),
    }
    assert [entry["validation_loss"] for entry in found["pretrained"]["rates"]] == [0.81, 1.0, 0.8]
    shown = capfd.readouterr().err
    assert "4e-05 is at the edge of the rates tried for pretrained" in shown and "for scratch; the list" not in shown


def test_a_study_that_keeps_the_best_accuracy_chooses_by_it(stand, capfd):
    stand.losses = {"scratch-lr1e-04-seed0": 0.1}
    stand.accuracies = {"scratch-lr2e-04-seed0": 0.5}
    assert stand.run('stop.monitor = "validation_accuracy"\n' + SWEEP) == 0
    scratch = choices(stand)["sweep"]["scratch"]
    assert (scratch["chosen"], scratch["at_edge"]) == (2e-4, False)
    assert [entry["validation_accuracy"] for entry in scratch["rates"]] == [0.4, 0.5, 0.4]
    assert "validation accuracy by rate: 0.0001: 0.4000" in capfd.readouterr().err


def test_rates_that_were_judged_by_different_figures_are_not_compared(stand, capfd):
    text = SWEEP.replace('name = "sweep"', 'name = "sweep"\nstop.monitor = ["validation_loss", "validation_accuracy"]')
    assert stand.run(text) == 2
    assert "block 'sweep': its runs watch different figures" in capfd.readouterr().err


def test_of_equal_losses_the_lower_rate_wins_and_a_diverged_one_never(stand):
    stand.codes = {"scratch-lr1e-04-seed0": 5}
    assert stand.run(SWEEP) == 1
    found = choices(stand)["sweep"]
    assert (found["scratch"]["chosen"], found["pretrained"]["chosen"]) == (2e-4, 1e-5)
    assert found["scratch"]["rates"][0]["validation_loss"] is None
    assert found["pretrained"]["at_edge"]


def test_an_arm_of_which_every_rate_diverged_gets_none(stand, capfd):
    stand.codes = {f"scratch-lr{rate}-seed0": 5 for rate in ("1e-04", "2e-04", "4e-04")}
    assert stand.run(SWEEP) == 1
    assert choices(stand)["sweep"]["scratch"]["chosen"] is None
    shown = capfd.readouterr().err
    assert "every rate of scratch diverged" in shown and "2 runs are left, of which 2 wait for others" in shown


def test_the_mean_over_seeds_decides(stand):
    text = SWEEP.replace('name = "sweep"', 'name = "sweep"\nseed = [0, 1]')
    stand.losses = {"scratch-lr1e-04-seed0": 0.1, "scratch-lr1e-04-seed1": 2.0, "scratch-lr4e-04-seed1": 0.9}
    assert stand.run(text) == 0
    assert choices(stand)["sweep"]["scratch"]["chosen"] == 4e-4


def test_shards_agree_and_together_make_the_study(stand):
    stand.losses = {"scratch-lr2e-04-seed0": 0.9}
    assert stand.run(SWEEP, "--shard", "1/2") == 0
    first = list(stand.made)
    assert len(first) == 3 and not (stand.results / "s" / "choices.json").exists()
    assert stand.run(SWEEP, "--shard", "2/2") == 0
    second = list(stand.made)
    assert stand.run(SWEEP, "--shard", "1/2") == 0
    together = [*first, *second, *stand.made]
    assert len(together) == len(set(together)) == 8
    stand.run(SWEEP)
    assert stand.made == []


@pytest.mark.parametrize("what", ["records", "file", "grid"])
def test_a_choice_that_no_longer_follows_is_refused(stand, capfd, what):
    text = SWEEP
    assert stand.run(SWEEP) == 0
    summary = stand.results / "s" / "runs" / "scratch-lr4e-04-seed0" / "summary.json"
    written = stand.results / "s" / "choices.json"
    if what == "records":
        summary.write_text(summary.read_text().replace('"validation_loss": 1.0', '"validation_loss": 0.5'))
    elif what == "file":
        written.write_text(written.read_text().replace('"chosen": 0.0001', '"chosen": 0.0002'))
    else:
        text = SWEEP.replace("4e-4]", "4e-4, 8e-4]")
    assert stand.run(text) == 2 and stand.made == []
    assert "what it says of 'sweep' does not follow" in capfd.readouterr().err


def test_a_choice_outlives_its_runs(stand):
    stand.losses = {"scratch-lr2e-04-seed0": 0.9}
    assert stand.run(SWEEP) == 0
    (stand.results / "s" / "runs" / "scratch-lr4e-04-seed0" / "summary.json").unlink()
    before = choices(stand)
    assert stand.run(SWEEP, "--minutes", "0") == 0 and choices(stand) == before


def test_a_choice_that_a_kill_kept_from_being_written_is_written_later(stand):
    assert stand.run(SWEEP) == 0
    before = choices(stand)
    (stand.results / "s" / "choices.json").unlink()
    assert stand.run(SWEEP) == 0 and stand.made == [] and choices(stand) == before


def test_an_arm_waits_for_its_own_runs_alone(stand):
    """Of two processes one would else be idle until the other has made the last of another arm's runs."""
    stand.codes = {"pretrained-lr2e-05-seed0": 1}
    assert stand.run(SWEEP) == 1
    assert [name for name in stand.made if "lr1e-04-seed" in name] == ["scratch-lr1e-04-seed0", "scratch-lr1e-04-seed1"]
    assert not [name for name in stand.made if name.startswith("pretrained") and "seed1" in name]
    assert choices(stand).keys() == {"sweep"} and choices(stand)["sweep"].keys() == {"scratch"}
    stand.codes = {}
    assert stand.run(SWEEP) == 0
    assert [name for name in stand.made if "seed1" in name] == ["pretrained-lr1e-05-seed1"]
    assert choices(stand)["sweep"].keys() == {"scratch", "pretrained"}


def test_an_arm_that_another_shard_wrote_meanwhile_stays(tmp_path):
    arm = {"rates": [{"learning_rate": 1e-4, "validation_loss": 1.0}], "chosen": 1e-4, "at_edge": True}
    settle({"sweep": {"scratch": arm}}, tmp_path)
    settle({"sweep": {"pretrained": arm}}, tmp_path)
    assert read_choices(tmp_path) == {"sweep": {"scratch": arm, "pretrained": arm}}
