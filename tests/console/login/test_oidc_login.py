"""Login by an OpenID Connect provider: users, linking, state, redirects, logout."""

import re
from html import unescape
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ccfs.console.login.oidc_client import OidcClient as OurProvider
from ccfs.console.login.oidc_config import OidcConfig, OidcUnavailable
from tests.api.api_client import Reply
from tests.cli.command import run_ccfs
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.login.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.console.login.oidc_sign_in import is_signed_in, sign_in_with_oidc, start_oidc_login

RETRY_TEXT = "Please try again."


def test_a_user_of_the_provider_and_of_the_console_is_signed_in(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    assert (
        'href="/console/oidc?next=%2Fconsole%2Faudit"' in client.get("/console/login?next=/console/audit").body.decode()
    )
    reply = sign_in_with_oidc(client, oidc_provider, "sue", "?next=/console/audit")
    assert (reply.status, reply.headers["location"]) == (303, "/console/audit")
    text = client.get_text("/console/audit?actor=sue")
    assert f"sue Signed in {oidc_provider.issuer} – 127.0.0.1" in text
    assert "Linked a user to single sign-on sue" in client.get_text("/console/audit")
    assert client.cookies["ccfs_oidc_state"] == ""


def test_the_authorization_request_has_all_that_the_protocol_requires(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    link = urlsplit(start_oidc_login(client))
    parameters = dict(parse_qsl(link.query))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{oidc_provider.issuer}/authorize"
    assert (parameters["response_type"], parameters["code_challenge_method"], parameters["scope"]) == (
        "code",
        "S256",
        "openid profile email",
    )
    assert min(len(parameters[name]) for name in ("state", "nonce", "code_challenge")) >= 32
    reply = client.get("/console/oidc")
    assert re.search(
        r"ccfs_oidc_state=[\w=.-]+; Path=/console; HttpOnly; SameSite=Lax; Max-Age=600", reply.headers["set-cookie"]
    )
    assert CLIENT_SECRET not in str(reply.headers)


def test_a_user_is_identified_by_subject_and_not_by_name(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    assert sign_in_with_oidc(client, oidc_provider, "sam").status == 303
    oidc_provider.set_overrides(claims={"sub": "somebody else"})
    assert sign_in_with_oidc(ConsoleClient(server=client.server), oidc_provider, "sam").status == 403
    oidc_provider.set_overrides(claims={"preferred_username": "renamed"})
    again = ConsoleClient(server=client.server)
    assert sign_in_with_oidc(again, oidc_provider, "sam").status == 303
    assert "sam" in again.get_text("/console/account")


@pytest.mark.parametrize("who", ["stranger", "Robert'); --", "", " ", "x" * 70, "olga", "lucy"])
def test_an_unknown_user_or_one_with_a_password_is_denied(
    client: ConsoleClient, oidc_provider: OidcProvider, who: str
) -> None:
    oidc_provider.set_overrides(claims={"preferred_username": who})
    reply = sign_in_with_oidc(client, oidc_provider, f"id {who}")
    assert (reply.status, "ccfs_session=" in reply.headers.get("set-cookie", "")) == (403, False)
    assert "You do not have access" in extract_text(reply)


def test_a_disabled_user_is_denied(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    data = client.server.node.settings.data
    assert sign_in_with_oidc(client, oidc_provider, "dan").status == 303
    assert run_ccfs("user", "disable", "dan", "--data", data).code == 0
    assert not is_signed_in(client)
    assert sign_in_with_oidc(client, oidc_provider, "dan").status == 403
    assert run_ccfs("user", "disable", "tom", "--data", data).code == 0  # one who never came
    assert sign_in_with_oidc(client, oidc_provider, "tom").status == 403


def test_a_user_with_a_password_links_the_subject_by_signing_in_with_it(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    assert client.sign_in("anna").status == 303
    link = re.search(r'href="/console/oidc(\?link_token=[^"]+)"', client.get("/console/account").body.decode())
    assert link
    assert (
        sign_in_with_oidc(client, oidc_provider, "anna at home", unescape(link[1])).headers["location"]
        == "/console/account"
    )
    assert "Linked. You can sign in" in client.get_text("/console/account")
    fresh = ConsoleClient(server=client.server)
    assert sign_in_with_oidc(fresh, oidc_provider, "anna at home").status == 303
    assert "Administrator" in fresh.get_text("/console/account")
    assert run_ccfs("user", "reset", "anna", "--data", client.server.node.settings.data).code == 0
    assert sign_in_with_oidc(ConsoleClient(server=client.server), oidc_provider, "anna at home").status == 403


def test_no_user_is_linked_by_another_site_s_url(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    client.sign_in("emil")
    for word in ("yes", "0" * 64, client.csrf):
        assert client.get(f"/console/oidc?link_token={word}").status == 404
    assert ConsoleClient(server=client.server).get("/console/oidc?link_token=yes").status == 404


def test_a_subject_that_is_linked_already_is_not_linked_again(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    sign_in_with_oidc(ConsoleClient(server=client.server), oidc_provider, "sue")
    client.sign_in("basil")
    link = re.search(r'href="/console/oidc(\?link_token=[^"]+)"', client.get("/console/account").body.decode())
    assert link
    assert sign_in_with_oidc(client, oidc_provider, "sue", unescape(link[1])).status == 403
    assert "Your user is not linked" in client.get_text("/console/account")


@pytest.mark.parametrize("state", [None, "", "x", "é"], ids=["of another login", "none", "wrong", "no letters"])
def test_a_callback_with_another_state_signs_nobody_in(
    client: ConsoleClient, oidc_provider: OidcProvider, state: str | None
) -> None:
    back = oidc_provider.sign_in(start_oidc_login(ConsoleClient(server=client.server)), "sue")
    start_oidc_login(client)
    if state is not None:
        back = re.sub(r"state=[^&]*", f"state={quote(state)}", back)
    reply = client.get(back)
    assert (reply.status, "started in another browser" in extract_text(reply), is_signed_in(client)) == (
        400,
        True,
        False,
    )


@pytest.mark.parametrize("cookie", [None, "", "x", "gAAAAA"])
def test_a_callback_without_a_login_state_signs_nobody_in(
    client: ConsoleClient, oidc_provider: OidcProvider, cookie: str | None
) -> None:
    back = oidc_provider.sign_in(start_oidc_login(ConsoleClient(server=client.server)), "sue")
    if cookie is not None:
        client.cookies["ccfs_oidc_state"] = cookie
    assert (client.get(back).status, is_signed_in(client)) == (400, False)


def test_a_callback_is_accepted_once(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    back = oidc_provider.sign_in(start_oidc_login(client), "sue")
    cookies = dict(client.cookies)
    assert client.get(back).status == 303
    thief = ConsoleClient(server=client.server, cookies=cookies)
    reply = thief.get(back)
    assert (reply.status, RETRY_TEXT in extract_text(reply), is_signed_in(thief)) == (401, True, False)


def test_a_used_code_or_one_of_another_browser_signs_nobody_in(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    def with_code_of(other: str) -> Reply:
        mine = oidc_provider.sign_in(start_oidc_login(client), "sue")
        return client.get(re.sub(r"code=[^&]*", re.search(r"code=[^&]*", other)[0], mine))  # type: ignore[index]

    used, other = oidc_provider.sign_in(start_oidc_login(client), "sue"), ConsoleClient(server=client.server)
    assert client.get(used).status == 303
    client.cookies.pop("ccfs_session")
    assert (with_code_of(used).status, is_signed_in(client)) == (401, False)
    theirs = oidc_provider.sign_in(
        start_oidc_login(other), "sam"
    )  # never used, but PKCE ties it to the browser that left for it
    assert (with_code_of(theirs).status, is_signed_in(client)) == (401, False)


def test_a_new_key_of_the_provider_is_loaded(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    assert sign_in_with_oidc(client, oidc_provider, "sue").status == 303
    oidc_provider.set_overrides(new_key=True)
    assert sign_in_with_oidc(ConsoleClient(server=client.server), oidc_provider, "sue").status == 303


def test_a_planted_session_token_does_not_become_the_session(
    client: ConsoleClient, oidc_provider: OidcProvider
) -> None:
    other = ConsoleClient(server=client.server)
    other.sign_in("lucy")
    client.cookies["ccfs_session"] = planted = other.cookies["ccfs_session"]
    assert sign_in_with_oidc(client, oidc_provider, "sue").status == 303
    assert client.cookies["ccfs_session"] != planted
    assert "sue" in client.get_text("/console/account")
    assert not is_signed_in(other)  # what was planted is over


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_oidc_login_redirects_to_no_other_site(
    client: ConsoleClient, oidc_provider: OidcProvider, elsewhere: str
) -> None:
    reply = sign_in_with_oidc(client, oidc_provider, "sue", f"?next={quote(elsewhere)}&redirect_uri={quote(elsewhere)}")
    assert reply.headers["location"] == "/console"
    link = start_oidc_login(ConsoleClient(server=client.server), "?host=evil.example")
    assert link.startswith(oidc_provider.issuer + "/authorize?")
    forged = client.get("/console/oidc", host="evil.example", **{"x-forwarded-host": "evil.example"})
    assert "evil" not in forged.headers["location"]


def test_a_logout_offers_the_provider_s_logout(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    sign_in_with_oidc(client, oidc_provider, "sue")
    page = client.get(client.post("/console/logout").headers["location"])
    assert 'href="/console/oidc/logout"' in page.body.decode()
    assert not is_signed_in(client)
    assert (
        client.get("/console/oidc/logout")
        .headers["location"]
        .startswith(f"{oidc_provider.issuer}/out?client_id={CLIENT_ID}&")
    )


def test_the_client_secret_is_on_no_page_and_in_no_log(client: ConsoleClient, oidc_provider: OidcProvider) -> None:
    client.sign_in("olga")
    page = client.get_text("/console/settings")
    assert "CCFS_OIDC_CLIENT_SECRET •••" in page
    assert CLIENT_SECRET not in page
    sign_in_with_oidc(ConsoleClient(server=client.server), oidc_provider, "sue")
    log = client.server.read_log()
    assert CLIENT_SECRET not in log
    assert "code=" not in log


def test_a_provider_with_another_issuer_is_rejected(oidc_provider: OidcProvider) -> None:
    terms = OidcConfig(
        issuer=oidc_provider.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes=("openid",),
        redirect_uri="b",
        post_logout_redirect_uri="h",
    )
    for metadata in ({"issuer": "https://evil.example"}, {"jwks_uri": None}, {"token_endpoint": "file:///etc/passwd"}):
        oidc_provider.set_overrides(metadata=metadata)
        with pytest.raises(OidcUnavailable):
            OurProvider(terms).build_authorization_url("s", "n", "v")
    oidc_provider.set_overrides(metadata={"authorization_response_iss_parameter_supported": True})
    assert [OurProvider(terms).is_expected_issuer(said) for said in (None, "x", oidc_provider.issuer)] == [
        False,
        False,
        True,
    ]
    oidc_provider.set_overrides()
