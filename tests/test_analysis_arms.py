"""Runs are grouped by what was asked of them, and test examples by what the data say."""

from pathlib import Path

import pytest

from analysis.records.arms import group_arms
from analysis.records.groups import group_accuracy, majority_share
from analysis.records.reading import RecordError
from analysis.records.runs import load_run, load_study
from tests.synthetic_runs import write_run


def arms_of(study: Path) -> list:
    return group_arms(load_study([study])[0])


def test_arms_follow_the_configuration_not_the_directory_name(tmp_path: Path) -> None:
    write_run(tmp_path, "pretrained", 0, name="scratch-seed9")
    write_run(tmp_path, "scratch", 1)
    write_run(tmp_path, "scratch", 0)
    assert [(arm.name, [run.seed for run in arm.runs]) for arm in arms_of(tmp_path)] == [
        ("scratch", [0, 1]),
        ("pretrained", [0]),
    ]


def test_a_setting_varied_within_an_init_makes_arms_of_their_own(tmp_path: Path) -> None:
    for length in (64, 128):
        write_run(tmp_path, "scratch", 0, name=f"cut-{length}", data={"max_tokens": length})
    write_run(tmp_path, "pretrained", 0)
    assert [arm.name for arm in arms_of(tmp_path)] == [
        "scratch, max_tokens 128",
        "scratch, max_tokens 64",
        "pretrained",
    ]


def test_one_seed_twice_in_an_arm_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0, name="a")
    write_run(tmp_path, "scratch", 0, name="b")
    with pytest.raises(RecordError, match="a and b are the same arm and seed"):
        arms_of(tmp_path)


def test_group_accuracy_counts_by_label_name(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    (run / "predictions.csv").write_text(
        "split,id,gold,entailment,contradiction,neutral,group\n"
        "test,1,entailment,0.5,0.3,0.2,fiction\n"
        "test,2,neutral,0.5,0.3,0.2,fiction\n"
        "test,3,neutral,0.1,0.3,0.6,travel\n"
        "test,4,neutral,0.1,0.3,0.6,\n"
        "test_unseen,5,neutral,0.9,0.1,0.0,travel\n"
    )
    assert group_accuracy(load_run(run), "test") == {"fiction": (0.5, 2), "travel": (1.0, 1)}


def test_a_probability_that_is_no_number_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    (run / "predictions.csv").write_text(
        "split,id,gold,entailment,contradiction,neutral,group\ntest,x1,neutral,a,b,c,g\n"
    )
    with pytest.raises(RecordError, match="example x1"):
        group_accuracy(load_run(run), "test")


def test_an_example_answered_twice_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    row = "test,x1,neutral,0.1,0.3,0.6,\n"
    (run / "predictions.csv").write_text(f"split,id,gold,entailment,contradiction,neutral,group\n{row}{row}")
    with pytest.raises(RecordError, match="example x1 of test is there twice"):
        group_accuracy(load_run(run), "test")


def test_majority_share(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path))
    assert majority_share(run, "test") == 1200 / 3200
    assert majority_share(run, "test_unseen") is None


def test_a_setting_younger_than_a_run_has_its_default_there(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    write_run(tmp_path, "scratch", 1, data={"sample": "first"})
    write_run(tmp_path, "scratch", 2, data={"sample": "seeded"})
    assert [(arm.name, [run.seed for run in arm.runs]) for arm in arms_of(tmp_path)] == [
        ("scratch, sample first", [0, 1]),
        ("scratch, sample seeded", [2]),
    ]
