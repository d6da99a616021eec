"""What people wrote stays text: in the page as a real browser reads it, in figures, and on the terminal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from jinja2 import Environment

from analysis.compare import main
from analysis.probes.quote import main as quote
from tests.browser import CALLED, OURS, TOO_WIDE, Browser, Seen, look_at
from tests.payloads import PAYLOADS
from tests.running import train
from tests.synthetic_runs import edit, write_run
from train.data.controlled import load_controlled
from train.progress import say
from train.run import main as train_main

ROOT = Path(__file__).parent.parent

UNFOLD = "[...document.querySelectorAll('details')].map(each => each.open = true).length"


def in_names(folder: Path, _: Path) -> Path:
    """A study whose own name and runs are the payloads; a folder's name can hold no slash."""
    names = [payload.replace("/", " ") for payload in PAYLOADS]
    for seed, name in enumerate(names):
        write_run(folder / names[0], "scratch", seed, name=name, steps=20)
        write_run(folder / names[0], "scratch", seed, name=f"left out {name}", steps=20, finished=False)
    return folder / names[0]


def in_labels(folder: Path, _: Path) -> Path:
    """A study whose labels, groups, splits, arms and reasons to stop are the payloads."""
    for number, payload in enumerate(PAYLOADS[:3]):
        run = write_run(folder / "study", payload, name=f"run-{number}", groups=PAYLOADS, steps=20)
        splits = {"train": {"examples": 1, "labels": dict.fromkeys(PAYLOADS, 1)}}
        edit(run / "data.json", name=payload, splits=splits | {name: {"examples": 1} for name in PAYLOADS})
        edit(run / "summary.json", stop_reason=payload)
    return folder / "study"


def in_sentences(folder: Path, checkpoint: Path) -> Path:
    """A study trained, with both arms, on pairs whose sentences and groups are the payloads; some are quoted."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, split in (("train.tsv", "train"), ("dev_matched.tsv", "test")):
        rows = [("sentence1", "sentence2", "label", "genre")]
        for pair, payload in zip(load_controlled()[split], itertools.cycle(PAYLOADS), strict=False):
            rows.append(
                (f"Quoted {payload} {pair.premise}", f"Quoted {payload} {pair.hypothesis}", pair.label, payload)
            )
        (corpus / name).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    for init in ("scratch", "pretrained"):
        train(folder, checkpoint, "--init", init, "--dataset", "mnli", "--data", str(corpus), name=init)
    quote([str(folder / "s"), "--data", str(corpus)])
    return folder / "s"


COMMITTED = sorted(path.parent.name for path in (ROOT / "results").glob("*/report.html"))
PLACES: dict[str, Callable[[Path, Path], Path]] = {
    "run names": in_names,
    "labels": in_labels,
    "sentences": in_sentences,
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> dict[str, Path]:
    """Studies with their reports: one with the payloads in each place, and the committed ones."""
    found = {place: make(tmp_path_factory.mktemp("study"), tiny_checkpoint) for place, make in PLACES.items()}
    for study in found.values():
        assert main([str(study)]) == 0
    return found | {name: ROOT / "results" / name for name in COMMITTED}


@pytest.fixture(scope="module")
def seen(browser: Browser, studies: dict[str, Path]) -> dict[str, Seen]:
    """What the browser makes of each study's page and figures."""
    return {
        place: look_at(browser, [study / "report.html", *sorted(study.glob("figures/*.svg"))])
        for place, study in studies.items()
    }


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", PLACES)
def test_inert_in_a_browser(seen: dict[str, Seen], place: str, payload: str) -> None:
    page = seen[place]
    assert page.messages == []
    assert page.tags <= OURS
    assert page.handlers == []
    shown = payload.replace("/", " ") if place == "run names" else payload
    assert shown in page.text


def test_the_page_quotes_sentences(seen: dict[str, Seen]) -> None:
    assert sum(f"Quoted {payload}" in seen["sentences"].text for payload in PAYLOADS) > 3


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_browser_would_have_noticed(browser: Browser, tmp_path: Path, payload: str) -> None:
    """Negative control: the same texts in a page that escapes nothing, made by a template that they are part of."""
    page = f"""<style>{payload}</style><svg><text>{payload}</text></svg><a title='{payload}' href="{payload}"></a>"""
    page = Environment().from_string(page + "{% endraw %}" * ("{%" in payload)).render()
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    seen = look_at(browser, [tmp_path / "page.html"])
    assert CALLED in seen.messages or seen.handlers or "iframe" in seen.tags or "49" in seen.text


@pytest.mark.parametrize("place", PLACES)
def test_the_page_runs_its_own_script_and_links_to_its_own_records_alone(
    browser: Browser, studies: dict[str, Path], place: str
) -> None:
    study = studies[place]
    browser.open(study / "report.html")
    script = (ROOT / "analysis" / "report" / "templates" / "report.js").read_text(encoding="utf-8")
    assert browser.ask("[...document.scripts].map(script => script.text)") == [script]
    links = browser.ask("[...document.links].map(link => link.getAttribute('href'))")
    in_markdown = re.findall(r"(?<!!)\[[^\n]*?[^\\]\]\(([^)]*)\)", (study / "report.md").read_text(encoding="utf-8"))
    for found in ([link for link in links if link[0] != "#"], in_markdown):
        assert all(re.fullmatch(r"runs/[\w.~%-]+/summary\.json", link, re.ASCII) for link in found)
        assert sorted(study / unquote(link) for link in found) == sorted(study.glob("runs/*/summary.json"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("study", [*COMMITTED, *PLACES])
def test_the_page_fits_the_screen_and_says_nothing(
    browser: Browser, studies: dict[str, Path], study: str, width: int, scheme: str
) -> None:
    browser.prefer(scheme)
    browser.open(studies[study] / "report.html", width)
    assert browser.ask("innerWidth") == width
    assert browser.ask(UNFOLD) > 0
    assert browser.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.ask(TOO_WIDE) == []
    assert browser.messages == []


@pytest.mark.parametrize("place", PLACES)
def test_inert_in_markdown(studies: dict[str, Path], place: str) -> None:
    """No tag begins outside a block of commands, and every row of a table has as many cells as its header."""
    markdown = (studies[place] / "report.md").read_text(encoding="utf-8")
    prose = re.sub(r"```sh\n.*?\n```", "", markdown, flags=re.DOTALL)
    assert "<" not in prose
    tables = [part for part in prose.split("\n\n") if part.startswith("|")]
    assert len(tables) > 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_a_dollar_is_no_formula_in_a_figure(tmp_path: Path) -> None:
    texts = ("$x_1$", r"$\frac{$", "^{$", "100 $ and 200 $")
    write_run(tmp_path, texts[0], name=texts[1], groups=texts, steps=20)
    assert main([str(tmp_path)]) == 0
    drawn = (tmp_path / "figures" / "groups.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {text} -->" in drawn for text in texts)


def test_the_terminal_gets_no_control_characters(
    tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that quotes a file, and a note."""
    for name in ("train.tsv", "dev_matched.tsv"):
        (tmp_path / name).write_text("sentence1\tsentence2\tlabel\nA.\tB.\t\x1b[2J\x07\u202e\n", encoding="utf-8")
    data = ["--dataset", "mnli", "--data", str(tmp_path), "--results", str(tmp_path / "results"), "--max-tokens", "64"]
    assert train_main(["--checkpoint", str(tiny_checkpoint), *data]) == 3
    say("a note: \x1b]0;title\x07")
    told = capsys.readouterr().err
    assert told.replace("\n", "").isprintable()
    assert told.endswith("a note: \\x1b]0;title\\x07\n")


def test_cells_are_written_in_one_place() -> None:
    """Where text that a spreadsheet would run is quoted."""
    sources = [path for package in ("models", "train", "analysis") for path in (ROOT / package).rglob("*.py")]
    found = [
        path for path in sources if re.search(r"csv\.(writer|DictWriter)|to_csv", path.read_text(encoding="utf-8"))
    ]
    assert [str(path.relative_to(ROOT)) for path in found] == ["train/records.py"]
