"""The page in a browser: sections fold, links open what they name, it can be read, and nothing foreign runs."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from analysis.compare import main
from tests.browser import Browser
from tests.synthetic_runs import write_run

RUNS = 14
"""More than the rows above which a table sorts."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study whose runs make a long table."""
    folder = tmp_path_factory.mktemp("study")
    for init, seed in product(("scratch", "pretrained"), range(RUNS // 2)):
        write_run(folder, init, seed, steps=20)
    assert main([str(folder)]) == 0
    return folder / "report.html"


def test_every_named_column_of_the_run_table_has_a_button_and_short_tables_none(browser: Browser, page: Path) -> None:
    browser.open(page)
    tables = browser.ask(
        "[...document.querySelectorAll('table')].map(table => [table.caption.textContent, table.tBodies[0].rows.length,"
        "table.querySelectorAll('thead button').length, table.tHead.rows[0].cells.length])"
    )
    assert ["Runs", RUNS] in [found[:2] for found in tables]
    for _, rows, buttons, columns in tables:
        assert buttons == (columns if rows > 12 else 0)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_section_folds_by_keyboard(browser: Browser, page: Path, key: str) -> None:
    browser.open(page)
    browser.ask("document.querySelector('nav li:last-child a').focus()")
    browser.press("Tab")
    assert browser.ask("document.activeElement.textContent") == browser.ask("document.querySelector('h2').textContent")
    is_open = "document.activeElement.parentElement.open"
    states = [browser.ask(is_open)]
    for _ in range(2):
        browser.press(key)
        states.append(browser.ask(is_open))
    assert states == [True, False, True]


def test_a_link_of_the_contents_opens_its_section_and_shows_its_heading(browser: Browser, page: Path) -> None:
    browser.open(page, 390)
    names = browser.ask("[...document.querySelectorAll('nav a')].map(link => link.textContent)")
    assert names == browser.ask("[...document.querySelectorAll('h2')].map(heading => heading.textContent)")
    assert browser.ask("document.querySelectorAll('details:not([open])').length") > 2
    browser.ask("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    for place, name in enumerate(names):
        browser.ask(f"document.querySelectorAll('nav a')[{place}].click()")
        top = f"document.querySelectorAll('h2')[{place}].getBoundingClientRect()"
        assert browser.ask(f"document.querySelectorAll('details')[{place}].open"), name
        assert browser.ask(f"0 <= {top}.top && {top}.bottom <= innerHeight"), name


def test_paper_shows_what_is_folded(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.ask("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    shown = "[...document.querySelectorAll('details > div')].map(part => part.checkVisibility())"
    assert not any(browser.ask(shown))
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert all(browser.ask(shown))
    browser.call("Emulation.setEmulatedMedia", media="")


FOREIGN = {
    "script-src-elem": "foreign = document.createElement('script'); foreign.text = 'ran = 1'; add(foreign)",
    "script-src-attr": "document.body.setAttribute('onclick', 'ran = 1'); document.body.click()",
    "script-src": "setTimeout('ran = 1')",
    "style-src-elem": "foreign = document.createElement('style'); foreign.textContent = 'p {}'; add(foreign)",
    "style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "img-src": "foreign = new Image(); foreign.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw='",
    "connect-src": "fetch('data:,').catch(() => {})",
    "frame-src": "foreign = document.createElement('iframe'); foreign.src = 'data:,'; add(foreign)",
}
"""Part of the security policy -> what it has to refuse."""


def test_the_policy_refuses_all_that_is_not_the_page_s_own(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.ask(
        "refused = []; add = element => document.body.append(element);"
        "document.addEventListener('securitypolicyviolation', event => refused.push(event.effectiveDirective))"
    )
    for attempt in FOREIGN.values():
        browser.ask(
            "new Promise(done => { document.addEventListener('securitypolicyviolation', done, { once: true });"
            f"setTimeout(done, 20000); {attempt}; }}).then(() => 0)"
        )
    assert browser.ask("refused") == list(FOREIGN)
    assert browser.ask("typeof ran") == "undefined"


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(...)`. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


TEXTS = ("p", "h2", "figcaption", "nav a", "caption", "thead th", "thead button", "tbody a", ".source")
"""Selectors of every kind of text."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_paper(browser: Browser, page: Path, scheme: str) -> None:
    """At least 4.5 to 1. Source: WCAG 2.2, criterion 1.4.3."""
    browser.prefer(scheme)
    browser.open(page)
    paper = luminance(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert (paper > 0.5) == (scheme == "light")
    for what in TEXTS:
        ink = luminance(browser.ask(f"getComputedStyle(document.querySelector({what!r})).color"))
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, what


def test_figures_keep_their_letters_readable_on_a_phone(browser: Browser, page: Path) -> None:
    """Letters are 8.5 points or more as drawn, which is 9 pixels at 0.8 of the drawn size."""
    browser.open(page, 390)
    scales = browser.ask(
        "[...document.querySelectorAll('.wide svg')]"
        ".map(figure => figure.getBoundingClientRect().width / figure.viewBox.baseVal.width)"
    )
    assert len(scales) > 5
    assert min(scales) * 8.5 >= 9
