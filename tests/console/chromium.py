"""Debian's Chromium, without a window, for tests of what people see and hear. No expectation lives here."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
TIMEOUT_MS = 90_000  # milliseconds, where the machine is busy
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Without preload: axe would put the styles of a shadow root into a document of its own, which our policy forbids.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "preload": False}


class BrowserMissing(RuntimeError):
    """No Chromium is on this machine; the text says how to get one."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser; raises BrowserMissing."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise BrowserMissing("Chromium is missing: run scripts/test as root, or install the package chromium")
    expect.set_options(timeout=TIMEOUT_MS)
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def open_page(browser: Browser, *, refusal: str = "nothing", **options: Any) -> Iterator[Page]:
    """A page of a browser that nobody used yet; at the end, nothing may have gone wrong in it but that refusal."""
    usual: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB"}
    context = browser.new_context(**{**usual, **options})
    context.set_default_timeout(TIMEOUT_MS)
    opened, wrong = context.new_page(), []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    try:
        yield opened
    finally:
        context.close()
    assert [one for one in wrong if refusal not in one] == []


def find_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands: rule and place."""
    found = page.evaluate(f"(() => {{ {AXE}; return window.axe.run(document, {json.dumps(RULES)}) }})()")
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]
