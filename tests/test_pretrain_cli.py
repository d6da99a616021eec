"""The command line of masked-language-model training: what it refuses, where it writes, and what it does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import UserError
from train.cli import parse_run
from train.pretrain.cli import parse_pretrain


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("init=pretrained", "init"),
        ("freeze.layers=all", "freeze"),
        ("evaluation.probes=3", "evaluation"),
        ("data.hide=premise", "data.hide"),
        ("depth=3", "depth"),
        ("export=false", "export"),
    ],
)
def test_what_has_no_meaning_here_is_refused(setting: str, named: str) -> None:
    with pytest.raises(UserError, match=f"^{named} cannot be set"):
        parse_pretrain(["--set", setting])


def test_help_imports_no_torch() -> None:
    code = "import sys\nfrom train.pretrain.command import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    check = "print([m for m in ('torch', 'numpy', 'tokenizers', 'datasets') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_run_and_pretrain_mean_the_same_folder() -> None:
    flags = ["--dataset", "mnli", "--train-examples", "5000"]
    assert parse_pretrain(flags).directory == parse_run([*flags, "--init", "mlm"]).config.mlm_folder
    assert parse_pretrain([]).directory == Path("results/mlm/controlled-all")
