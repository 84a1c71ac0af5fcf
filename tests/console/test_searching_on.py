"""Searches that are cut short: what was found is shown, with how far they came, and they go on from there; by themselves
where nothing was found yet."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.console.browsing import browser, page, violations
from tests.console.floor import Floor, furnish
from tests.console.test_browser import address, sign_in
from tests.console.visitor import Visitor
from tests.web.serving import Server, serving


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Floor]]:
    """A server whose searches are cut short as early as can be."""
    with serving(tmp_path_factory.mktemp("hasty"), lock_failures=0, search_ms=0) as server:
        yield server, furnish(server.node)


@pytest.fixture(scope="module")
def emil(hasty: tuple[Server, Floor]) -> Visitor:
    visitor = Visitor(server=hasty[0])
    assert visitor.sign_in("emil").status == 303
    return visitor


def results(text: str) -> str:
    """The part of the page that a search changes."""
    return text[text.index('<section id="results"') :]


def further(text: str) -> str:
    """The address that goes on."""
    found = re.search(r'rel="next" href="([^"]+)"', results(text))
    assert found, results(text)
    return unescape(found[1])


def test_what_lies_far_back_is_found_by_going_on(hasty: tuple[Server, Floor], emil: Visitor) -> None:
    _, floor = hasty
    first = emil.get(f"/console/calls?in={floor.place}&sort=oldest&when=30").body.decode()
    assert "Nothing found so far" in first
    assert "Looked through up to 20" in first
    assert f'hx-get="{further(first).replace("&", "&amp;")}" hx-trigger="load"' in results(first)
    then = emil.get(further(first)).body.decode()
    assert floor.heard.call_id in then
    assert 'rel="next"' not in results(then)


def test_at_its_end_a_search_says_that_there_is_nothing(hasty: tuple[Server, Floor], emil: Visitor) -> None:
    _, floor = hasty
    for order, told in {"": "Looked through back to 20", "oldest": "Looked through up to 20"}.items():
        first = emil.get(f"/console/calls?in={floor.place}&sort={order}&when=90&caller=999").body.decode()
        assert told in first
        assert "No calls found" in results(emil.get(further(first)).body.decode())


def test_what_was_found_before_it_was_cut_short_is_shown(hasty: tuple[Server, Floor], emil: Visitor) -> None:
    _, floor = hasty
    now = floor.heard.call_begin.astimezone(ZoneInfo("Asia/Shanghai"))
    span = f"from={now - timedelta(days=9):%Y-%m-%dT%H:%M}&to={now + timedelta(hours=9):%Y-%m-%dT%H:%M}"
    text = results(emil.get(f"/console/calls?in={floor.place}&sort=newest&{span}").body.decode())
    assert floor.heard.call_id in text
    assert "At least 4 calls" in text
    assert "Looked through back to 20" in text
    assert "Search on" in text
    assert 'hx-trigger="load"' not in text


def test_a_csv_of_the_search_has_all_of_it(hasty: tuple[Server, Floor], emil: Visitor) -> None:
    _, floor = hasty
    lines = emil.get(f"/console/calls/csv?in={floor.place}&sort=oldest&when=90").body.decode().splitlines()
    assert any(line.startswith(floor.heard.call_id) for line in lines)


def test_in_a_browser_it_goes_on_by_itself(hasty: tuple[Server, Floor]) -> None:
    server, floor = hasty
    with browser() as chromium, page(chromium) as view:
        sign_in(server, view, "emil")
        view.goto(address(server, f"calls?in={floor.place}&sort=oldest&when=30"))
        expect(view.get_by_role("link", name="Search on")).to_have_count(0)
        expect(view.locator("#results tbody tr").first).to_be_visible()
        assert violations(view) == []
