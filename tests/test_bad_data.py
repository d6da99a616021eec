"""Every row of the catalogue "Bad data", by its name: refused with its place, or dealt with and counted."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import DataError
from tests.bad_data import ROWS, Refused, tsv
from tests.running import record, train
from train.cli import parse_run
from train.config import DataConfig
from train.data import check
from train.data.splits import load_splits
from train.run import main

SIZES = ("--validation-examples", "2", "--test-examples", "2")


def place(folder: Path, files: dict[str, bytes]) -> Path:
    """The files in a folder; the path that a user gives: of the only file, or of the folder."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / next(iter(files)) if len(files) == 1 else folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_bad_data(row, tmp_path, tiny_checkpoint, capsys):
    for number, case in enumerate(row.cases):
        path = place(tmp_path / f"data{number}", case.files)
        if isinstance(case, Refused):
            assert_refused(path, case, tmp_path, tiny_checkpoint, capsys)
        else:
            assert_taken(path, case, capsys)
        assert tree(tmp_path / f"data{number}") == case.files


def assert_refused(path, case, tmp_path, tiny_checkpoint, capsys):
    """A run and the check both leave with 3 and say where; neither leaves anything behind or takes anything away."""
    earlier = tmp_path / "results" / "s" / "runs" / "earlier" / "summary.json"
    earlier.parent.mkdir(parents=True, exist_ok=True)
    earlier.write_text("{}")
    data = ("--dataset", "own", "--data", str(path), *SIZES, "--max-tokens", "64")
    study = ("--results", str(tmp_path / "results"), "--study", "s", "--name", "new")
    assert main(["--checkpoint", str(tiny_checkpoint), "--threads", "1", *data, *study]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "Traceback" not in err
    for told in case.told:
        assert told in err
    assert tree(tmp_path / "results") == {"s/runs/earlier/summary.json": b"{}"}
    assert check.main([str(path), *SIZES]) == 3
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and err.startswith("error: a run would refuse") and "Traceback" not in err
    assert next(iter(case.files)) in out or "test.tsv" in out


def assert_taken(path, case, capsys):
    """The check leaves with 0 and says what it counted; the pairs are as they have to be, the counts in the record."""
    assert check.main([str(path), *SIZES, *case.flags]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.splitlines()[-1].startswith("A run would take these pairs: --dataset own")
    for what in case.counts:
        assert what.partition(": ")[2] in out
    splits = load_splits(check.parse_check([str(path), *SIZES, *case.flags]), 0)
    assert splits.to_record()["counts"] == case.counts
    sentences = {text for pairs in splits.all().values() for pair in pairs for text in pair.texts}
    assert sentences.issuperset(case.sentences) and sentences.isdisjoint(case.without)


def test_all_problems_of_all_files_are_told_together(tmp_path):
    files = {"train.tsv": tsv(*["a\tb\tmaybe"] * 8), "test.tsv": tsv(*["a\tb"] * 5, good=[("x", "y", "neutral")])}
    with pytest.raises(DataError) as error:
        load_splits(DataConfig(dataset="own", folder=str(place(tmp_path / "d", files)), validation_examples=2), 0)
    lines = str(error.value).splitlines()
    assert lines[0] == "13 problems in the data (unknown label: 8, short row: 5)"
    assert [line.split(":")[0].strip() for line in lines[1:11]] == [
        *(f"train.tsv, row {row}, column label" for row in range(2, 10)),
        *(f"test.tsv, row {row}, column 3" for row in (2, 3)),
    ]
    assert lines[11:] == ["  ... and 3 more"]


def test_a_run_records_what_was_counted_and_says_it_first(tmp_path, tiny_checkpoint, capsys):
    path = place(tmp_path / "d", {"own.tsv": tsv("x\tb\t-", "\tb\tneutral", header=" sentence1\tsentence2\tlabel")})
    data = ("--dataset", "own", "--data", str(path), *SIZES, "--train-examples", "4", "--epochs", "1")
    run = train(tmp_path / "results", tiny_checkpoint, *data)
    said = capsys.readouterr().err.splitlines()
    counts = {
        "own.tsv: column names stripped of spaces": 1,
        "own.tsv: pairs with an empty sentence dropped": 1,
        "own.tsv: unlabelled pairs dropped": 1,
    }
    found = record(run, "data")
    assert (found["name"], found["files"], found["counts"]) == ("own-own.tsv", {"train": "own.tsv"}, counts)
    places = [next(i for i, line in enumerate(said) if line.endswith(f"{what}: 1")) for what in counts]
    assert max(places) < next(i for i, line in enumerate(said) if "training pairs" in line), (
        "before anything is trained"
    )
    assert str(tmp_path) not in json.dumps(record(run, "config"))


def test_what_the_check_suggests_a_run_takes_as_it_is(tmp_path, capsys, monkeypatch):
    rows = [f"a {i}\tb {i}\t{label}" for i in range(20) for label in (0, 1, 2)]
    (tmp_path / "my pairs.tsv").write_text("\n".join(["text\tclaim\tverdict", *rows]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    flags = ["--columns", "premise=text,hypothesis=claim,label=verdict", "--overlap", "keep", "--train-examples", "7"]
    flags += ["--label-names", "entailment,neutral,contradiction", *SIZES]
    assert check.main(["my pairs.tsv", *flags]) == 0
    said = capsys.readouterr().out.splitlines()[-1].removeprefix("A run would take these pairs: ")
    assert said.startswith("--dataset own --data 'my pairs.tsv' ")
    assert parse_run(shlex.split(said)).config.data == check.parse_check(["my pairs.tsv", *flags])


def test_a_path_and_data_together_are_refused(capsys):
    assert check.main(["one.csv", "--data", "jl"]) == 2
    assert capsys.readouterr().err == "error: one.csv and --data jl: give one of them\n"


def test_help_imports_no_torch():
    code = "import sys\nfrom train.data.check import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    look = "print([m for m in ('torch', 'numpy', 'datasets', 'pyarrow') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code + look], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]" and "python -m train.data.check FOLDER" in shown
