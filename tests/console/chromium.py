"""Debian's Chromium, headless."""

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
    """Chromium is not installed; the message says how to install it."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Yield a browser. Raise BrowserMissing."""
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
    """Yield a page of a new browser context. At the end, assert that it had no errors but the expected one."""
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
    assert [error for error in wrong if refusal not in error] == []


def find_violations(page: Page) -> list[str]:
    """Return axe-core's violations on the page: rule and element."""
    found = page.evaluate(f"(() => {{ {AXE}; return window.axe.run(document, {json.dumps(RULES)}) }})()")
    return [
        f"{violation['id']}: {node['html'][:200]}" for violation in found["violations"] for node in violation["nodes"]
    ]
