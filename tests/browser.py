"""Debian's chromium without a window: what a page says, and how it lies at a given width.

Source: the Chrome DevTools protocol. Its messages are JSON ended by a NUL byte, on the browser's descriptors 3 and 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CALLED = "a script called alert"
"""What a page says that runs an injected `alert(...)`; a true dialog would hold it up."""

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
_HEIGHT = 900
_KEYS = {"Enter": ("Enter", 13, "\r"), "Space": (" ", 32, " "), "Tab": ("Tab", 9, "")}
"""Key -> its name, its number and what it types."""


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Inside, a browser that keeps its files in `profile`; the test is skipped, saying so, where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium, as .ci/run does")
    (reads, sends), (receives, writes) = _pipe(), _pipe()
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={profile}"],
        preexec_fn=lambda: (os.dup2(reads, 3), os.dup2(writes, 4)),
        pass_fds=(3, 4),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(reads)
    os.close(writes)
    try:
        yield Browser(sends, receives)
    finally:
        process.kill()
        process.wait()
        os.close(sends)
        os.close(receives)


def _pipe() -> list[int]:
    """Both ends of a pipe, neither of them on a descriptor that the browser wants."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Browser:
    """The end of the pipe on this side. It shows one page at a time."""

    def __init__(self, sends: int, receives: int) -> None:
        self.sends, self.receives = sends, receives
        self.number, self.rest, self.session = 0, b"", {}
        self.messages: list[str] = []
        """All that the present page said: its console, its errors, refusals of its security policy."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        found = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": found["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=f"window.alert = () => console.log('{CALLED}')")

    def open(self, path: Path, width: int = 1280) -> None:
        """Show a file on a screen this many pixels wide, and wait until it has loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=_HEIGHT, deviceScaleFactor=1, mobile=False)
        self.messages.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def prefer(self, scheme: str) -> None:
        """Show all pages from now on as to a reader who prefers `light` or `dark`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str) -> None:
        """Press and release a key, `Enter`, `Space` or `Tab`, where the focus is."""
        name, number, text = _KEYS[key]
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=key, windowsVirtualKeyCode=number, text=text)

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression, or what it promises, whatever the page's security policy says."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **self.session}
        os.write(self.sends, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self.number:
            pass
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        """The next message; what a page says is kept."""
        while b"\0" not in self.rest:
            data = os.read(self.receives, 1 << 16)
            assert data, "the browser has gone"
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(line)
        said = message.get("params", {})
        if message.get("method") == "Runtime.consoleAPICalled":
            self.messages.append(" ".join(str(part.get("value")) for part in said["args"]))
        elif message.get("method") == "Log.entryAdded":
            self.messages.append(said["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.messages.append(said["exceptionDetails"]["text"])
        return message


OURS = {
    *("html", "head", "meta", "title", "style", "body", "main", "nav", "details", "summary", "h1", "h2", "p", "a"),
    *("ul", "li", "figure", "figcaption", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "button"),
    *("pre", "code", "script"),
    *("svg", "g", "path", "use", "defs", "clipPath", "rect", "metadata", "RDF", "Work", "type", "format"),
}
"""Every element that a report, or a figure of matplotlib's, is made of."""
TAGS = "[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"
HANDLERS = """[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
    .filter(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)).map(a => a.name)"""
TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter(e => !e.parentElement.closest('.wide, pre'))
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(e => e.localName + ': ' + e.textContent.slice(0, 40))"""
"""What reaches beyond the right edge, but for the inside of what scrolls by itself."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a browser makes of some files."""

    text: str
    messages: list[str]
    tags: set[str]
    handlers: list[str]


def look_at(browser: Browser, files: list[Path]) -> Seen:
    """All that these files show."""
    texts, messages, tags, handlers = [], [], set(), []
    for path in files:
        browser.open(path)
        texts.append(browser.ask("document.documentElement.textContent"))
        tags |= set(browser.ask(TAGS))
        handlers += browser.ask(HANDLERS)
        messages += browser.messages
    return Seen(text="".join(texts), messages=messages, tags=tags, handlers=handlers)
