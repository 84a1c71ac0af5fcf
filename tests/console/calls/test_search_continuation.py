"""Truncated searches: they show what was found and how far they got, and continue from there."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.console.call_centre_data import CallCentreData, create_call_centre
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.console_client import ConsoleClient
from tests.console.test_accessibility import build_url, sign_in
from tests.server.ccfs_server import CcfsServer, run_server


@pytest.fixture(scope="module")
def short_search_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CcfsServer, CallCentreData]]:
    """A server that truncates searches as early as possible."""
    with run_server(tmp_path_factory.mktemp("hasty"), lock_failures=0, search_ms=0) as server:
        yield server, create_call_centre(server.node)


@pytest.fixture(scope="module")
def exporter(short_search_server: tuple[CcfsServer, CallCentreData]) -> ConsoleClient:
    client = ConsoleClient(server=short_search_server[0])
    assert client.sign_in("emil").status == 303
    return client


def extract_results(text: str) -> str:
    """Return the part of the page that a search changes."""
    return text[text.index('<section id="results"') :]


def extract_next_path(text: str) -> str:
    """Return the URL that continues the search."""
    found = re.search(r'rel="next" href="([^"]+)"', extract_results(text))
    assert found, extract_results(text)
    return unescape(found[1])


def test_a_truncated_search_is_continued_to_old_calls(
    short_search_server: tuple[CcfsServer, CallCentreData], exporter: ConsoleClient
) -> None:
    _, call_centre = short_search_server
    first = exporter.get(f"/console/calls?account={call_centre.account_param}&sort=oldest&period=30").body.decode()
    assert "No calls found yet" in first
    assert "Searched up to 20" in first
    assert f'hx-get="{extract_next_path(first).replace("&", "&amp;")}" hx-trigger="load"' in extract_results(first)
    then = exporter.get(extract_next_path(first)).body.decode()
    assert call_centre.first_recording.call_id in then
    assert 'rel="next"' not in extract_results(then)


def test_a_continued_search_without_results_ends_with_no_calls_found(
    short_search_server: tuple[CcfsServer, CallCentreData], exporter: ConsoleClient
) -> None:
    _, call_centre = short_search_server
    for order, progress in {"": "Searched back to 20", "oldest": "Searched up to 20"}.items():
        first = exporter.get(
            f"/console/calls?account={call_centre.account_param}&sort={order}&period=90&min_talk=99:00:00"
        ).body.decode()
        assert progress in first
        assert "No calls found" in extract_results(exporter.get(extract_next_path(first)).body.decode())


def test_a_truncated_search_shows_the_calls_found_so_far(
    short_search_server: tuple[CcfsServer, CallCentreData], exporter: ConsoleClient
) -> None:
    _, call_centre = short_search_server
    now = call_centre.first_recording.call_begin.astimezone(ZoneInfo("Asia/Shanghai"))
    span = f"from={now - timedelta(days=9):%Y-%m-%dT%H:%M}&to={now + timedelta(hours=9):%Y-%m-%dT%H:%M}"
    text = extract_results(
        exporter.get(f"/console/calls?account={call_centre.account_param}&sort=newest&{span}").body.decode()
    )
    assert call_centre.first_recording.call_id in text
    assert "At least 4 calls" in text
    assert "Searched back to 20" in text
    assert "Continue search" in text
    assert 'hx-trigger="load"' not in text


def test_the_csv_of_a_truncated_search_has_every_call(
    short_search_server: tuple[CcfsServer, CallCentreData], exporter: ConsoleClient
) -> None:
    _, call_centre = short_search_server
    lines = (
        exporter.get(f"/console/calls/csv?account={call_centre.account_param}&sort=oldest&period=90")
        .body.decode()
        .splitlines()
    )
    assert any(line.startswith(call_centre.first_recording.call_id) for line in lines)


def test_a_truncated_search_continues_by_itself_in_a_browser(
    short_search_server: tuple[CcfsServer, CallCentreData],
) -> None:
    server, call_centre = short_search_server
    with open_browser() as chromium, open_page(chromium) as view:
        sign_in(server, view, "emil")
        view.goto(build_url(server, f"calls?account={call_centre.account_param}&sort=oldest&period=30"))
        expect(view.get_by_role("link", name="Continue search")).to_have_count(0)
        expect(view.locator("#results tbody tr").first).to_be_visible()
        assert find_violations(view) == []
