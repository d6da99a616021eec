"""The command line: quick help, one table of flags, clear refusals."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys

import pytest
import torch

from models.errors import UserError
from train.cli import parse_run, recorded_config, value_of
from train.commands import toml_value
from train.config import RunConfig, from_record, to_record, with_setting
from train.flags import FLAGS, SWITCHES
from train.guard import guard
from train.kinds import completed
from train.plan import plan_run
from train.recipes import RECIPES


def test_help_imports_no_torch():
    code = (
        "import sys\nfrom train.cli import parse_run\ntry:\n    parse_run(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'datasets', 'tokenizers', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
    assert "python -m train.run --init scratch" in shown


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_flag_changes_nothing_of_the_recipe(recipe):
    assert parse_run(["--recipe", recipe]).config == RECIPES[recipe]


def test_every_flag_reaches_its_own_field():
    values = {int: "3", float: "0.25", str: "x"}
    special = {"--dataset": "mnli", "--hide": "premise", "--head-init": "zero", "--freeze": "all"}
    special |= {"--init": "scratch", "--precision": "bf16", "--max-tokens": "99"}
    special |= {"--columns": "label=x", "--label-names": "neutral,entailment,contradiction", "--overlap": "drop"}
    for flag, path, kind, _ in FLAGS:
        changed = parse_run([flag, special.get(flag, values[kind])]).config
        before, after = (dict(_leaves(to_record(c))) for c in (RECIPES["minilm"], changed))
        assert {p for p in after if after[p] != before.get(p)} == {path}, flag


@pytest.mark.parametrize(("switch", "path", "value"), [entry[:3] for entry in SWITCHES])
def test_every_switch_sets_its_own_field(switch, path, value):
    assert parse_run([switch]).config == with_setting(RECIPES["minilm"], path, value) != RECIPES["minilm"]


def _leaves(record: dict, prefix: str = ""):
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_a_file_then_set_then_flags(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('init = "scratch"\n[optim]\nepochs = 7\nwarmup = 0.5\nweight_decay = 0.3\n')
    config = parse_run(["--config", str(path), "--set", "optim.warmup=0.2", "--epochs", "9"]).config
    assert (config.init, config.optim.weight_decay, config.optim.warmup, config.optim.epochs) == (
        "scratch",
        0.3,
        0.2,
        9,
    )


def test_a_configuration_survives_its_record():
    config = dataclasses.replace(RECIPES["minilm"], seed=5)
    assert from_record(RunConfig, to_record(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "0"}, "seed = '0': expected a whole number"),
        ({"seed": True}, "seed = True: expected a whole number"),
        ({"data": 5}, "data = 5: expected a table"),
        ({"optim": {"epochs": "four"}}, "optim.epochs = 'four': expected a whole number"),
        ({"optim": {"beta3": 0.9}}, "unknown setting optim.beta3"),
        ({"init": None}, "init = None: expected text"),
    ],
)
def test_a_damaged_record_is_one_clear_line(tmp_path, change, message):
    (tmp_path / "config.json").write_text(json.dumps({"init": "scratch"} | change))
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'config.json'}: {message}")):
        recorded_config(tmp_path)


@pytest.mark.parametrize("record", [[], {}, "text", None])
def test_what_is_no_run_s_record_has_no_defaults(tmp_path, record):
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="no run to resume"):
        recorded_config(tmp_path)


@pytest.mark.parametrize("flags", [["--study", ""], ["--recipe", ""]])
def test_an_empty_value_is_not_the_usual_one(flags):
    with pytest.raises(UserError, match="''"):
        parse_run(flags)


@pytest.mark.parametrize("flag", ["recipe", "results", "study", "name"])
def test_where_a_run_is_cannot_be_said_twice(flag):
    with pytest.raises(UserError, match=f"--{flag} does not go with --resume: the run has its own"):
        parse_run(["--resume", "results/s/runs/r", f"--{flag}", "minilm"])


def test_what_a_field_can_hold_is_taken():
    pairs = {"optim.weight_decay": 0, "optim.epochs": 3, "data.train_examples": None, "export": False}
    pairs |= {
        "init": "bottom-1",
        "freeze.layers": "2",
        "optim.learning_rate": None,
        "optim.learning_rates": {"scratch": 0.5, "mlm": 0.1},
    }
    flags = [f"--set={path}={toml_value(value)}" for path, value in pairs.items()]
    found = parse_run(flags).config
    assert {path: value_of(found, path) for path in pairs} == pairs


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset", "snli"], "dataset 'snli' is not one of controlled, mnli, own"),
        (["--recipe", "gpt"], "recipe 'gpt' is not one of minilm"),
        (["--epochs", "0"], "epochs is 0, must be at least 1"),
        (["--warmup", "1.5"], "warmup is 1.5, must be a share"),
        (["--learning-rate", "nan"], "learning_rate is nan"),
        (["--hide", "both"], "hide 'both' is not premise or hypothesis"),
        (["--freeze", "some"], "freeze 'some' is not none, all or a number"),
        (["--precision", "int8"], "precision 'int8' is not one of"),
        (["--set", "optim.beta3=1"], "unknown setting 'optim.beta3'"),
        (["--set", "optim.weight_decay=abc"], "optim.weight_decay = 'abc': expected a number"),
        (["--set", "freeze.layers=2"], "freeze.layers = 2: expected text (in quotes"),
        (["--set", "optim.epochs=1.5"], "optim.epochs = 1.5: expected a whole number"),
        (["--set", "optim.epochs=true"], "optim.epochs = True: expected a whole number"),
        (["--set", "data.train_examples=64.5"], "data.train_examples = 64.5: expected a whole number or none"),
        (["--set", "export=no"], "export = 'no': expected true or false"),
        (["--set", "export=0"], "export = 0: expected true or false"),
        (["--set", "seed=none"], "seed = None: expected a whole number"),
        (["--set", "optim=3"], "optim = 3: expected a table"),
        (["--set", "optim.learning_rates={scratch = '1'}"], "expected a table"),
        (["--set", "optim.beta1"], "write FIELD=VALUE"),
        (["--config", "gone.toml"], "gone.toml"),
        (["--name", "../up"], "use letters, digits"),
        (["--study", "a/b"], "use letters, digits"),
        (["--seed", "-1"], "seed is -1"),
        (["--set", "optim.beta1=1.5"], "beta1 is 1.5"),
        (["--set", "optim.beta2=1.0"], "beta2 is 1.0"),
        (["--set", "optim.eps=0.0"], "eps is 0.0"),
    ],
)
def test_what_cannot_work_is_refused_in_a_line(flags, message):
    with pytest.raises(UserError) as error:
        parse_run(flags)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_missing_rate_is_said_before_training():
    with pytest.raises(UserError, match="no learning rate for --init scratch: give --learning-rate"):
        plan_run(RunConfig(init="scratch"), 100)


def test_errors_leave_as_a_line_and_a_code(capsys):
    def fail(_argv: list[str] | None) -> None:
        raise UserError("no such thing")

    assert guard(fail)([]) == 2
    assert capsys.readouterr().err == "error: no such thing\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space\x1b left", "out.json"), 3, "No space\\x1b left: 'out.json'"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee the manual"), 1, "--batch-size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 1, "--accumulation"),
        (MemoryError(), 1, "out of memory"),
    ],
)
def test_what_the_machine_lacks_leaves_as_a_line_too(capsys, error, code, said):
    def fail(_argv: list[str] | None) -> None:
        raise error

    assert guard(fail)([]) == code
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and said in shown and shown.count("\n") == 1 and "\x1b" not in shown


def test_a_defect_keeps_its_traceback():
    def fail(_argv: list[str] | None) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        guard(fail)([])


def test_interruption_leaves_as_130():
    def stop(_argv: list[str] | None) -> None:
        raise KeyboardInterrupt

    assert guard(stop)([]) == 130


@pytest.mark.parametrize(
    ("examples", "batch", "accumulation", "epochs", "expected"),
    [(100, 32, 1, 4, 16), (96, 32, 1, 4, 12), (100, 8, 4, 2, 8), (1, 32, 1, 1, 1)],
)
def test_steps_by_hand(examples, batch, accumulation, epochs, expected):
    optim = {"batch_size": batch, "accumulation": accumulation, "epochs": epochs, "learning_rate": 0.1}
    plan = plan_run(from_record(RunConfig, {"optim": optim}), examples)
    assert plan.steps == expected
    assert plan.probe_steps[-1] == expected


def test_a_record_from_before_a_setting_existed_has_the_value_that_was_then_the_only_one():
    new = to_record(RunConfig())
    old = {**new, "optim": {name: value for name, value in new["optim"].items() if name != "length_pool"}}
    assert completed(old)["optim"]["length_pool"] == 50 and completed(new) == new
    assert from_record(RunConfig, completed(old)).optim.length_pool == 50 != RunConfig().optim.length_pool
    assert completed({"recipe": "minilm"}) == {"recipe": "minilm"}, "what has no such section gets none"
