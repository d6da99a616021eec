"""The report on the seed report's recipes: the records' numbers, the same bytes again, and records that do not fit."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.claims.findings import find
from analysis.compare import main as compare
from analysis.recipes import main
from analysis.records.seed_report import SYSTEMS
from analysis.records.study import open_study
from analysis.report.sections import sections
from analysis.tables.document import Block, Paragraph, Plot, Table
from models.errors import command
from tests.browser import OURS, TOO_WIDE, Browser, look_at
from tests.payloads import PAYLOADS
from tests.recipe_runs import FLAT, FULL, GRADUAL, PAIRS, write_recipe
from tests.report_text import Tags, number, outputs, section, table
from tests.synthetic_runs import edit, write_run

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three systems with both inits and an unfinished run, its texts written to do harm, and its report."""
    folder = tmp_path_factory.mktemp("results") / "seed-recipes"
    texts = iter(PAYLOADS * 2)
    for name in SYSTEMS.values():
        for end in ("-as-reported", ""):
            for init, losses in (("scratch", [1.1] * 20), ("pretrained", [1.1, 0.9, 0.8])):
                text, right = next(texts), 300 - 10 * len(losses)
                test = np.linspace(0.34, 0.6, len(losses) + 1).tolist()
                curves = {"losses": losses, "test": test, "right": right, "last": 0.55, "best": len(losses) - 1}
                write_recipe(
                    folder,
                    f"{name}{end}",
                    init,
                    **curves,
                    reason=text,
                    name=f"{init}{name}{end} {text}".replace("/", " "),
                )
    edit(write_run(folder, "scratch", 0, name="later", finished=False) / "config.json", recipe=FULL)
    assert main([str(folder)]) == 0
    return folder


def test_the_tables_have_the_records_numbers_beside_the_seed_reports(study: Path) -> None:
    part = section((study / "report.md").read_text(), GRADUAL)
    rows = table(part, f"{GRADUAL}: accuracy before any update")
    assert [(row["recipe"], row["arm"], row["epochs"]) for row in rows] == [
        ("the seed report's own", "pretrained", "24"),
        ("as reported", "scratch", "20"),
        ("as reported", "pretrained", "3"),
        ("corrected", "scratch", "20"),
        ("corrected", "pretrained", "3"),
    ]
    ends = [row["ended by"].split(":")[0] for row in rows]
    assert ends == ["its rule", "the limit", "its rule", "the limit", "its rule"]
    shown = [rows[0][key] for key in ("train before", "train after", "test before", "test after")]
    assert shown == ["0.3396", "0.9538", "0.3504", "0.7760"]
    low, high = stats.binomtest(270, PAIRS).proportion_ci(0.95, method="wilson")
    assert rows[2]["test after"] == f"{270 / PAIRS:.4f}"
    assert rows[2]["95% interval over test pairs"] == f"{low:.3f} to {high:.3f}"


def test_the_report_says_what_is_different_on_purpose_and_what_is_missing(study: Path) -> None:
    report = (study / "report.md").read_text()
    rows = {(row["setting"], row["recipe"]): row["here"] for row in table(report, "Settings that are not the recipe's")}
    assert rows == {
        ("checkpoint", "distilbert"): "minilm",
        ("checkpoint", "roberta"): "minilm",
        ("optim.max\\_epochs", "None"): "20",
        ("precision", "float32"): "bf16",
        ("precision", "fp16"): "bf16",
        ("precision", "auto"): "bf16",
    }
    assert "a run that no rule had ended was cut after 20" in report
    assert "3,000 pairs are set aside for validation" in report
    assert "All six recipes have run with both inits. Left out, not finished: later." in report
    taken = {row["seconds of training"] for row in table(section(report, "Runs"), "Runs")}
    assert taken == {"40", "6.0"}, "of 20 and of 3 epochs: below ten seconds with a decimal"
    assert "Not run: distilbert and roberta, the seed report's own checkpoints" in report.split("\n## ")[0]
    costs = table(section(report, "What choosing by training loss costs"), "Other choices")
    assert len(costs) == 3 * 2 * 3
    assert number(costs[0]["difference in points"]) == pytest.approx(55 - 100 * 100 / PAIRS)


def test_the_same_records_give_the_same_bytes(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other pläce" / study.name
    shutil.copytree(study / "runs", copy / "runs")
    surroundings = {"PYTHONHASHSEED": "7", "LC_ALL": "C", "PATH": "", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "analysis.recipes", str(copy)]
    subprocess.run(command, cwd=ROOT, env=surroundings, check=True, capture_output=True)
    assert outputs(copy) == outputs(study)
    assert len(outputs(study)) == 2 + 2 * 4
    assert all(str(study).encode() not in content for content in outputs(study).values())


def test_the_page_is_inert_and_fits_the_screen(browser: Browser, study: Path) -> None:
    page = study / "report.html"
    seen = look_at(browser, [page, *sorted(study.glob("figures/*.svg"))])
    assert (seen.messages, seen.handlers) == ([], [])
    assert seen.tags <= OURS
    assert all(payload in seen.text for payload in PAYLOADS)
    assert "style" not in Tags(page.read_text()).attributes
    for width in (390, 1280):
        browser.open(page, width)
        assert browser.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert browser.ask(TOO_WIDE) == []


def beside_blocks(mine: Path, *others: Path) -> tuple[Block, ...]:
    """What the main report shows beside the seed report; its figures need not be drawn."""
    findings = find(open_study([mine], mine), [open_study([other], other) for other in others])
    plots = defaultdict(lambda: Plot(name="any", alt="", caption="", svg=""))
    (found,) = (part for part in sections(findings, plots) if part.heading == "Beside the seed report")
    return found.blocks


def test_the_main_report_shows_the_outcomes_of_a_study_beside_it_alone(study: Path, tmp_path: Path) -> None:
    for name in ("mine", "other"):
        for init in ("scratch", "pretrained"):
            write_run(tmp_path / name, init, 0, steps=20)
    alone = beside_blocks(tmp_path / "mine")
    assert beside_blocks(tmp_path / "mine", tmp_path / "other") == alone
    *others, outcomes, text = beside_blocks(tmp_path / "mine", tmp_path / "other", study)
    assert tuple(others) == alone
    assert isinstance(outcomes, Table) and len(outcomes.rows) == 3 * 5
    assert ("roberta-full", "as reported", "pretrained", "3") in [row[:4] for row in outcomes.rows]
    assert isinstance(text, Paragraph) and "agree with its curves in" in text.text
    assert "These are other weights than the report's, so its curves are no target." in text.text
    assert text.text.endswith("results/seed-recipes/report.md.")


def test_compare_names_the_command_for_runs_of_several_recipes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare([str(study)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(command("analysis.recipes", study))


def change(path: Path, dotted: str, value: Any) -> None:
    """One value of a JSON record is another."""
    record = json.loads(path.read_text())
    *above, last = dotted.split(".")
    inner = record
    for name in above:
        inner = inner[name]
    inner[last] = value
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("name", "dotted", "value", "message"),
    [
        ("config", "recipe", "minilm", "recipe minilm is none of the seed report's"),
        ("config", "evaluation.watched", "all", "evaluation.watched should count the pairs"),
        ("config", "seed", 1, "runs of seeds 0, 1"),
        ("config", "data.max_tokens", 8, "differ in more than recipe and init: setting (data.max_tokens)"),
        ("certificate", "head_sha256", "f" * 64, "differ in more than recipe and init: head tensors"),
        ("summary", "best.epoch", 1e9, "best.epoch 1e+09 is none of its 1 epochs"),
        ("summary", "epochs", 1.5, "1 epochs, where summary.json has 1.5"),
        ("summary", "evaluations.last", None, "evaluations.last.train.accuracy is no accuracy"),
        ("summary", "evaluations.last.test.accuracy", 1.2, "evaluations.last.test.accuracy is no accuracy"),
        ("summary", "evaluations.after.test.examples", -3, "not the -3 test pairs of summary.json"),
        ("config", "init", "scratch", "are the same recipe and init; leave one out"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, dotted: str, value: Any, message: str
) -> None:
    for init in ("scratch", "pretrained"):
        run = write_recipe(tmp_path, f"{FULL}-as-reported", init, **FLAT)
    change(run / f"{name}.json", dotted, value)
    assert main([str(tmp_path)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "metrics.jsonl",
            '"watched_test"',
            '"test"',
            "no accuracy of watched_test at step 0 and after each of 1 epochs",
        ),
        ("metrics.jsonl", '"accuracy": 0.4', '"accuracy": 4', "no accuracy of validation at step 0"),
        ("predictions.csv", "test,pair-7,", "other,pair-7,", "predictions.csv: not the 400 test pairs"),
        ("predictions.csv", "test,pair-7,", "test,pair-x,", "has other items than"),
    ],
)
def test_curves_and_predictions_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, message: str
) -> None:
    for init in ("scratch", "pretrained"):
        run = write_recipe(tmp_path, f"{FULL}-as-reported", init, **FLAT)
    (run / name).write_text((run / name).read_text().replace(old, new))
    assert main([str(tmp_path)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_what_is_no_study_is_wrong_usage_and_help_needs_no_plotting(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path)])
    assert stop.value.code == 2
    code = "import sys, analysis.recipes; print({'numpy', 'matplotlib', 'torch'} & set(sys.modules))"
    quick = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert quick.stdout == "set()\n"
