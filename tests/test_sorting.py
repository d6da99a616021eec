"""Long tables sort: by a button in each header, upwards, downwards and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.publish import to_html
from analysis.tables.document import Plot, Section, Table
from tests.browser import Browser

COLUMNS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "numbers": (
        [
            "n/a",
            "5,000",
            "19,000",
            "−0.5",
            "+1.9",
            "never",
            "−12",
            "0",
            "not in 628",
            "7 (6 to 8)",
            "> 300",
            "",
            "40%",
        ],
        [
            "−12",
            "−0.5",
            "0",
            "+1.9",
            "7 (6 to 8)",
            "40%",
            "> 300",
            "5,000",
            "19,000",
            "never",
            "not in 628",
            "n/a",
            "",
        ],
        [
            "19,000",
            "5,000",
            "> 300",
            "40%",
            "7 (6 to 8)",
            "+1.9",
            "0",
            "−0.5",
            "−12",
            "not in 628",
            "never",
            "n/a",
            "",
        ],
    ),
    "rates": (
        ["3e-4", "n/a", "1.5e-4", "1e-3", "7.5e-5", "2e-5", *["n/a"] * 7],
        ["2e-5", "7.5e-5", "1.5e-4", "3e-4", "1e-3", *["n/a"] * 8],
        ["1e-3", "3e-4", "1.5e-4", "7.5e-5", "2e-5", *["n/a"] * 8],
    ),
    "words": (
        ["scratch", "n/a", "pretrained", "2nd", "", "bottom-4", "10 of 12", *["scratch"] * 6],
        ["10 of 12", "2nd", "bottom-4", "pretrained", *["scratch"] * 7, "n/a", ""],
        ["10 of 12", *["scratch"] * 7, "pretrained", "bottom-4", "2nd", "n/a", ""],
    ),
}
"""Header -> cells as written, upwards and downwards: numbers, then words, and at last what is not known."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with one table of `COLUMNS`, its rows numbered in their order."""
    cells = zip(*(written for written, _, _ in COLUMNS.values()), strict=True)
    rows = tuple((f"row {place}", *row, "") for place, row in enumerate(cells))
    found = Section("Table", (Table("One of each", ("row", *COLUMNS, ""), rows, "nowhere"),))
    plot = Plot(name="none", alt="", caption="", svg="")
    path = tmp_path_factory.mktemp("table") / "page.html"
    path.write_text(to_html({"question": "?", "answer": [], "overview": plot, "sections": [found]}), encoding="utf-8")
    return path


def column(browser: Browser, place: int) -> list[str]:
    return browser.ask(f"[...document.querySelector('tbody').rows].map(row => row.cells[{place}].textContent)")


def orders(browser: Browser) -> list[str | None]:
    return browser.ask("[...document.querySelectorAll('thead th')].map(header => header.getAttribute('aria-sort'))")


@pytest.mark.parametrize("key", ["Enter", "Space", "a click"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_header_sorts_upwards_downwards_and_back(browser: Browser, table: Path, name: str, key: str) -> None:
    browser.open(table)
    place = 1 + list(COLUMNS).index(name)
    browser.ask(f"document.querySelectorAll('thead button')[{place}].focus()")
    written, upwards, downwards = COLUMNS[name]
    assert column(browser, place) == written
    for cells, order in ((upwards, "ascending"), (downwards, "descending"), (written, None), (upwards, "ascending")):
        browser.ask("document.activeElement.click()") if key == "a click" else browser.press(key)
        assert column(browser, place) == cells
        assert orders(browser) == [order if each == place else None for each in range(2 + len(COLUMNS))]
    assert browser.messages == []


def test_equal_cells_stay_in_their_order_and_one_column_is_sorted_at_a_time(browser: Browser, table: Path) -> None:
    browser.open(table)
    click = "document.querySelectorAll('thead button')[{}].click()"
    browser.ask(click.format(1))
    browser.ask(click.format(3))
    assert orders(browser) == [None, None, None, "ascending", None]
    same = [
        int(row.split()[1])
        for row, word in zip(column(browser, 0), column(browser, 3), strict=True)
        if word == "scratch"
    ]
    assert same == sorted(same) == [0, *range(7, 13)]
    browser.ask(click.format(3))
    assert [row for row, word in zip(column(browser, 0), column(browser, 3), strict=True) if word == "scratch"] == [
        f"row {place}" for place in same
    ]


def test_without_scripts_the_tables_stand_as_written(browser: Browser, table: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(table)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.ask("document.querySelectorAll('button').length") == 0
    assert column(browser, 1) == COLUMNS["numbers"][0]
