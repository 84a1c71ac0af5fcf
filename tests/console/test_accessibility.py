"""Accessibility of the pages in Chromium: axe-core, keyboard, no scripts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import Delivery
from ccfs.model.exports.export import ExportKind
from tests.console.call_centre_data import BEGIN, CallCentreData
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.console_client import PASSWORD
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import CALLBACK_URL, add_export

RESPONSE_ID = "5" * 32
PAGES = (
    *("calls", "annotations", "statistics", "evaluations", "exports", "ingest", "apps"),
    *("users", "audit", "settings", "cluster", "account"),
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def export_with_callback(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """Add an export with a callback to a port where nothing listens."""
    add_export(console_server.node, call_centre.acme, b"zip", ExportKind.BILL, RESPONSE_ID)
    now = datetime.now(UTC)
    sent = Delivery(
        id="6" * 32, app=call_centre.acme.id, ak=call_centre.acme.ak, url=f"{CALLBACK_URL}x", body=b"{}", created_at=now
    )
    with console_server.node.database.write_transaction() as connection:
        deliveries.add(connection, call_centre.acme, sent, RESPONSE_ID, "http://127.0.0.1:9", now)


def build_url(server: CcfsServer, path: str) -> str:
    return f"http://{server.host}/console/{path}"


def sign_in(server: CcfsServer, page: Page, name: str) -> None:
    page.goto(build_url(server, "login"))
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=name)).to_be_visible()
    page.wait_for_load_state("load")  # a choice made before its script is there searches nothing yet


def _mark_deliveries_dead(console: CcfsServer) -> None:
    """Give all callbacks up, whatever the worker has done with them."""
    later = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1e6)
    with console.node.database.write_transaction() as connection:
        connection.exec_driver_sql(
            f"UPDATE deliveries SET state = 'dead', due_at = NULL, lease = '', finished_at = {later}"
        )


@pytest.mark.parametrize("look", [("light", 1280, "en-GB"), ("dark", 390, "zh-CN")], ids=["desk", "phone"])
def test_every_page_is_accessible(
    chromium: Browser,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    export_with_callback: None,
    look: tuple[str, int, str],
) -> None:
    scheme, width, language = look
    _mark_deliveries_dead(console_server)
    with open_page(chromium, color_scheme=scheme, viewport={"width": width, "height": 844}, locale=language) as view:
        view.goto(build_url(console_server, "login"))
        found = {"login": find_violations(view)}
        view.locator("input[name=name]").fill("olga")
        view.locator("input[name=password]").fill(PASSWORD)
        view.keyboard.press("Enter")
        view.wait_for_url("**/status")
        call, export = (
            f"call?account={call_centre.account_param}&id=1700000000-1",
            f"export?app={call_centre.acme.ak}&id={RESPONSE_ID}",
        )
        again = f"callbacks/retry?app={call_centre.acme.ak}&receiver=http://127.0.0.1:9"
        day = f"account={call_centre.account_param}&day={BEGIN:%Y-%m-%d}"
        agents = (f"agent?{day}&agent=512", f"team?{day}", f"wallboard?{day}", f"reports?{day}")
        app = f"app?app={call_centre.acme.ak}"
        more = (
            *("status", "missing-recordings", "saved-searches", app, f"callbacks?app={call_centre.acme.ak}", again),
            *("statistics?from=2001-01-01&to=2001-01-02", *agents),
        )
        for path in (*PAGES, call, export, "calls?caller=1", *more):
            view.goto(build_url(console_server, path))
            found[path] = find_violations(view)
            wide = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} pixels wider than the screen"
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_keyboard_reaches_the_search_and_a_call(
    chromium: Browser, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    with open_page(chromium) as view:
        sign_in(console_server, view, "lucy")
        view.keyboard.press("Tab")
        expect(view.get_by_role("link", name="Skip to content")).to_be_focused()
        view.keyboard.press("Enter")
        for _ in range(40):
            view.keyboard.press("Tab")
            if view.evaluate("document.activeElement.matches('tbody a')"):
                break
        view.keyboard.press("Enter")
        view.wait_for_url("**/call?*")


def test_the_search_works_without_scripts(
    chromium: Browser, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    with open_page(chromium, java_script_enabled=False) as view:
        sign_in(console_server, view, "lucy")
        view.get_by_text("More filters").click()
        view.get_by_role("textbox", name="Caller", exact=True).fill("0123")
        view.get_by_role("button", name="Search").click()
        expect(view.get_by_text("1 call", exact=True)).to_be_visible()
