"""What the browser shows when an answer is late, fails, never comes, or needs a session or a confirmation."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.console.call_centre_data import CallCentreData
from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.server.ccfs_server import CcfsServer

FAILED_REQUESTS = "Failed to "  # load resource, as Chromium logs it, or fetch, as htmx does
CALL_ID = "1700000000-1"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def view(chromium: Browser) -> Iterator[Page]:
    with open_page(chromium, refusal=FAILED_REQUESTS) as page:
        yield page


def sign_in(server: CcfsServer, page: Page, name: str) -> None:
    """Give the page a new session of a user."""
    client = ConsoleClient(server=server)
    assert client.sign_in(name).status == 303
    url = f"http://{server.host}/console"
    page.context.add_cookies([{"name": name, "value": value, "url": url} for name, value in client.cookies.items()])


def sign_in_here(page: Page, name: str) -> None:
    """Sign in by the dialog of the notice, with a wrong password first."""
    page.get_by_role("alert").get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_label("User name").fill(name)
    dialog.get_by_label("Password").fill("a wrong password")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Incorrect user name")
    assert find_violations(page) == []
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()


def test_a_search_without_an_answer_keeps_its_results_and_says_why(
    view: Page, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    sign_in(console_server, view, "lucy")
    view.goto(f"http://{console_server.host}/console/calls?account={call_centre.account_param}")
    view.get_by_text("More filters").click()
    results, notice, caller = (
        view.locator("#results"),
        view.locator("#notice"),
        view.get_by_role("textbox", name="Caller", exact=True),
    )
    page = view.locator("#search-page")  # which a search replaces
    before = results.inner_text()
    held: list[Route] = []
    view.route("**/console/calls?*", lambda route: held.append(route))
    caller.fill("0123")
    caller.press("Enter")
    expect(page).to_have_attribute("aria-busy", "true")
    held[0].fulfill(status=503, body="<main><h1>Temporarily unavailable</h1></main>", content_type="text/html")
    view.unroute("**/console/calls?*")
    expect(notice).to_contain_text("could not process this")
    expect(page).not_to_have_attribute("aria-busy", "true")
    assert (results.inner_text(), "caller" in view.url) == (before, False)
    view.context.set_offline(True)
    caller.press("Enter")
    expect(notice).to_contain_text("You are offline")
    assert results.inner_text() == before
    assert find_violations(view) == []
    view.context.set_offline(False)
    notice.get_by_role("button", name="Try again").click()
    expect(results).to_contain_text("1 call")
    expect(notice).to_be_empty()
    view.context.clear_cookies()
    caller.fill("")
    caller.press("Enter")
    expect(notice).to_contain_text("You were signed out")
    expect(results).to_contain_text("1 call")
    sign_in_here(view, "lucy")
    expect(results).not_to_contain_text("1 call")
    assert "caller=0123" not in view.url


def test_an_annotation_survives_the_end_of_the_session(
    view: Page, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    sign_in(console_server, view, "lucy")
    query = urlencode({"account": call_centre.account_param, "id": CALL_ID})
    view.goto(f"http://{console_server.host}/console/call?{query}")
    view.context.clear_cookies()
    view.get_by_label("Comment").last.fill("Kept over the end")
    view.get_by_role("button", name="Add annotation").last.click()
    expect(view.locator("#notice")).to_contain_text("You were signed out")
    sign_in_here(view, "lucy")
    expect(view.locator(".annotations").get_by_text("Kept over the end")).to_be_visible()
    sign_in(console_server, view, "lucy")  # in another tab: the token of this page is that of another session
    view.get_by_label("Comment").last.fill("After another session")
    view.get_by_role("button", name="Add annotation").last.click()
    added = view.locator(".annotations li").filter(has_text="After another session")
    expect(added).to_be_visible()
    added.get_by_role("button", name="Delete").click()
    dialog = view.get_by_role("dialog")
    expect(dialog).to_contain_text("lucy wrote: After another session")
    assert find_violations(view) == []
    view.keyboard.press("Escape")
    expect(added).to_be_visible()
    added.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete annotation").click()
    expect(added).to_have_count(0)


def test_a_harmful_form_asks_in_a_dialog_and_needs_no_script(
    view: Page, chromium: Browser, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    sign_in(console_server, view, "olga")
    view.goto(f"http://{console_server.host}/console/users")
    view.get_by_role("button", name="Disable audrey").click()
    dialog = view.get_by_role("dialog", name="Disable audrey?")
    expect(dialog.get_by_text("Cancel")).to_be_focused()
    assert find_violations(view) == []
    view.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    view.get_by_role("button", name="Reset password of nick").click()
    dialog = view.get_by_role("dialog")
    expect(dialog.get_by_label("Your password")).to_be_focused()
    dialog.get_by_label("Your password").fill("a wrong password")
    dialog.get_by_role("button", name="Reset password").click()
    wrong = view.get_by_label("Your password")  # on the confirmation page
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    assert find_violations(view) == []
    wrong.fill(PASSWORD)
    view.keyboard.press("Enter")
    expect(view.locator("#link")).to_contain_text(f"http://{console_server.host}/console/setup?link=")
    view.reload()
    expect(view.locator("#link")).to_have_count(0)
    with open_page(chromium, java_script_enabled=False) as plain:
        sign_in(console_server, plain, "olga")
        plain.goto(f"http://{console_server.host}/console/users")
        plain.get_by_role("button", name="Disable audrey").click()
        expect(plain.get_by_role("heading", name="Disable audrey?")).to_be_visible()
        plain.get_by_role("button", name="Disable").click()
        expect(plain.get_by_role("button", name="Enable audrey")).to_be_visible()
        plain.get_by_role("button", name="Enable audrey").click()
        expect(plain.get_by_role("button", name="Disable audrey")).to_be_visible()


def test_a_phone_shows_the_current_page_of_the_menu_and_paper_no_controls(
    chromium: Browser, console_server: CcfsServer, call_centre: CallCentreData
) -> None:
    with open_page(chromium, viewport={"width": 390, "height": 844}) as page:
        sign_in(console_server, page, "olga")
        page.goto(f"http://{console_server.host}/console/settings")
        expect(page.get_by_role("navigation").get_by_role("link", name="Settings")).to_be_in_viewport()
        menu, table = page.locator(".top nav"), page.locator(".scroll").last
        expect(menu).to_have_attribute("data-more-left", "")
        expect(table).to_have_attribute("data-more-right", "")
        page.emulate_media(media="print")
        for hidden in (menu, page.locator("footer"), page.get_by_role("button", name="Sign out")):
            expect(hidden).to_be_hidden()
        assert table.evaluate("table => getComputedStyle(table).overflowX") == "visible"
