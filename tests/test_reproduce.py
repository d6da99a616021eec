"""How to reproduce: the commands of a report name every step, and the arguments mean the runs that were made."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path

import pytest

from analysis.claims.judgement import Evidence
from analysis.compare import main
from analysis.records.study import open_study
from analysis.report.reproduce import STUDIES, commands
from tests.synthetic_runs import write_json, write_run
from train.benchmark.settings import Settings
from train.cli import parse_run
from train.config import RunConfig, to_record, with_setting
from train.pretrain.cli import parse_pretrain
from train.recipes import MASKED_LM, RECIPES
from train.study.plan import expand, read_study

RESULTS = Path(__file__).parent.parent / "results"


def lines(folder: Path) -> tuple[str, ...]:
    """The commands, without those that make room and say where the pairs lie."""
    first, *found = commands(open_study([folder], folder), Evidence())
    assert first == "mv results results-before", "else nothing would be made again"
    return tuple(line for line in found if not line.startswith("export "))


committed = cache(lines)
"""The same of folders that no test changes."""


def test_what_lies_beside_is_made_again_too(tmp_path: Path) -> None:
    for name in ("mnli-5k", "beside"):
        write_run(tmp_path / name, "scratch", 0, name="n5000-scratch-lr3e-04-seed0", steps=40)
    mine, other = (open_study([tmp_path / name], tmp_path / name) for name in ("mnli-5k", "beside"))
    growth = {name: [{"x": 1, "seconds": 1.0}] for name in ("examples", "sequence_length", "hidden_size")}
    measured = {"ours.train": {"examples_per_second": 80.0, "peak_memory_mb": 1000.0}}
    sizes = {"instructions": "avx2", "train_examples": 640, "batch_size": Settings().batch_size, "rounds": 6}
    record = {"schema_version": 1, "rounds": [{"measured": measured}], "growth": growth, "sizes": sizes}
    (tmp_path / "record.json").write_text(json.dumps(record))
    _, data, first, second, third, _ = commands(
        mine, Evidence(studies={"mnli-5k": mine, "beside": other}, benchmarks=[tmp_path])
    )
    assert data.startswith("export MNLI_DIR=FOLDER")
    assert first == "python -m train.study train/studies/mnli-5k.toml  # makes runs, too, that this report has not"
    assert second.startswith("python -m train.run --recipe minilm --study beside")
    flags = "--instructions avx2 --train-examples 640 --rounds 6"
    assert third == f"python -m train.benchmark {flags} --out results/{tmp_path.name}"


def set_config(run: Path, config: RunConfig) -> None:
    """The record's settings are these; its plan stays."""
    record = json.loads((run / "config.json").read_text())
    write_json(run / "config.json", {**record, **to_record(config)})


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_study_file_makes_the_runs_again(tmp_path: Path, path: Path) -> None:
    study = read_study(path)
    write_run(tmp_path / study.name, "scratch", 0, name=expand(study, {})[0].name, steps=40)
    made, report = lines(tmp_path / study.name)
    assert made.partition("  # ")[0] == f"python -m train.study train/studies/{path.name}"
    assert report == f"python -m analysis.compare results/{study.name}"


@pytest.mark.parametrize(("used", "flag"), [("bf16", " --precision bf16"), ("float32", "")])
def test_a_study_that_was_made_in_another_arithmetic_is_made_so_again(tmp_path: Path, used: str, flag: str) -> None:
    run = write_run(tmp_path / "mnli-5k", "scratch", 0, name="n5000-scratch-lr3e-04-seed0", steps=40)
    write_json(run / "config.json", json.loads((run / "config.json").read_text()) | {"precision": used})
    command, *_ = lines(tmp_path / "mnli-5k")[0].partition("  # ")
    assert command == f"python -m train.study train/studies/mnli-5k.toml{flag}"


def test_only_plans_with_runs_here_are_named_and_what_no_plan_has_is_a_command_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "mnli"
    for name in ("planned", "extra"):
        write_run(folder, "scratch", len(name), name=name, steps=40)
    (folder / "plans").mkdir()
    for stem, runs in (("mnli-core", ["planned", "to-come"]), ("length-pool", ["later"]), ("theirs", ["extra"])):
        write_json(folder / "plans" / f"{stem}.json", {"schema_version": 1, "runs": runs, "waiting": 0})
    study, run, report = lines(folder)
    assert study == "python -m train.study train/studies/mnli-core.toml  # makes runs, too, that this report has not"
    assert run.startswith("python -m train.run --recipe minilm --study mnli --name extra ")
    assert report == "python -m analysis.compare results/mnli"


def test_a_run_without_a_study_file_keeps_every_setting(tmp_path: Path) -> None:
    config = RECIPES["roberta-gradual"]
    for field, value in (
        ("init", "scratch"), ("seed", 3), ("head_init", "zero"), ("precision", "float32"), ("data.dataset", "own"),
        ("data.folder", "my pairs"), ("data.validation_examples", 7), ("data.test_examples", 8), ("export", False),
        ("optim.batch_size", 5), ("optim.warmup", 0.25), ("optim.learning_rate", None), ("stop.patience", 2),
        ("optim.learning_rates", {"scratch": 0.5}), ("freeze.layers", "2"), ("data.max_tokens", 99),
    ):  # fmt: skip
        config = with_setting(config, field, value)
    set_config(write_run(tmp_path / "my study", name="a run", steps=40), config)
    command, _ = lines(tmp_path / "my study")
    words = shlex.split(command)
    place = words.index("--study"), words.index("--name")
    assert words[:3] == ["python", "-m", "train.run"] and [words[i + 1] for i in place] == ["my study", "a run"]
    words[place[0] + 1], words[place[1] + 1] = "s", "r"  # a folder's name may be one that no run can be given
    assert parse_run(words[3:]).config == config


@pytest.mark.parametrize("named", [None, "mine"])
def test_before_runs_of_the_arm_mlm_come_its_weights(tmp_path: Path, named: str | None) -> None:
    for seed in (0, 1):
        run = write_run(tmp_path / "core", "mlm", seed, data={"folder": None}, steps=40)
        record = json.loads((run / "config.json").read_text())
        write_json(run / "config.json", {**record, "mlm": named})
    name = named or "mnli-5000"
    out = f"python -m train.pretrain --out results/mlm/{name}"
    assert lines(tmp_path / "core")[0] == f"{out}  # with settings that these records do not have"
    pretraining = with_setting(with_setting(MASKED_LM, "data.train_examples", 19_000), "precision", "bf16")
    (tmp_path / "mlm" / name).mkdir(parents=True)
    write_json(tmp_path / "mlm" / name / "config.json", {"schema_version": 1, **to_record(pretraining), "plan": {}})
    first, *others = lines(tmp_path / "core")
    assert first.startswith(out) and not any("train.pretrain" in line for line in others)
    assert parse_pretrain(shlex.split(first)[3:]).config == pretraining


def test_baselines_that_are_shown_have_their_command() -> None:
    folder = RESULTS / "mnli"
    found = [line for line in committed(folder) if "analysis.baselines" in line]
    sizes = "--train-examples 500 2000 5000 19000"
    data = "--dataset mnli --validation-examples 500"
    assert found == [f"python -m analysis.baselines {data} {sizes} --out results/mnli"]


def test_what_was_looked_up_in_the_models_has_its_commands() -> None:
    found = [line for line in committed(RESULTS / "mnli") if "analysis.probes" in line]
    assert found == [f"python -m analysis.probes.{each} results/mnli" for each in ("gradients", "quote")]
    assert not [line for line in committed(RESULTS / "mnli-5k") if "analysis.probes" in line]


@pytest.mark.parametrize("name", ["controlled", "mnli", "mnli-5k", "seed-recipes"])
def test_the_committed_runs_are_all_in_a_study_file(name: str) -> None:
    folder = RESULTS / name
    assert not [line for line in committed(folder) if "train.run" in line]
    weights = (
        "python -m train.pretrain --out results/mlm/controlled-3000 --train-examples 3000 --set optim.length_pool=50"
    )
    assert (committed(folder)[0] == weights) == (name == "controlled")


def test_the_report_ends_with_the_commands(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path / "mine", init, 0, hide="premise", steps=40)
    assert main([str(tmp_path / "mine")]) == 0
    shown = (tmp_path / "mine" / "report.md").read_text().split("```sh\n")[1].split("```")[0].splitlines()
    assert tuple(shown[2:]) == lines(tmp_path / "mine") and "MNLI_DIR" in shown[1]
    assert len(shown) == 5 and sum("--hide premise" in line for line in shown) == 2


@pytest.mark.parametrize(("name", "needed"), [("mnli-tsv", True), ("mnli-hub", False), ("controlled", False)])
def test_pairs_in_a_folder_are_asked_for_first(tmp_path: Path, name: str, needed: bool) -> None:
    run = write_run(tmp_path / "mine", steps=40)
    write_json(run / "data.json", json.loads((run / "data.json").read_text()) | {"name": name})
    found = commands(open_study([tmp_path / "mine"], tmp_path / "mine"), Evidence())
    assert found[1].startswith("export MNLI_DIR=") == needed and not any("export" in line for line in found[2:])
