"""Bulk downloads in Chromium, with and without scripts, and their accessibility."""

import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.bulk.bulk_download_server import CALLER_NO, BulkDownloadServer
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.test_accessibility import build_url, sign_in

TIMEOUT_MS = 20_000  # milliseconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


def search_calls(view: Page, bulk_server: BulkDownloadServer) -> None:
    """Open the search for the server's calls in the first account, oldest first."""
    sign_in(bulk_server.server, view, "emil")
    view.goto(
        build_url(
            bulk_server.server,
            f"calls?account={bulk_server.call_centre.account_param}&caller={CALLER_NO}&sort=oldest&period=7",
        )
    )
    expect(view.get_by_text("40 calls")).to_be_visible()


def download_member_names(view: Page) -> list[str]:
    """Download the zip by the page's button. Return its member names."""
    with view.expect_download() as download:
        view.get_by_role("link", name="Download", exact=True).click()
    assert download.value.suggested_filename.startswith("recordings-")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_ticked_calls_are_downloaded_as_a_zip(chromium: Browser, bulk_download_server: BulkDownloadServer) -> None:
    with open_page(chromium) as view:
        search_calls(view, bulk_download_server)
        for box in view.locator("td.select input").all()[:2]:
            box.check()
        view.get_by_role("button", name="Download selected").click()
        expect(view.get_by_role("link", name="Download", exact=True)).to_be_visible(timeout=TIMEOUT_MS)  # by itself
        assert len(download_member_names(view)) == 4
        view.get_by_role("link", name="Bulk downloads").click()
        expect(view.get_by_role("row").nth(1).get_by_text("Completed")).to_be_visible()


def test_all_found_calls_are_downloaded_and_the_page_reports_missing_recordings(
    chromium: Browser, bulk_download_server: BulkDownloadServer
) -> None:
    with open_page(chromium) as view:
        search_calls(view, bulk_download_server)
        view.get_by_role("button", name="Download all results").click()
        expect(view.get_by_text("37 recordings")).to_be_visible(timeout=TIMEOUT_MS)
        expect(view.get_by_text("3 recordings could not be included")).to_be_visible()
        assert len(download_member_names(view)) == 39


def test_a_bulk_download_works_without_scripts(chromium: Browser, bulk_download_server: BulkDownloadServer) -> None:
    with open_page(chromium, java_script_enabled=False) as view:
        search_calls(view, bulk_download_server)
        view.locator("td.select input").first.check()
        view.get_by_role("button", name="Download selected").click()
        for _ in range(40):
            if view.get_by_role("link", name="Download", exact=True).is_visible():
                break
            view.wait_for_timeout(500)
            view.reload()
        assert len(download_member_names(view)) == 3


@pytest.mark.parametrize("look", [("light", 1280, "en-GB"), ("dark", 390, "zh-CN")], ids=["desk", "phone"])
def test_bulk_download_pages_are_accessible(
    chromium: Browser, bulk_download_server: BulkDownloadServer, look: tuple[str, int, str]
) -> None:
    scheme, width, language = look
    search_path = f"calls?account={bulk_download_server.call_centre.account_param}&caller={CALLER_NO}&sort=oldest"
    with open_page(chromium, color_scheme=scheme, viewport={"width": width, "height": 844}, locale=language) as view:
        view.goto(build_url(bulk_download_server.server, "login"))
        view.locator("input[name=name]").fill("emil")
        view.locator("input[name=password]").fill("a long enough password")
        view.keyboard.press("Enter")
        view.wait_for_url("**/calls")
        found: dict[str, list[str]] = {}
        for path in (search_path, "bulk-downloads"):
            view.goto(build_url(bulk_download_server.server, path))
            check_page(view, path, found)
        view.goto(build_url(bulk_download_server.server, search_path))
        view.locator("td.select input").first.check()
        view.locator("#bulk-download button").first.click()
        view.wait_for_url("**/bulk-download?**")
        check_page(view, "being prepared", found)
        expect(view.locator("#bulk-download a.button")).to_be_visible(timeout=TIMEOUT_MS)
        check_page(view, "ready", found)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def check_page(view: Page, path: str, found: dict[str, list[str]]) -> None:
    found[path] = find_violations(view)
    wide = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{path} is {wide} pixels wider than the screen"
