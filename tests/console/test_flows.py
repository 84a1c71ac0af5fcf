"""The main flows in Chromium (on both engines in the soak test), with the demo's calls: search, playback, downloads, exports, callbacks, keys, login."""

import time
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests import databases
from tests.api.api_client import ApiClient
from tests.api.callback_client import read_zip
from tests.console.access.test_route_access import FOREIGN_CASES
from tests.console.chromium import open_browser, open_page
from tests.console.conftest import ON_ALL_ENGINES
from tests.console.console_client import PASSWORD
from tests.console.demo_site import LONDON, SHANGHAI, DemoSite, run_demo_site
from tests.media import audio_samples

AGENT_ID = "1003"
CALLS_ROUTE = ("GET", "/console/calls")
FetchResult = list[object]  # status, text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=["sqlite", "postgresql"] if ON_ALL_ENGINES else ["sqlite"])
def demo_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    data: Path = tmp_path_factory.mktemp("site")
    if request.param == "sqlite":
        with run_demo_site(data) as site:
            yield site
    else:
        with (
            databases.create_database(request.getfixturevalue("postgres_url")) as url,
            run_demo_site(data, database_url=url) as site,
        ):
            yield site


def sign_in(site: DemoSite, view: Page, name: str, password: str = PASSWORD) -> None:
    view.goto(site.build_url("login"))
    view.get_by_label("User name").fill(name)
    view.get_by_label("Password").fill(password)
    view.keyboard.press("Enter")
    expect(view.get_by_role("link", name=name)).to_be_visible()
    view.wait_for_load_state("load")  # a choice made before its script is routes searches nothing yet


def wait_until(view: Page, question: str, seconds: float = 60) -> None:
    """Wait until an expression about the page's player is true."""
    give_up = time.monotonic() + seconds
    while not view.locator("audio").first.evaluate(question):
        assert time.monotonic() < give_up, question
        time.sleep(0.03)


def test_a_call_is_searched_played_and_downloaded(chromium: Browser, demo_site: DemoSite) -> None:
    ((recorded,),) = demo_site.query(
        "SELECT count(DISTINCT c.call_id) FROM cdrs c JOIN recordings r ON r.call_id = c.call_id"
        f" WHERE c.account_id = '{SHANGHAI}' AND c.agent_id = '{AGENT_ID}'"
    )
    with open_page(chromium) as view:
        sign_in(demo_site, view, "demo", demo_site.password)
        view.get_by_role("link", name="Calls", exact=True).click()
        view.get_by_label("Account").select_option(demo_site.build_account_param(SHANGHAI))
        view.wait_for_url(f"**{SHANGHAI}*")
        expect(view.get_by_text("41 calls")).to_be_visible()
        view.get_by_text("More filters").click()
        view.get_by_role("textbox", name="Agent", exact=True).fill(AGENT_ID)
        view.locator("#search-recorded").select_option("yes")
        expect(view.locator(".count")).to_contain_text(f"{recorded} calls")
        assert "recorded=yes" in view.url  # the search is its address
        view.reload()
        view.locator("tbody a").first.click()
        expect(view.locator(".wave")).to_have_attribute("data-state", "drawn")
        view.locator("audio").first.evaluate("audio => audio.play()")
        wait_until(view, "audio => audio.currentTime > 0.3 && !audio.error")
        with view.expect_download() as saved:
            view.get_by_role("link", name="Download").first.click()
        sizes = {size for (size,) in demo_site.query("SELECT size FROM recordings")}
        assert saved.value.path().stat().st_size in sizes


def test_the_demo_s_source_files_exist_and_are_read(chromium: Browser, demo_site: DemoSite) -> None:
    with open_page(chromium) as view:
        sign_in(demo_site, view, "demo", demo_site.password)
        view.goto(demo_site.build_url("ingest"))
        expect(view.get_by_text("queue_log").first).to_be_visible()
        expect(view.get_by_text("File not found")).to_have_count(0)


def test_the_middle_of_an_hour_is_requested_by_range(chromium: Browser, demo_site: DemoSite) -> None:
    answers: list[Response] = []
    with open_page(chromium) as view:
        sign_in(demo_site, view, "lucy")
        view.on("response", lambda answer: answers.append(answer) if "/console/audio" in answer.url else None)
        view.goto(
            demo_site.build_url(
                "call?"
                + urlencode({"account": demo_site.build_account_param(LONDON), "id": audio_samples.LONG_CALL_ID})
            )
        )
        expect(view.locator(".wave")).to_have_attribute("data-state", "drawn")
        view.locator("audio").evaluate("audio => audio.play()")
        wait_until(view, "audio => audio.currentTime > 0.2")
        box = view.locator(".wave").bounding_box()
        assert box
        view.locator(".wave").click(position={"x": box["width"] / 2, "y": 20})
        wait_until(view, "audio => Math.abs(audio.currentTime - 1800) < 30 && !audio.seeking")
        at = view.locator("audio").evaluate("audio => audio.currentTime")
        wait_until(view, f"audio => audio.currentTime > {at} + 0.2")
        begins = [int(answer.headers["content-range"].split()[1].partition("-")[0]) for answer in answers]
    assert {answer.status for answer in answers} == {206}
    assert max(begins) == pytest.approx(1800 * 16_000, rel=0.05)


def test_a_search_is_downloaded_as_csv_and_as_zip(chromium: Browser, demo_site: DemoSite) -> None:
    with open_page(chromium) as view:
        sign_in(demo_site, view, "emil")
        view.goto(demo_site.build_url(f"calls?account={demo_site.build_account_param(SHANGHAI)}"))
        with view.expect_download() as saved:
            view.get_by_role("link", name="Download CSV").click()
        assert saved.value.path().read_bytes().count(b"\r\n") == 42
        view.get_by_role("button", name="Download all results").click()
        with view.expect_download() as saved:
            view.get_by_role("link", name="Download", exact=True).click()
        with zipfile.ZipFile(saved.value.path()) as archive:
            assert archive.testzip() is None
            ((count,),) = demo_site.query(f"SELECT count(*) FROM recordings WHERE account_id = '{SHANGHAI}'")
            assert len(archive.namelist()) == count + 2  # index.csv and missing.csv


def test_an_export_is_generated_and_its_callback_resent(chromium: Browser, demo_site: DemoSite) -> None:
    today = datetime.now(ZoneInfo("Europe/London"))
    days = {"beginTime": f"{today - timedelta(days=2):%Y-%m-%d 00:00:00}", "endTime": f"{today:%Y-%m-%d 00:00:00}"}
    reply = demo_site.client.request(
        "queryBillData", {"accountId": LONDON, "callBackURL": demo_site.receiver.url, **days}
    )
    assert reply.result_code == "0", reply.body
    with open_page(chromium) as view:
        sign_in(demo_site, view, "emil")
        view.goto(demo_site.build_url(f"export?app={demo_site.app.ak}&id={reply.json['resultData']['responseId']}"))
        give_up = time.monotonic() + 90
        while not view.get_by_text("Failed", exact=True).is_visible() and time.monotonic() < give_up:
            view.reload()
        view.get_by_role("link", name="Exports").first.click()
        view.get_by_role("link", name="Failed callbacks").click()
        view.locator("tbody a").first.click()
        expect(view.get_by_text("Completed")).to_be_visible()
        view.get_by_role("button", name="Resend callback").click()
        expect(view.get_by_text("Queued for retry.")).to_be_visible()
        while not view.get_by_text("Delivered").is_visible() and time.monotonic() < give_up:
            view.reload()
        expect(view.get_by_text("Delivered")).to_be_visible()
        name = view.locator("dl.facts div").filter(has_text="File name").locator("dd").inner_text()
    assert len(demo_site.receiver.received) == 2
    lines = read_zip(demo_site.client.request("downloadBillFile", {"billFileName": name}))["call"]
    assert len(lines) > 40
    assert demo_site.query("SELECT actor FROM audit_log WHERE action = 'delivery_retried'") == [("emil",)]


def test_a_key_is_rotated_and_the_older_one_revoked(chromium: Browser, demo_site: DemoSite) -> None:
    def works(sk: str) -> bool:
        return (
            ApiClient(server=demo_site.server, ak=ak, sk=sk).request("requestPlayVoice", {"fileName": "/x.wav"}).status
            != 401
        )

    with open_page(chromium) as view:
        sign_in(demo_site, view, "demo", demo_site.password)
        view.get_by_role("link", name="Apps").click()
        view.get_by_label("Name").fill("turning")
        view.get_by_label("Your password").last.fill(demo_site.password)
        view.get_by_role("button", name="Add", exact=True).last.click()
        ak, old = view.locator("dd.mono").first.inner_text(), view.locator("#sk").inner_text()
        card = view.get_by_role("region", name="turning")
        card.get_by_label("Your password").fill(demo_site.password)
        card.get_by_role("button", name="Rotate key").click()
        expect(view.locator("#sk")).not_to_have_text(old)
        new = view.locator("#sk").inner_text()
        assert (works(old), works(new)) == (True, True)
        card.get_by_role("button", name="Revoke older keys").click()
        view.get_by_role("dialog").get_by_role("button", name="Revoke older keys").click()
        expect(card.get_by_role("button", name="Revoke older keys")).to_have_count(0)
        assert (works(old), works(new)) == (False, True)


def test_a_user_signs_in_by_the_provider_and_out_of_both(chromium: Browser, demo_site: DemoSite) -> None:
    with open_page(chromium) as view:
        view.goto(demo_site.build_url(f"calls?account={demo_site.build_account_param(LONDON)}"))
        view.get_by_role("link", name="Sign in with Example-ID").click()
        view.get_by_label("Who").fill("sue")
        view.get_by_role("button", name="Continue").click()
        view.wait_for_url("**/console/calls?**")
        expect(view.get_by_text("41 calls")).to_be_visible()
        view.get_by_role("button", name="Sign out").click()
        view.get_by_role("link", name="Also sign out of Example-ID").click()
        expect(view.get_by_text("Signed out there")).to_be_visible()
        view.goto(demo_site.build_url("calls"))
        expect(view.get_by_role("link", name="Sign in with Example-ID")).to_be_visible()


def test_a_listener_of_one_account_gets_nothing_of_the_other(chromium: Browser, demo_site: DemoSite) -> None:
    ((name, call),) = demo_site.query(
        f"SELECT file_name, call_id FROM recordings WHERE account_id = '{SHANGHAI}' LIMIT 1"
    )
    what = {
        "account": demo_site.build_account_param(SHANGHAI),
        "app": demo_site.app.ak,
        "id": call,
        "name": name,
        "offset": "1",
        "text": "x",
    }
    rooms = [
        route for route, _ in FOREIGN_CASES if route != CALLS_ROUTE
    ]  # where an id is looked for in all that one may see
    with open_page(chromium, refusal="status of 404") as view:
        sign_in(demo_site, view, "lucy")
        nothing, *found = fetch_from_page(view, [("GET", "/console/nothing"), *rooms], what)
        assert nothing[0] == 404
        assert {route for route, answer in zip(rooms, found, strict=True) if answer != nothing} == set()
        assert fetch_from_page(view, [CALLS_ROUTE], {"account": what["account"]}) == [nothing]
        view.goto(demo_site.build_url(f"calls?id={call}"))
        expect(view.get_by_text("No call has this ID")).to_be_visible()
        assert SHANGHAI not in view.content()
    with open_page(chromium) as view:  # it is all routes, for others
        sign_in(demo_site, view, "emil")
        routes = [
            ("GET", f"/console/{path}") for path in ("calls", "call", "audio", "waveform", "download", "statistics")
        ]
        assert {status for status, _ in fetch_from_page(view, routes, what)} == {200}


def fetch_from_page(view: Page, rooms: list[tuple[str, str]], what: dict[str, object]) -> list[FetchResult]:
    """Return what the browser receives from routes, by links or by forms of its own page."""
    found: list[FetchResult] = view.evaluate(
        """async ([rooms, what]) => {
            const own = document.querySelector("[name=csrf]").value, found = [];
            for (const [method, path] of rooms) {
                const words = new URLSearchParams(method == "GET" ? what : {...what, csrf: own});
                const answer = await (method == "GET" ? fetch(`${path}?${words}`) : fetch(path, {method, body: words}));
                const text = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
                found.push([answer.status, text?.textContent]);
            }
            return found;
        }""",
        [rooms, what],
    )
    return found
