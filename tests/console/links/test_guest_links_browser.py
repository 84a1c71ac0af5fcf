"""A guest link in Chromium: made beside the player, played by a guest under the page's strict policy, accessible in both themes."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from tests.console.chromium import find_violations, open_browser, open_page
from tests.console.links.conftest import LINK_PASSWORD, GuestLinkSite
from tests.media.audio_samples import CALL_ID


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


def test_a_passage_is_shared_and_played(chromium: Browser, site: GuestLinkSite) -> None:
    client, origin = site.sign_in("emil"), f"http://{site.server.host}"
    with open_page(chromium) as view:
        cookies = [{"name": name, "value": value, "url": f"{origin}/console"} for name, value in client.cookies.items()]
        view.context.add_cookies(cookies)  # type: ignore[arg-type]
        view.goto(f"{origin}/console/call?{urlencode({'account': site.data.account_param, 'id': CALL_ID})}")
        new = view.locator("form.annotation[data-new]")
        new.get_by_label("Position").fill("0:01")
        new.get_by_label("To", exact=True).fill("0:02")
        view.get_by_role("link", name="Create a guest link").click()
        expect(view.get_by_label("From")).to_have_value("0:01")
        view.get_by_label("Password").fill(LINK_PASSWORD)
        view.get_by_label("Title").fill("The offer")
        view.get_by_label("Date and time of the recording").check()
        assert find_violations(view) == []
        view.get_by_role("button", name="Create guest link").click()
        address = view.locator("#link").inner_text()
        assert find_violations(view) == []
    with open_page(chromium, color_scheme="dark", viewport={"width": 390, "height": 800}) as view:
        view.goto(address)
        assert find_violations(view) == []
        view.get_by_label("Password").fill(LINK_PASSWORD)
        view.keyboard.press("Enter")
        expect(view.get_by_role("heading", name="The offer")).to_be_visible()
        seconds = view.locator("audio").evaluate(
            "async (audio) => { await audio.play(); await new Promise((done) => { audio.onended = done; }); return audio.duration; }"
        )
        assert seconds == 1
        assert find_violations(view) == []
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
