"""What the report says of the models' insides: what stands in the probes' records, and nothing without them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.compare import main
from analysis.figures.inside_figures import gradients
from analysis.figures.plots import house_style
from analysis.records.inside import TABLES, Hypothesis, read_hypotheses, read_probes
from analysis.records.runs import load_study
from analysis.report.inside_sections import fading_blocks, leaving_sentence, turning_sentence
from analysis.report.inside_tables import share_span
from tests.probe_records import ARMS, RECORDS, SPREAD
from tests.synthetic_runs import write_run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for init in ARMS:
        for seed in (0, 1):
            write_run(tmp_path, init, seed)
    return tmp_path


def put(study: Path, name: str, record: dict[str, Any]) -> Path:
    run = next((study / "runs").iterdir())
    sha256 = json.loads((run / "certificate.json").read_text())["data_sha256"]["test"]
    path = study / "probes" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"schema_version": 1, "data_sha256": {"test": sha256}, **record}))
    return path


def test_the_report_says_what_the_records_say(study: Path):
    for name, record in RECORDS.items():
        put(study, name, record)
    assert main([str(study)]) == 0
    for page in (study / "report.md", study / "report.html"):
        text = page.read_text()
        headings = (
            "Inference or shortcut?",
            "Where was the task learned?",
            "What does the loss look like",
            "gradients fade?",
        )
        numbers = [
            "0.179",
            "0.432",
            "0.358",
            "0.0246",
            "98%",
            "88%",
            "0.753",
            "321",
            "1.047",
            "0.087",
            "0.579",
        ]
        for expected in (*headings, *numbers, "\N{MINUS SIGN}0.61"):
            assert expected in text
        assert "1 held and 1 refuted of 5" in text
        assert "none decided of" in text
        assert all(each in text for each in ("0.864", "0.123 to 0.234"))
    text = (study / "report.md").read_text()
    assert "| n/a | n/a | n/a | not measured: needs three runs of each arm |" in text, "F2 is not left out"
    assert "| scratch | 0.100 | at least 0.2013 | n/a | 7 | seeds and directions |" in text, "no radii"
    assert text.count("| not in the run |") == 4, "two runs of gradients, two of the map"
    for name in RECORDS:
        drawn = (study / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert len(drawn) > 2_000 and "<image" not in drawn, "the page's policy lets no picture in"


def test_what_was_found_in_the_models_of_a_study_beside_is_shown_as_theirs(tmp_path: Path):
    for name in ("own", "beside"):
        write_run(tmp_path / name, "scratch", 0)
    put(tmp_path / "own", "gradients", RECORDS["gradients"])
    for name in ("gradients", "phases"):
        put(tmp_path / "beside", name, RECORDS[name])
    assert main([str(tmp_path / "own"), "--beside", str(tmp_path / "beside")]) == 0
    text = (tmp_path / "own" / "report.md").read_text()
    own, theirs = (
        text.split(f"## {heading}")[1].split("\n## ")[0] for heading in ("Where do grad", "Which scratch enc")
    )
    assert "From probes/gradients.json" in own and "beside" not in own
    assert "From probes" not in theirs and theirs.count("From results/beside/probes/phases.json") == 3
    assert "Looked into: the runs of results/beside" in theirs
    commands = text.split("```sh\n")[1]
    assert "analysis.probes.gradients results/own\n" in commands
    assert "analysis.probes.phases results/beside\n" in commands and "probes.phases results/own" not in commands


def test_an_interval_of_a_share_ends_with_it():
    assert share_span({"low": -0.1, "high": 1.2}) == "0.000 to 1.000"
    assert share_span({"low": math.nan, "high": math.nan}) == "n/a"
    assert share_span({"low": 0.25, "high": 0.5}) == "0.250 to 0.500"


def test_numbers_on_a_logarithmic_axis_are_readable(study: Path):
    """Figures show names as they are, so a tick written for a formula parser would show its source."""
    put(study, "gradients", RECORDS["gradients"])
    runs, _ = load_study([study])
    with house_style():
        figure = gradients(read_probes(study / "probes", runs)["gradients"])
        figure.draw_without_rendering()
        ticks = [tick.get_text() for axes in figure.axes for tick in axes.get_yticklabels(which="both")]
    assert "30" in ticks
    assert all(re.fullmatch(r"[\d.e+-]*", tick) for tick in ticks)


def test_fading_is_told_step_by_step_up_to_where_its_mean_ends(study: Path):
    scratch, pretrained = {20: (1, 2), 100: (3, 1), 120: (9, 1)}, {20: (1, 8), 100: (3, 3), 120: (1, 1)}
    norms = [
        {"arm": arm, "step": step, "part": part, "norm": norm}
        for arm, by_step in (("scratch", scratch), ("pretrained", pretrained))
        for step, ends in by_step.items()
        for part, norm in zip(("layer 1", "layer 10"), ends, strict=True)
    ]
    put(study, "gradients", RECORDS["gradients"] | {"norms": norms})
    runs, _ = load_study([study])
    inside = read_probes(study / "probes", runs)["gradients"]
    (said,) = fading_blocks(inside)
    assert "mean over runs that left the plateau: −1.39 at 20 and −1.10 at 100." in said.text
    assert "its sign" not in said.text and "pretrained left" not in said.text
    alone = [row for row in inside.tables["norms"] if row["arm"] == "scratch"]
    late = [row for row in inside.tables["norms"] if row["step"] > 100]
    for some in (alone, late):
        assert fading_blocks(replace(inside, tables={**inside.tables, "norms": some})) == []


def test_a_gap_that_turns_within_the_mean_is_told_and_when_the_plateau_was_left():
    assert turning_sentence({20: -0.5, 40: -0.1, 60: 1.5, 80: 2.0}).startswith(" At 20 and 40 its sign is not that of")
    assert turning_sentence({20: -0.5, 40: -0.1, 60: 0.3}).startswith(" At 60 its sign")
    rows = [("pretrained", 95.0), ("pretrained", 126.0), ("pretrained", math.inf), ("scratch", 20.0)]
    inside = SimpleNamespace(tables={"runs": [{"arm": arm, "left": left} for arm, left in rows]})
    assert leaving_sentence(inside) == " On the training probe pretrained left the plateau at steps 95 to 126."


def test_without_records_there_is_no_section(study: Path):
    assert main([str(study)]) == 0
    assert "shortcut" not in (study / "report.md").read_text()
    assert not (study / "figures" / "layers.svg").exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("shortcut", {"templates": [{"arm": "scratch"}]}, r"templates\[0\].shortcut should be a str, found null"),
        ("shortcut", {"conditions": {}}, "conditions should be a list of rows"),
        ("layers", {"examples": {"batch": "many"}}, "examples should be a table of numbers"),
        ("layers", {"schema_version": 2}, "schema_version 2, expected 1"),
        ("layers", {"data_sha256": {"test": "other"}}, "looked into other test pairs than those of"),
        ("layers", {"effects": [{"hypothesis": "X9", "difference": 0.1, **SPREAD}]}, "hypothesis X9 is not in"),
    ],
)
def test_a_record_that_is_not_right_is_refused(
    study: Path, name: str, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
):
    put(study, name, RECORDS[name] | change)
    assert main([str(study)]) == 3
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("expect", "low", "high", "verdict"),
    [
        ("above 0", 0.01, 0.2, "held"),
        ("above 0", -0.2, -0.01, "refuted"),
        ("above 0", -0.1, 0.2, "undecided"),
        ("below 0", -0.2, -0.01, "held"),
        ("below 0", 0.01, 0.2, "refuted"),
        ("below 0", float("nan"), float("nan"), "undecided"),
    ],
)
def test_a_hypothesis_holds_by_its_whole_interval(expect: str, low: float, high: float, verdict: str):
    assert Hypothesis(statement="", measure="", expect=expect).verdict(low, high) == verdict


def test_every_hypothesis_expects_a_side():
    registers = {probe: read_hypotheses(probe) for probe in TABLES}
    assert {each.expect for register in registers.values() for each in register.values()} == {"above 0", "below 0"}
    initials = {probe: {id[0] for id in register} for probe, register in registers.items()}
    assert initials == {
        **{"shortcut": {"S"}, "layers": {"L"}, "landscape": {"F"}, "views": set(), "gradients": {"G"}, "phases": {"P"}}
    }
