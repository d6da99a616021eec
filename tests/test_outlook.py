"""What a study has planned is written down by whoever makes it, and a report says what of that it lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.compare import main
from analysis.records.outlook import read_outlook
from analysis.records.study import open_study
from analysis.report.provenance import account
from tests.study_stand import SWEEP, Stand
from tests.synthetic_runs import write_run

SWEPT = [f"scratch-lr{rate}e-04-seed0" for rate in (1, 2, 4)] + [f"pretrained-lr{rate}e-05-seed0" for rate in (1, 2, 4)]
NOTHING = "No run was left out."


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(tmp_path / "results", monkeypatch)


def plan(stand: Stand, stem: str = "s") -> dict:
    return json.loads((stand.results / "s" / "plans" / f"{stem}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("flags", [(), ("--shard", "1/3"), ("--shard", "3/3")])
def test_before_the_first_run_all_shards_are_planned(stand: Stand, flags: tuple[str, ...]) -> None:
    assert stand.run(SWEEP, "--minutes", "0", *flags) == 0 and stand.made == []
    assert plan(stand) == {"schema_version": 1, "runs": SWEPT, "waiting": 4}


def test_the_plan_grows_by_what_a_sweep_chose_and_the_report_reads_it(stand: Stand) -> None:
    stand.losses = {SWEPT[1]: 0.5, SWEPT[3]: 0.5}
    stand.codes = {"scratch-lr2e-04-seed1": 4}
    assert stand.run(SWEEP) == 1
    runs = stand.results / "s" / "runs"
    assert plan(stand)["waiting"] == 0 and sorted(plan(stand)["runs"]) == sorted(path.name for path in runs.iterdir())
    outlook = read_outlook(stand.results / "s")
    assert str(outlook) == "7 of 8 planned runs are finished." and not outlook.complete
    stand.codes = {}
    assert stand.run(SWEEP) == 0 and read_outlook(stand.results / "s").complete


def test_study_files_of_one_folder_plan_side_by_side(stand: Stand) -> None:
    stand.run(SWEEP, "--minutes", "0")
    (stand.results.parent / "s.toml").rename(stand.results.parent / "first.toml")
    (stand.results / "s" / "plans" / "s.json").rename(stand.results / "s" / "plans" / "first.json")
    stand.run('name = "s"\n[[block]]\nseed = [7, 8]\nlearning_rate = 1e-3')
    assert plan(stand, "first")["runs"] == SWEPT
    assert plan(stand)["runs"] == ["pretrained-lr1e-03-seed7", "pretrained-lr1e-03-seed8"]
    assert str(read_outlook(stand.results / "s")) == (
        f"2 of up to 12 planned runs are finished; still to come: {', '.join(SWEPT)} and up to 4 whose rate is not "
        "chosen yet."
    )


@pytest.mark.parametrize("place", ["s", "s/plans", "s/plans/s.json"])
def test_a_link_in_its_place_is_not_followed(stand: Stand, tmp_path: Path, place: str, capfd) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (stand.results / place).parent.mkdir(parents=True)
    (stand.results / place).symlink_to(elsewhere / "victim.json" if place.endswith("json") else elsewhere)
    assert stand.run(SWEEP, "--minutes", "0") == 2
    assert capfd.readouterr().err.splitlines()[-1].startswith(f"error: {stand.results / place}: is a symbolic link")
    assert not list(elsewhere.iterdir())


def test_a_folder_that_takes_no_plan_starts_nothing(stand: Stand, capfd) -> None:
    (stand.results / "s").mkdir(parents=True)
    (stand.results / "s" / "plans").write_text("in the way")
    assert stand.run(SWEEP) == 2 and stand.made == []
    assert "plans/s.json: cannot be written (File exists)" in capfd.readouterr().err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, one begun and one diverged."""
    folder = tmp_path_factory.mktemp("made")
    for init in ("scratch", "pretrained"):
        write_run(folder, init, name=init, steps=20)
    for name in ("begun", "torn"):
        write_run(folder, "scratch", 1, name=name, steps=20, finished=False)
    (folder / "runs" / "torn" / "diverged.json").write_text("{}")
    return folder / "runs"


def study(folder: Path, runs: Path, plans: dict[str, object], keep: tuple[str, ...]) -> Path:
    """A study folder with the runs to keep beside these plans."""
    for name in keep:
        shutil.copytree(runs / name, folder / "runs" / name)
    for stem, record in plans.items():
        (folder / "plans").mkdir(exist_ok=True)
        (folder / "plans" / f"{stem}.json").write_text(json.dumps(record))
    return folder


def planned(*names: str, waiting: int = 0) -> dict[str, object]:
    return {"schema_version": 1, "runs": list(names), "waiting": waiting}


DONE = ("scratch", "pretrained")


@pytest.mark.parametrize(
    ("keep", "plans", "said"),
    [
        (DONE, {}, NOTHING),
        (DONE, {"a": planned(*DONE)}, NOTHING),
        (DONE, {"a": planned("scratch"), "b": planned(*DONE)}, NOTHING),
        (DONE, {"a": planned("scratch", "x"), "b": planned("pretrained", "y", "x")},
         "2 of 4 planned runs are finished; still to come: x and y."),
        (DONE, {"a": planned("scratch", waiting=3)},
         "1 of up to 4 planned runs are finished; still to come: up to 3 whose rate is not chosen yet."),
        ((*DONE, "begun", "torn"), {}, "Not finished, left out: begun and torn (diverged)."),
        ((*DONE, "begun", "torn"), {"a": planned(*DONE, "begun", "torn", "x")},
         "Not finished, left out: begun and torn (diverged). 2 of 5 planned runs are finished; still to come: x."),
    ],
)  # fmt: skip
def test_the_report_says_what_it_lacks(tmp_path: Path, runs: Path, keep, plans, said: str) -> None:
    folder = study(tmp_path, runs, plans, keep)
    assert account(open_study([folder], folder)) == said


def test_a_run_of_the_plan_that_was_not_asked_for_is_none_to_come(tmp_path: Path, runs: Path) -> None:
    folder = study(tmp_path, runs, {"a": planned(*DONE)}, DONE)
    assert account(open_study([folder / "runs" / "scratch"], folder)) == NOTHING


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a JSON object"),
        ("{", "not valid JSON"),
        (json.dumps(planned() | {"schema_version": 2}), "expected schema_version 1"),
        (json.dumps(planned() | {"runs": [3]}), "runs should be a list of names, found [3]"),
        (json.dumps(planned() | {"waiting": True}), "waiting should be a number of runs, found true"),
        (json.dumps(planned(waiting=-1)), "waiting should be a number of runs, found -1"),
    ],
)
def test_a_malformed_plan_is_refused(tmp_path: Path, runs: Path, capsys, text: str, message: str) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "a.json").write_text(text)
    assert main([str(tmp_path)]) == 3
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "plans/a.json: " in error and message in error


@pytest.mark.parametrize("place", ["plans", "plans/a.json"])
def test_a_plan_is_not_read_through_a_link(tmp_path: Path, runs: Path, capsys, place: str) -> None:
    folder, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    shutil.copytree(runs, folder / "runs")
    elsewhere.mkdir()
    (elsewhere / "a.json").write_text(json.dumps(planned("x")))
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).symlink_to(elsewhere / "a.json" if place.endswith("json") else elsewhere)
    assert main([str(folder)]) == 3
    assert "a symbolic link" in capsys.readouterr().err
