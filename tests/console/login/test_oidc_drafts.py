"""Entries of a form that was not sent, kept while the user signs in at a provider: for that login only, and without secrets."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from ccfs.console.login.drafts import COOKIE, MAX_COOKIE_LENGTH
from tests.api.api_client import Reply
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.login.oidc_provider import OidcProvider
from tests.console.login.oidc_sign_in import sign_in_with_oidc

TYPED = "Typed 'before' <it>"


def send_without_session(client: ConsoleClient, text: str = TYPED) -> Reply:
    """Return the login page that answers a form whose session has ended."""
    return client.post("/console/account/preferences", csrf="of an ended session", comment=text, new_password="secret")


def find_login_query(page: Reply) -> str:
    found = re.search(r'href="/console/oidc(\?[^"]*)"', page.body.decode())
    assert found
    return unescape(found[1])


def test_entries_survive_a_login_at_the_provider(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    page = send_without_session(client)
    assert (page.status, len(page.headers["set-cookie"]) < MAX_COOKIE_LENGTH + 100) == (401, True)
    assert "HttpOnly; SameSite=Lax; Max-Age=600" in page.headers["set-cookie"]
    assert TYPED not in page.headers["set-cookie"]
    reply = sign_in_with_oidc(client, oidc_provider, "sue", find_login_query(page))
    assert reply.headers["location"].startswith("/console/resume?note=")
    assert client.cookies[COOKIE] == ""
    resumed = client.get(reply.headers["location"]).body.decode()
    assert 'action="/console/account/preferences"' in resumed
    assert "Typed &#39;before&#39; &lt;it&gt;</textarea>" in resumed
    assert "secret" not in resumed
    other = ConsoleClient(server=client.server)
    sign_in_with_oidc(other, oidc_provider, "sam")
    assert other.get(reply.headers["location"]).headers["location"] == "/console"


def test_another_login_of_the_browser_does_not_show_them(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    send_without_session(client)
    reply = sign_in_with_oidc(client, oidc_provider, "sam", "?next=/console/audit&draft=guessed")
    assert (reply.headers["location"], client.cookies[COOKIE]) == ("/console/audit", "")


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAAB"])
def test_a_cookie_of_somebody_else_shows_nothing(
    client: ConsoleClient, oidc_provider: OidcProvider, cookie: str
) -> None:
    query = find_login_query(send_without_session(client))
    client.cookies[COOKIE] = cookie
    reply = sign_in_with_oidc(client, oidc_provider, "sue", query)
    assert reply.headers["location"] == parse_qs(urlsplit(query).query)["next"][0]


def test_a_denied_login_keeps_them_for_the_next_attempt(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    denied = sign_in_with_oidc(client, oidc_provider, "stranger", find_login_query(send_without_session(client)))
    assert (denied.status, TYPED in unescape(denied.body.decode())) == (403, True)
    reply = sign_in_with_oidc(client, oidc_provider, "sue", find_login_query(denied))
    assert reply.headers["location"].startswith("/console/resume?note=")


def test_a_sign_out_deletes_them(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    sign_in_with_oidc(client, oidc_provider, "sue")
    session = client.cookies.pop("ccfs_session")
    send_without_session(client)
    assert client.cookies[COOKIE]
    client.cookies["ccfs_session"] = session
    assert client.post("/console/logout").status == 303
    assert client.cookies[COOKIE] == ""


def test_entries_that_are_too_long_are_announced_as_lost(client: ConsoleClient) -> None:
    page = send_without_session(client, "".join(chr(0x4E00 + number * 37 % 9000) for number in range(3000)))
    assert "too long to be kept while you sign in with Example-ID" in extract_text(page)
    assert COOKIE not in client.cookies
    assert "draft=" not in find_login_query(page)
