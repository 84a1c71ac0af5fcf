"""The pages in a real browser: whom they shut out, by keyboard and without scripts, too. What people do there is in test_flows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import Delivery
from ccfs.model.exports.export import ExportKind
from tests.cast import CALLBACK, keep_export
from tests.console.browsing import browser, page, violations
from tests.console.floor import Floor
from tests.console.visitor import PASSWORD
from tests.web.serving import Server

RESPONSE = "5" * 32
PAGES = ("calls", "figures", "exports", "ingest", "apps", "people", "audit", "node", "places", "me")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def told(console: Server, floor: Floor) -> None:
    """An export whose callback nobody hears: nothing listens there."""
    keep_export(console.node, floor.acme, b"zip", ExportKind.BILL, RESPONSE)
    now = datetime.now(UTC)
    sent = Delivery(id="6" * 32, app=floor.acme.id, ak=floor.acme.ak, url=f"{CALLBACK}x", body=b"{}", created_at=now)
    with console.node.database.write_transaction() as connection:
        deliveries.add(connection, floor.acme, sent, RESPONSE, "http://127.0.0.1:9", now)


def address(server: Server, path: str) -> str:
    return f"http://{server.host}/console/{path}"


def sign_in(server: Server, page: Page, name: str) -> None:
    page.goto(address(server, "login"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=name)).to_be_visible()
    page.wait_for_load_state("load")  # a choice made before its script is there searches nothing yet


def _given_up(console: Server) -> None:
    """The announcer has tried it by now, or is about to: it is dead, whatever came of that."""
    later = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1e6)
    with console.node.database.write_transaction() as connection:
        connection.exec_driver_sql(
            f"UPDATE deliveries SET state = 'dead', due_at = NULL, lease = '', finished_at = {later}"
        )


@pytest.mark.parametrize("look", [("light", 1280, "en-GB"), ("dark", 390, "zh-CN")], ids=["desk", "phone"])
def test_no_page_shuts_anybody_out(
    chromium: Browser, console: Server, floor: Floor, told: None, look: tuple[str, int, str]
) -> None:
    scheme, width, language = look
    _given_up(console)
    with page(chromium, color_scheme=scheme, viewport={"width": width, "height": 844}, locale=language) as view:
        view.goto(address(console, "login"))
        found = {"login": violations(view)}
        view.locator("input[name=name]").fill("olga")
        view.locator("input[name=password]").fill(PASSWORD)
        view.keyboard.press("Enter")
        view.wait_for_url("**/calls")
        call, export = f"call?in={floor.place}&id=1700000000-1", f"export?app={floor.acme.ak}&id={RESPONSE}"
        again = f"callbacks/again?app={floor.acme.ak}&receiver=http://127.0.0.1:9"
        more = (f"callbacks?app={floor.acme.ak}", again, "figures?from=2001-01-01&to=2001-01-02")
        for path in (*PAGES, call, export, "calls?caller=1", *more):
            view.goto(address(console, path))
            found[path] = violations(view)
            wide = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} pixels wider than the screen"
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_keyboard_reaches_the_search_and_a_call(chromium: Browser, console: Server, floor: Floor) -> None:
    with page(chromium) as view:
        sign_in(console, view, "lucy")
        view.keyboard.press("Tab")
        expect(view.get_by_role("link", name="Skip to content")).to_be_focused()
        view.keyboard.press("Enter")
        for _ in range(40):
            view.keyboard.press("Tab")
            if view.evaluate("document.activeElement.matches('tbody a')"):
                break
        view.keyboard.press("Enter")
        view.wait_for_url("**/call?*")


def test_it_works_without_scripts(chromium: Browser, console: Server, floor: Floor) -> None:
    with page(chromium, java_script_enabled=False) as view:
        sign_in(console, view, "lucy")
        view.get_by_label("Caller").fill("0123")
        view.get_by_role("button", name="Search").click()
        expect(view.get_by_text("1 call", exact=True)).to_be_visible()
