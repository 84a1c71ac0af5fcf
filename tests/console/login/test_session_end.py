"""Requests after the end of a session: scripts get a status, forms keep their entries while the user signs in again."""

import re
from html import unescape

import pytest

from tests.console.conftest import SignIn
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text

SCRIPT_HEADERS = [{"hx-request": "true"}, {"sec-fetch-mode": "no-cors"}, {"sec-fetch-mode": "cors"}]


@pytest.fixture
def ended(signed_in: SignIn) -> ConsoleClient:
    """A client whose session is over."""
    return ConsoleClient(server=signed_in("olga").server)


@pytest.fixture
def stale_csrf(signed_in: SignIn) -> str:
    """The CSRF token of another session of hers."""
    return signed_in("olga").csrf


def get_hidden_fields(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)}


@pytest.mark.parametrize("headers", SCRIPT_HEADERS)
@pytest.mark.parametrize("path", ["/console/calls", "/console/audio?account=x&name=y", "/console/nothing"])
def test_a_script_gets_a_status_instead_of_the_login_page(
    ended: ConsoleClient, path: str, headers: dict[str, str]
) -> None:
    reply = ended.get(path, **headers)
    assert (reply.status, reply.headers["ccfs-session"]) == (401, "ended")
    assert "location" not in reply.headers


def test_a_page_still_leads_to_the_login(ended: ConsoleClient) -> None:
    assert ended.get("/console/calls", **{"sec-fetch-mode": "navigate"}).headers["location"].endswith("%2Fcalls")


def test_entries_of_a_form_are_shown_after_the_login_and_sent_by_the_user(
    ended: ConsoleClient, stale_csrf: str
) -> None:
    entries = {"name": "Typed 'before' <it>", "password": PASSWORD, "csrf": stale_csrf}
    page = ended.post("/console/apps/add", **entries)
    assert page.status == 401
    assert "You were signed out, so nothing was sent." in extract_text(page)
    assert PASSWORD not in page.body.decode()
    fields = get_hidden_fields(page.body.decode())
    assert fields["draft.name"] == "Typed 'before' <it>"
    wrong = ended.post("/console/login", **fields, name="olga", password="a wrong password")
    assert get_hidden_fields(wrong.body.decode()) == fields
    right = ended.post("/console/login", **fields, name="olga", password=PASSWORD)
    assert right.status == 303
    resumed = ended.get(right.headers["location"]).body.decode()
    assert 'action="/console/apps/add"' in resumed
    assert "Typed &#39;before&#39; &lt;it&gt;</textarea>" in resumed
    assert "Typed" not in ended.get_text("/console/apps")
    rejected = ended.post(
        "/console/apps/add", **{**entries, "csrf": get_hidden_fields(resumed)["csrf"], "password": ""}
    )
    assert 'value="Typed &#39;before&#39; &lt;it&gt;"' in rejected.body.decode()  # the password is asked again


def test_a_draft_belongs_to_its_user(ended: ConsoleClient, signed_in: SignIn) -> None:
    draft = {"draft-path": "/console/apps/add", "draft.name": "Only for olga"}
    location = ended.post("/console/login", **draft, name="olga", password=PASSWORD).headers["location"]
    assert signed_in("lucy").get(location).headers["location"] == "/console"
    assert "Only for olga" in ended.get_text(location)


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/console/../x", "/elsewhere"])
def test_a_draft_is_sent_to_the_console_only(ended: ConsoleClient, path: str) -> None:
    draft = {"draft-path": path, "draft.text": "x"}
    location = ended.post("/console/login", **draft, name="olga", password=PASSWORD).headers["location"]
    assert 'action="/console"' in ended.get(location).body.decode()


def test_a_form_of_an_earlier_session_can_be_sent_again(ended: ConsoleClient, stale_csrf: str) -> None:
    ended.sign_in("olga")
    page = ended.post("/console/apps/add", name="Again", csrf=stale_csrf)
    assert page.status == 403
    assert get_hidden_fields(page.body.decode())["csrf"] not in ("", stale_csrf)
    assert ">Again</textarea>" in page.body.decode()
    origin = {"origin": f"http://{ended.server.host}", "hx-request": "true"}
    script = ended._send("POST", "/console/apps/add", origin, f"name=Again&csrf={stale_csrf}".encode())
    assert (script.status, script.headers["ccfs-session"]) == (403, "renewed")


def test_a_form_that_is_too_large_to_keep_is_not_kept(ended: ConsoleClient, stale_csrf: str) -> None:
    page = ended.post("/console/apps/add", csrf=stale_csrf, name="x" * 30_000)
    assert (page.status, "draft" in page.body.decode()) == (401, False)


def test_a_sign_out_after_the_end_of_the_session_signs_out(ended: ConsoleClient, stale_csrf: str) -> None:
    reply = ended.post("/console/logout", csrf=stale_csrf)
    assert reply.headers["location"] == "/console/login?logged_out=yes"
