"""Real runs: what two of them must share is in their records, and a pair that does not share it is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from analysis.compare import main
from analysis.records.arms import group_arms
from analysis.records.fairness import certificate_differences, setting_differences
from analysis.records.runs import load_run
from models.errors import CheckpointError
from tests.running import record, train
from tests.torture.sabotage import before_call
from train import certificate, loop, session
from train.cli import parse_run
from train.session import run

ONE_STEP = ("--max-steps", "1")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    return train(tmp_path_factory.mktemp("scratch"), tiny_checkpoint, *ONE_STEP, "--init", "scratch", name="one")


def pretrained(results: Path, checkpoint: Path, *flags: str) -> Path:
    return train(results, checkpoint, *ONE_STEP, "--init", "pretrained", *flags, name="other")


def test_two_arms_are_a_fair_pair(scratch: Path, tmp_path: Path, tiny_checkpoint: Path) -> None:
    pair = [load_run(scratch), load_run(pretrained(tmp_path, tiny_checkpoint))]
    assert certificate_differences(pair) + setting_differences(group_arms(pair)) == []


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (("--head-init", "zero"), "head_sha256"),
        (("--batch-size", "8"), "batch_order_sha256"),
        (("--set", "data.sample=seeded"), "data_sha256.train"),
        ((), "numerics_version"),
    ],
    ids=["head", "order", "data", "numerics"],
)
def test_an_unfair_pair_is_refused_with_what_differs(
    scratch: Path,
    tmp_path: Path,
    tiny_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    key: str,
) -> None:
    if key == "numerics_version":
        monkeypatch.setattr(certificate, "NUMERICS_VERSION", 1_000)
    other = pretrained(tmp_path, tiny_checkpoint, *flags)
    capsys.readouterr()
    assert main([str(scratch), str(other), "--out", str(tmp_path / "out")]) == 3
    shown = capsys.readouterr().err
    where = "all seeds" if key == "numerics_version" else "seed 0"
    assert "no fair comparison" in shown and f"({key}), {where}: " in shown and "in other" in shown
    assert not (tmp_path / "out").exists()


def test_the_claims_are_named_by_their_hash(scratch: Path) -> None:
    claims = Path(__file__).parent.parent / "analysis" / "claims.toml"
    assert record(scratch, "environment")["claims_sha256"] == hashlib.sha256(claims.read_bytes()).hexdigest()


def test_other_claims_do_not_keep_a_run_from_going_on(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record keeps the claims that were registered when the run began."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_step", die)
    with pytest.raises(KeyboardInterrupt):
        pretrained(tmp_path, tiny_checkpoint)
    monkeypatch.undo()
    begun = tmp_path / "s" / "runs" / "other"
    before = record(begun, "environment")["claims_sha256"]
    (tmp_path / "claims.toml").write_text("later = true\n", encoding="utf-8")
    monkeypatch.setattr(session, "CLAIMS", tmp_path / "claims.toml")
    run(parse_run(["--resume", str(begun), "--checkpoint", str(tiny_checkpoint)]))
    assert record(begun, "summary")["steps"] == 1
    assert record(begun, "environment")["claims_sha256"] == before


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A run that died after its first checkpoint."""
    results = tmp_path_factory.mktemp("cut")
    with before_call(loop, "train_step", 6, lambda: 1 / 0), pytest.raises(ZeroDivisionError):
        train(results, tiny_checkpoint, "--set", "save.every_steps=4")
    return results / "s" / "runs" / "run"


KEYS = ("parameters", "head", "batch_order", "data.train", "data.validation", "data.test")


@pytest.mark.parametrize("key", ["numerics_version", *(f"{key}_sha256" for key in KEYS)])
def test_a_run_goes_on_only_as_what_its_certificate_says(
    tmp_path: Path, tiny_checkpoint: Path, cut: Path, key: str
) -> None:
    """Whatever of it is another: the records after the resume would be of a mixture."""
    directory = tmp_path / "s" / "runs" / "run"
    shutil.copytree(cut, directory)
    held = record(directory, "certificate")
    where, name = (held["data_sha256"], key[5:-7]) if key.startswith("data.") else (held, key)
    where[name] = 0
    (directory / "certificate.json").write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"cannot be resumed exactly[^:]*:\n  .*{name}: was 0, is"):
        run(parse_run(["--resume", str(directory), "--checkpoint", str(tiny_checkpoint)]))


def test_a_record_older_than_a_setting_goes_on_as_what_it_was(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Before `length_pool` existed batches were sorted in pools of 50, and not in today's default of 1."""
    flags = ("--set", "save.every_steps=4", "--set", "optim.length_pool=50")
    with before_call(loop, "train_step", 6, lambda: 1 / 0), pytest.raises(ZeroDivisionError):
        train(tmp_path, tiny_checkpoint, *flags)
    directory = tmp_path / "s" / "runs" / "run"
    held = record(directory, "config")
    assert held["optim"].pop("length_pool") == 50
    (directory / "config.json").write_text(json.dumps(held), encoding="utf-8")
    run(parse_run(["--resume", str(directory), "--checkpoint", str(tiny_checkpoint)]))
    assert not (directory / "inexact.json").exists()
