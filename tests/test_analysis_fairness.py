"""Runs are compared only if init and rate alone set them apart, or the difference is said to be the subject."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.compare import main
from analysis.records.arms import Arm, group_arms
from analysis.records.fairness import (
    certificate_differences,
    environment_differences,
    require_fair,
    setting_differences,
    unfair,
)
from analysis.records.reading import RecordError
from analysis.records.runs import Run, load_study
from analysis.records.study import open_study
from tests.synthetic_runs import edit, write_run


def runs_of(study: Path) -> list[Run]:
    return load_study([study])[0]


def arms_of(study: Path) -> list[Arm]:
    return group_arms(runs_of(study))


def test_equal_certificates_show_no_difference(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        for seed in (0, 1):
            write_run(tmp_path, init, seed)
    runs = runs_of(tmp_path)
    assert certificate_differences(runs) + setting_differences(group_arms(runs)) + environment_differences(runs) == []


@pytest.mark.parametrize(
    "key",
    [
        *("numerics_version", "parameters_sha256", "head_sha256", "batch_order_sha256"),
        *(f"data_sha256.{split}" for split in ("train", "validation", "test", "test_unseen", "test_mismatched")),
    ],
)
def test_whatever_of_a_certificate_is_another_is_seen(tmp_path: Path, key: str) -> None:
    write_run(tmp_path, "scratch", 0)
    path = write_run(tmp_path, "pretrained", 0) / "certificate.json"
    outer, _, inner = key.partition(".")
    held = json.loads(path.read_text())[outer]
    edit(path, **{outer: {**held, inner: "c" * 64} if inner else 7 if outer == "numerics_version" else "c" * 64})
    assert [found.key for found in certificate_differences(runs_of(tmp_path))] == [key]
    assert main([str(tmp_path)]) == 3


def test_weights_that_a_run_did_not_read_set_no_arms_apart(tmp_path: Path) -> None:
    for init, number in (("bottom-3", 1), ("mlm", 2)):
        for seed, folder in enumerate((None, "mine")):
            edit(write_run(tmp_path / init, init, seed) / "config.json", mlm=folder)
        assert len(arms_of(tmp_path / init)) == number


def test_another_head_another_setting_and_another_machine_are_seen(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    run = write_run(tmp_path, "pretrained", 0, data={"max_tokens": 64})
    edit(run / "certificate.json", head_sha256="c" * 64)
    edit(run / "environment.json", threads=2)
    runs = runs_of(tmp_path)
    (head,) = certificate_differences(runs)
    assert head.values == {"c" * 64: ("pretrained-seed0",), "0" * 64: ("scratch-seed0",)}
    assert str(head) == (
        "head tensors (head_sha256), seed 0: cccccccccccc in pretrained-seed0; 000000000000 in scratch-seed0"
    )
    (length,) = setting_differences(group_arms(runs))
    assert (length.key, length.values) == ("data.max_tokens", {"64": ("pretrained",), "128": ("scratch",)})
    assert [difference.what for difference in environment_differences(runs)] == ["threads"]


def test_a_record_older_than_several_processes_means_one(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    run = write_run(tmp_path, "pretrained", 0)
    for processes, found in ((1, []), (2, ["number of processes", "world_size"])):
        for record in ("certificate.json", "environment.json"):
            edit(run / record, world_size=processes)
        runs = runs_of(tmp_path)
        assert [each.what for each in (*certificate_differences(runs), *environment_differences(runs))] == found


def test_a_setting_varied_within_an_init_is_compared_between_inits_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "pretrained", 0)
    for length in (64, 256):
        write_run(tmp_path, "scratch", 0, name=f"scratch-{length}", data={"max_tokens": length})
    assert main([str(tmp_path)]) == 3
    assert "128 in pretrained" in capsys.readouterr().err
    assert main([str(tmp_path), "--subject", "data.max_tokens"]) == 0
    assert "settings are the same" not in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("where", [{"hide": "premise"}, {"size": 500}])
def test_arms_of_one_side_and_of_other_sizes_are_compared_too(tmp_path: Path, where: dict[str, Any]) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path, init, 0)
        write_run(tmp_path, init, 0, **where, name=f"{init}-other")
    assert unfair(open_study([tmp_path], tmp_path)) == []
    config = tmp_path / "runs" / "scratch-other" / "config.json"
    edit(config, optim=json.loads(config.read_text())["optim"] | {"weight_decay": 0.3})
    (found,) = unfair(open_study([tmp_path], tmp_path))
    assert found.key == "optim.weight_decay" and len(found.values["0.3"]) == 1


def test_arithmetic_is_what_ran_not_what_was_asked(tmp_path: Path) -> None:
    for init, ran in (("scratch", "float32"), ("pretrained", "bf16")):
        run = write_run(tmp_path, init, 0)
        edit(run / "config.json", precision="auto")
        edit(run / "environment.json", precision=ran)
    (found,) = setting_differences(arms_of(tmp_path))
    assert (found.key, set(found.values)) == ("precision", {"float32", "bf16"})


def test_what_no_seed_changes_is_compared_between_seeds(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    run = write_run(tmp_path, "pretrained", 1)
    assert unfair(open_study([tmp_path], tmp_path)) == []
    shapes, data = "d" * 64, {"train": "b" * 64, "validation": "b" * 64, "test": "e" * 64}
    edit(run / "certificate.json", numerics_version=2, parameters_sha256=shapes, world_size=2, data_sha256=data)
    found = {each.key: each.where for each in unfair(open_study([tmp_path], tmp_path))}
    keys = ("numerics_version", "parameters_sha256", "world_size", "data_sha256.test")
    assert found == dict.fromkeys(keys, "all seeds")


def test_arms_without_a_common_seed_cannot_share_head_and_batches(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    write_run(tmp_path, "pretrained", 1)
    assert main([str(tmp_path)]) == 0
    report = (tmp_path / "report.md").read_text()
    assert "pretrained and scratch share no seed, so that their heads and batches cannot be compared" in report
    write_run(tmp_path, "pretrained", 0)
    assert main([str(tmp_path)]) == 0
    assert "share no seed" not in (tmp_path / "report.md").read_text()


def test_what_belongs_to_an_init_or_changes_no_number_is_no_difference(tmp_path: Path) -> None:
    for init, changes in (("scratch", {"trajectory": 10}), ("mlm", {"mlm": "mnli-5000", "threads": 4})):
        run = write_run(tmp_path, init, 0)
        edit(run / "config.json", **changes, save={"every_minutes": len(init)})
    assert setting_differences(arms_of(tmp_path)) == []


def test_of_many_runs_a_few_are_named(tmp_path: Path) -> None:
    for seed in range(6):
        run = write_run(tmp_path, "scratch", seed)
    edit(run / "environment.json", torch="2.13")
    (found,) = environment_differences(runs_of(tmp_path))
    assert found.sides == ("2.10 in scratch-seed0, scratch-seed1, scratch-seed2 and 2 more; 2.13 in scratch-seed5")


FAULTS = {
    "head_sha256": {"head_sha256": "c" * 64},
    "batch_order_sha256": {"batch_order_sha256": "c" * 64},
    "data_sha256.train": {"data_sha256": {"train": "c" * 64, "validation": "b" * 64, "test": "b" * 64}},
    "numerics_version": {"numerics_version": 2},
}


@pytest.mark.parametrize("key", FAULTS)
def test_an_unfair_comparison_is_refused_with_its_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    write_run(tmp_path, "scratch", 0)
    edit(write_run(tmp_path, "pretrained", 0) / "certificate.json", **FAULTS[key])
    assert main([str(tmp_path)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert f"({key}), {'all seeds' if key == 'numerics_version' else 'seed 0'}: " in line
    assert "in pretrained-seed0" in line
    assert line.endswith(f"Allow it: --subject {key}")
    assert not (tmp_path / "report.md").exists()


def test_a_difference_that_is_the_subject_is_reported(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    edit(write_run(tmp_path, "pretrained", 0) / "certificate.json", head_sha256="c" * 64)
    assert main([str(tmp_path), "--subject", "head_sha256"]) == 0
    report = (tmp_path / "report.md").read_text()
    assert "1 difference beside init and learning rate" in report
    assert "cccccccccccc in pretrained-seed0" in report


def test_a_subject_covers_its_parts_and_nothing_else(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0)
    edit(write_run(tmp_path, "pretrained", 0) / "certificate.json", **FAULTS["data_sha256.train"])
    differences = certificate_differences(runs_of(tmp_path))
    require_fair(differences, ["data_sha256"])
    for other in ("data_sha", "head_sha256", ""):
        with pytest.raises(RecordError, match="no fair comparison"):
            require_fair(differences, [other])


def test_sizes_and_hidden_sides_are_not_set_against_each_other(tmp_path: Path) -> None:
    for size in (500, 5000):
        for init in ("scratch", "pretrained"):
            run = write_run(tmp_path, init, 0, size=size, name=f"{init}-{size}")
            edit(run / "certificate.json", data_sha256={"train": f"{size:064}"})
    assert main([str(tmp_path)]) == 0
