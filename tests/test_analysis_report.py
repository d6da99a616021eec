"""The report: right numbers, the same bytes from the same records, and records that stay inert."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.compare import main
from tests.payloads import PAYLOADS
from tests.report_text import Tags, outputs
from tests.synthetic_runs import edit, write_run

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for init in ("scratch", "pretrained"):
        for seed in (0, 1):
            write_run(folder, init, seed)
    write_run(folder, "scratch", 2, finished=False)
    assert main([str(folder)]) == 0
    return folder


def test_both_reports_carry_the_mean_test_accuracy(study: Path) -> None:
    from analysis.records.runs import load_study

    runs, _ = load_study([study])
    mean = sum(run.accuracy("test") for run in runs if run.init == "pretrained") / 2
    for name in ("report.md", "report.html"):
        assert f"{mean:.3f} for pretrained (2 seeds" in (study / name).read_text()


def test_every_figure_is_written_and_shown(study: Path) -> None:
    markdown, page = (study / "report.md").read_text(), (study / "report.html").read_text()
    names = {path.stem for path in (study / "figures").glob("*.png")}
    assert names == {path.stem for path in (study / "figures").glob("*.svg")}
    assert names == set(re.findall(r"!\[[^\]]+\]\(figures/(\w+)\.png\)", markdown))
    assert len(re.findall(r'<svg [^>]*role="img"[^>]*aria-label="[^"]', page)) == len(names) == 12


def test_the_unfinished_run_is_named(study: Path) -> None:
    assert "Not finished, left out: scratch-seed2." in (study / "report.html").read_text()


def test_the_same_records_give_the_same_bytes(study: Path, tmp_path: Path) -> None:
    """Elsewhere, in another order, under another locale, hash seed, clock zone and matplotlibrc."""
    copy = tmp_path / "other pläce" / study.name
    shutil.copytree(study / "runs", copy / "runs")
    (tmp_path / "matplotlibrc").write_text("axes.titleweight: bold\nlines.marker: x\n")
    surroundings = {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "PYTHONHASHSEED": "7", "TZ": "UTC-14"}
    surroundings |= {"LC_ALL": "C", "PATH": "", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    order = sorted(copy.glob("runs/*"), reverse=True)
    command = [sys.executable, "-m", "analysis.compare", *map(str, order)]
    subprocess.run(command, cwd=ROOT, env=surroundings, check=True, capture_output=True)
    assert outputs(copy) == outputs(study)


def test_every_run_leads_to_its_record_from_its_own_study_alone(study: Path, tmp_path: Path) -> None:
    records = sorted(f"runs/{path.parent.name}/summary.json" for path in study.glob("runs/*/summary.json"))
    assert main([str(study), "--out", str(tmp_path)]) == 0
    for name, pattern in (("report.md", r"\]\((runs/[^)]*)\)"), ("report.html", r'href="(runs/[^"]*)"')):
        assert sorted(re.findall(pattern, (study / name).read_text())) == records
        assert "/summary.json)" not in (tmp_path / name).read_text()
        assert not re.findall(r'href="[^#]', (tmp_path / name).read_text())


def test_every_table_and_figure_names_records_that_are_there(study: Path) -> None:
    parts = (study / "report.md").read_text().split("\n\n")
    shown = [place for place, part in enumerate(parts) if part.startswith(("|", "!["))]
    assert len(shown) > 20
    for place in shown:
        source = re.search(r"(?:^| )From ([^ ]+(?:, [^ ]+)*)\.$", parts[place + 1])
        assert source, parts[place]
        for pattern in source[1].replace("\\", "").split(", "):
            assert any(study.glob(pattern)) or any(ROOT.glob(pattern)), pattern


def test_no_path_of_this_machine_is_written(study: Path) -> None:
    for name, content in outputs(study).items():
        assert str(study).encode() not in content, name
        assert b"/home/" not in content
        assert b"matplotlib.org" not in content, name


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_the_page_runs_its_own_script_alone_and_loads_nothing(study: Path) -> None:
    page = (study / "report.html").read_text()
    seen = Tags(page)
    assert not seen.tags & {"iframe", "img", "link", "object", "form", "base"}
    assert "style" not in seen.attributes
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert len(seen.ids) == len(set(seen.ids))
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    sources = f"default-src 'none'; style-src '{digest(css)}'; script-src '{digest(script)}'"
    assert f"content=\"{sources}; base-uri 'none'; form-action 'none'\"" in page
    assert page.count("<style") == page.count("<script") == 1
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function", script)


def test_names_in_records_stay_inert(tmp_path: Path) -> None:
    run = write_run(tmp_path, "scratch", 0, groups=(*PAYLOADS, "a|b", "$x_1$ $", "`c`"))
    edit(run / "config.json", init="<script>alert(1)</script>", recipe="```\n<script>alert(1)</script>")
    assert main([str(tmp_path)]) == 0
    seen = Tags((tmp_path / "report.html").read_text())
    assert not seen.tags & {"iframe", "img"}
    assert not [name for name in seen.attributes if name.startswith("on")]
    markdown = (tmp_path / "report.md").read_text()
    prose, command = markdown.split("```sh")[0], markdown.split("```sh")[1]
    assert "<script" not in prose
    assert command.count("```") == 1


def test_a_pipe_does_not_break_a_markdown_table(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    splits = {"train": {"examples": 1}, "x|y": {"examples": 1, "labels": {"p|q": 1}}}
    data = {"name": "a|b", "splits": splits, "tokens": {}}
    edit(run / "data.json", **data)
    assert main([str(tmp_path)]) == 0
    assert r"| x\|y | 1 | n/a | p\|q 1 |" in (tmp_path / "report.md").read_text()


def test_one_run_of_one_arm_is_enough_for_a_report(tmp_path: Path) -> None:
    run = write_run(tmp_path, "mlm")
    (run / "predictions.csv").unlink()
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert "(1 seed, 95% interval over test items" in (tmp_path / "out/report.md").read_text()


def test_the_seed_report_is_quoted_as_its_own() -> None:
    from analysis.records.seed_report import seed_curves

    curves = seed_curves()
    assert {name: len(curve["epoch"]) for name, curve in curves.items()} == {
        "distilbert-frozen": 47,
        "roberta-full": 8,
        "roberta-gradual": 24,
    }
    assert curves["roberta-full"]["test_accuracy"][-1] == 0.7838


def test_exit_codes_and_one_line_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "one")
    other = write_run(tmp_path / "two")
    (run / "metrics.jsonl").write_text("{\n")
    assert main([str(run)]) == 3
    assert main([str(tmp_path / "runs/nowhere\x1b[2J")]) == 3
    assert main([str(tmp_path / "loose")]) == 3
    assert main([str(other), "--beside", str(tmp_path)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[2:] == [
        f"error: {path}: no such run directory or study folder" for path in (tmp_path / "loose", tmp_path)
    ]
    assert all(line.startswith("error: ") and "\x1b" not in line for line in lines)
    for usage in (
        [],
        [str(run), str(other)],
        [str(other), "--out", str(run / "config.json")],
    ):
        with pytest.raises(SystemExit) as stop:
            main(usage)
        assert stop.value.code == 2


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "study")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "study/report.md").symlink_to(victim)
    assert main([str(run)]) == 0
    assert victim.read_text() == "untouched"
    shutil.rmtree(tmp_path / "study/figures")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study/figures").symlink_to(tmp_path / "elsewhere")
    assert main([str(run)]) == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_help_needs_no_plotting_and_the_report_no_torch() -> None:
    code = "import sys, analysis.compare; print('numpy' in sys.modules, 'matplotlib' in sys.modules)"
    quick = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert quick.stdout == "False False\n"
    code = "import sys, analysis.report.build; print({'torch', 'datasets', 'tokenizers'} & set(sys.modules))"
    light = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert light.stdout == "set()\n"


def test_a_run_shorter_than_an_epoch_and_without_probes_is_reported(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"epoch", "step"' not in line and "probe_" not in line]
    (run / "metrics.jsonl").write_text("".join(kept))
    assert len(kept) < len(lines) - 4
    assert main([str(tmp_path)]) == 0
    assert "(validation, 1 in a row)" in (tmp_path / "report.md").read_text()
