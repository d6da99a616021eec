"""Every command of the README is one that works: `python -m` lines are run at tiny size, `make` lines name a target."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from models import errors
from tests.running import TINY
from tests.torture.story import program
from train.data.pairs import LABELS

ROOT = Path(__file__).parent.parent
REPORTS = ("mnli", "mnli-5k", "arms")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line
]
TINY_FLAGS = {
    "train.run": ("--checkpoint", "TINY", *TINY),
    "train.pretrain": ("--checkpoint", "TINY", "--train-examples", "96", "--max-tokens", "64", "--max-steps", "2"),
    "train.study": ("--dry-run",),
    "analysis.coverage": ("--repeats", "1"),
    "analysis.baselines": ("--train-examples", "96"),
    "train.data.check": ("--validation-examples", "48"),
}
"""What makes a command small; the last value of a flag wins."""
NOT_RUN = {
    "train.benchmark": "tests/test_benchmark_round.py runs it at tiny size, which takes 40 seconds",
    "analysis.recipes": "needs the runs of train/studies/seed-recipes.toml; tests/test_recipe_report.py makes some",
    "analysis.speed": "needs the benchmark's record; tests/test_benchmark_round.py draws it",
}
"""Module -> why its line is not run here. The lines of train.study show their plan alone: the runs take hours."""


def module_of(command: str) -> str | None:
    words = shlex.split(command)
    return words[2] if words[:2] == [".venv/bin/python", "-m"] else None


def test_every_number_of_the_answer_stands_in_a_report():
    answer, _, _ = README.partition("\n![")
    report = "".join((ROOT / f"results/{name}/report.md").read_text(encoding="utf-8") for name in REPORTS)
    found = re.findall(r"\d\.\d{3}", answer)
    assert len(found) >= 8
    assert not [number for number in found if number not in report]


def test_the_main_report_has_what_the_readme_says_that_it_has():
    """All numbers of the answer but the table's and the gain that the arms' report divides."""
    answer, _, _ = README.partition("\n![")
    told = "\n".join(line for line in answer.splitlines() if not line.startswith("|"))
    main, arms = ((ROOT / f"results/{name}/report.md").read_text(encoding="utf-8") for name in ("mnli", "arms"))
    missing = {number for number in re.findall(r"\d\.\d{2,3}", told) if number not in main}
    assert missing == {"0.245"} and "0.245" in arms


def test_every_row_of_the_gap_is_that_of_its_report():
    rows = re.findall(
        r"results/([\w-]+)/report\.md\)\) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \(([\d.]+) to ([\d.]+)\)", README
    )
    assert [name for name, *_ in rows] == list(REPORTS)
    for name, scratch, pretrained, gap, low, high in rows:
        answer, _, _ = (ROOT / f"results/{name}/report.md").read_text(encoding="utf-8").partition("\n## ")
        assert f"mean test accuracy is {scratch} for scratch" in answer and f"{pretrained} for pretrained" in answer
        assert f"Pretrained minus scratch is {gap}, 95% interval over seeds and items {low} to {high}" in answer


def test_every_verdict_is_that_of_the_report():
    report = (ROOT / "results/mnli/report.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| (C\d+): [^|]* \| ([A-Za-z ]+) \|", README, re.M)
    assert [claim for claim, _ in said] == [f"C{number}" for number in range(1, 14)]
    for claim, verdict in said:
        assert re.search(rf"^\| {claim} \| [^|]* \| {verdict}\b", report, re.M), claim


def test_messages_call_python_as_it_does(monkeypatch, tmp_path):
    """From the folder above .venv by its relative path, from anywhere else by one that starts it there, too."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert errors.command("train.run", "--init", "mlm") in COMMANDS
    monkeypatch.undo()
    shown = subprocess.run(shlex.split(errors.command("train.run", "--help")), cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0 and shown.stdout.startswith("usage:")


def test_every_line_is_make_or_python():
    assert COMMANDS[:2] == ["make quickstart", "make test"], "the first two commands are the set-up"
    for command in COMMANDS:
        assert module_of(command) or shlex.split(command)[0] == "make", command
    assert set(NOT_RUN) <= {module_of(command) for command in COMMANDS}, "an exception without a line"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_make_lines_name_a_target(command):
    shown = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder to type in, with the study files where the README has them."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "studies").symlink_to(ROOT / "train" / "studies")
    rows = [f"a dog sleeps {i} .\ta dog rests {i} .\t{label}\tfiction" for i in range(60) for label in LABELS]
    for file, chosen in (("train.tsv", rows), ("dev_matched.tsv", [row.replace("dog", "cat") for row in rows])):
        text = "\n".join(["sentence1\tsentence2\tlabel\tgenre", *chosen]) + "\n"
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNLI_DIR", raising=False)
    return tmp_path


def test_python_lines_run_in_the_order_of_the_readme(place, tiny_checkpoint, capsys):
    stand_ins = {"DIR": str(place), "FOLDER": str(tiny_checkpoint), "TINY": str(tiny_checkpoint)}
    for command in COMMANDS:
        module = module_of(command)
        if module is None or module in NOT_RUN:
            continue
        words = shlex.split(command)[3:]
        if "--resume" in words:  # it is finished by now; take its end back
            Path(words[words.index("--resume") + 1], "summary.json").unlink()
            words += ["--checkpoint", "TINY"]
        else:
            words += TINY_FLAGS.get(module, ())
        arguments = [stand_ins.get(word, word) for word in words]
        code = program(module)(arguments)
        assert not code, f"{command}: {capsys.readouterr().err}"


def test_the_readmes_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_its_tree_names_what_is_there():
    tree = re.search(r"^```\nmodels/.*?^```", README, re.DOTALL | re.MULTILINE)
    assert tree
    folder = ROOT
    for line in tree[0].splitlines()[1:-1]:
        name = line.split()[0]
        if not line.startswith(" "):
            folder = ROOT / name
        else:
            assert (folder / name).exists(), f"{folder.name}/{name}"
        for other in re.findall(r"\b\w+\.py\b", line):
            assert (folder / other).exists(), f"{folder.name}/{other}"
