"""Signing in by an OpenID Connect provider, a real one that lies on demand: who gets in, and what gets nobody in."""

import re
from html import unescape
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ccfs.console.login.oidc_client import OidcClient as OurProvider
from ccfs.console.login.oidc_config import OidcConfig, OidcUnavailable
from tests.cli.command import ccfs
from tests.console.arriving import came, departed, is_in
from tests.console.provider import CLIENT, SECRET, Provider
from tests.console.visitor import Visitor, text_of
from tests.web.callers import Reply

BEGIN_AGAIN = "Begin again."


def test_who_is_known_there_and_here_is_let_in(visitor: Visitor, idp: Provider) -> None:
    assert (
        'href="/console/oidc?next=%2Fconsole%2Faudit"'
        in visitor.get("/console/login?next=/console/audit").body.decode()
    )
    reply = came(visitor, idp, "sue", "?next=/console/audit")
    assert (reply.status, reply.headers["location"]) == (303, "/console/audit")
    text = visitor.text("/console/audit?who=sue")
    assert f"sue Signed in {idp.issuer} – 127.0.0.1" in text
    assert "Tied a person to the sign-in service sue" in visitor.text("/console/audit")
    assert visitor.cookies["ccfs_departure"] == ""


def test_the_browser_leaves_with_all_that_the_protocol_asks_for(visitor: Visitor, idp: Provider) -> None:
    there = urlsplit(departed(visitor))
    asked = dict(parse_qsl(there.query))
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{idp.issuer}/authorize"
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code",
        "S256",
        "openid profile email",
    )
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 32
    reply = visitor.get("/console/oidc")
    assert re.search(
        r"ccfs_departure=[\w=-]+; Path=/console; HttpOnly; SameSite=Lax; Max-Age=600", reply.headers["set-cookie"]
    )
    assert SECRET not in str(reply.headers)


def test_it_is_the_person_that_counts_and_not_the_name(visitor: Visitor, idp: Provider) -> None:
    assert came(visitor, idp, "sam").status == 303
    idp.lie(claims={"sub": "somebody else"})
    assert came(Visitor(server=visitor.server), idp, "sam").status == 403
    idp.lie(claims={"preferred_username": "renamed"})
    again = Visitor(server=visitor.server)
    assert came(again, idp, "sam").status == 303
    assert "sam" in again.text("/console/me")


@pytest.mark.parametrize("who", ["stranger", "Robert'); --", "", " ", "x" * 70, "olga", "lucy"])
def test_nobody_gets_in_who_is_not_known_here_or_has_a_password(visitor: Visitor, idp: Provider, who: str) -> None:
    idp.lie(claims={"preferred_username": who})
    reply = came(visitor, idp, f"id {who}")
    assert (reply.status, "ccfs_session=" in reply.headers.get("set-cookie", "")) == (403, False)
    assert "not let in here" in text_of(reply)


def test_a_disabled_person_stays_out(visitor: Visitor, idp: Provider) -> None:
    data = visitor.server.node.settings.data
    assert came(visitor, idp, "dan").status == 303
    assert ccfs("user", "disable", "dan", "--data", data).code == 0
    assert not is_in(visitor)
    assert came(visitor, idp, "dan").status == 403
    assert ccfs("user", "disable", "tom", "--data", data).code == 0  # one who never came
    assert came(visitor, idp, "tom").status == 403


def test_who_has_a_password_ties_the_name_by_signing_in_with_it(visitor: Visitor, idp: Provider) -> None:
    assert visitor.sign_in("anna").status == 303
    there = re.search(r'href="/console/oidc(\?tie=[^"]+)"', visitor.get("/console/me").body.decode())
    assert there
    assert came(visitor, idp, "anna at home", unescape(there[1])).headers["location"] == "/console/me"
    assert "You are known there" in visitor.text("/console/me")
    fresh = Visitor(server=visitor.server)
    assert came(fresh, idp, "anna at home").status == 303
    assert "Administrator" in fresh.text("/console/me")
    assert ccfs("user", "reset", "anna", "--data", visitor.server.node.settings.data).code == 0
    assert came(Visitor(server=visitor.server), idp, "anna at home").status == 403


def test_nobody_is_tied_by_another_page_s_link(visitor: Visitor, idp: Provider) -> None:
    visitor.sign_in("emil")
    for word in ("yes", "0" * 64, visitor.csrf):
        assert visitor.get(f"/console/oidc?tie={word}").status == 404
    assert Visitor(server=visitor.server).get("/console/oidc?tie=yes").status == 404


def test_a_name_is_not_tied_to_somebody_who_is_another_name_s_already(visitor: Visitor, idp: Provider) -> None:
    came(Visitor(server=visitor.server), idp, "sue")
    visitor.sign_in("basil")
    there = re.search(r'href="/console/oidc(\?tie=[^"]+)"', visitor.get("/console/me").body.decode())
    assert there
    assert came(visitor, idp, "sue", unescape(there[1])).status == 403
    assert "Not yet" in visitor.text("/console/me")


@pytest.mark.parametrize("state", [None, "", "x", "é"], ids=["of another departure", "none", "wrong", "no letters"])
def test_a_return_with_another_state_signs_nobody_in(visitor: Visitor, idp: Provider, state: str | None) -> None:
    back = idp.return_of(departed(Visitor(server=visitor.server)), "sue")
    departed(visitor)
    if state is not None:
        back = re.sub(r"state=[^&]*", f"state={quote(state)}", back)
    reply = visitor.get(back)
    assert (reply.status, "begun elsewhere" in text_of(reply), is_in(visitor)) == (400, True, False)


@pytest.mark.parametrize("cookie", [None, "", "x", "gAAAAA"])
def test_a_return_to_a_browser_that_never_left_signs_nobody_in(
    visitor: Visitor, idp: Provider, cookie: str | None
) -> None:
    back = idp.return_of(departed(Visitor(server=visitor.server)), "sue")
    if cookie is not None:
        visitor.cookies["ccfs_departure"] = cookie
    assert (visitor.get(back).status, is_in(visitor)) == (400, False)


def test_a_return_is_good_once(visitor: Visitor, idp: Provider) -> None:
    back = idp.return_of(departed(visitor), "sue")
    kept = dict(visitor.cookies)
    assert visitor.get(back).status == 303
    thief = Visitor(server=visitor.server, cookies=kept)
    reply = thief.get(back)
    assert (reply.status, BEGIN_AGAIN in text_of(reply), is_in(thief)) == (401, True, False)


def test_a_code_that_was_used_or_is_another_browser_s_signs_nobody_in(visitor: Visitor, idp: Provider) -> None:
    def with_code_of(other: str) -> Reply:
        mine = idp.return_of(departed(visitor), "sue")
        return visitor.get(re.sub(r"code=[^&]*", re.search(r"code=[^&]*", other)[0], mine))  # type: ignore[index]

    used, other = idp.return_of(departed(visitor), "sue"), Visitor(server=visitor.server)
    assert visitor.get(used).status == 303
    visitor.cookies.pop("ccfs_session")
    assert (with_code_of(used).status, is_in(visitor)) == (401, False)
    theirs = idp.return_of(departed(other), "sam")  # never used, but PKCE ties it to the browser that left for it
    assert (with_code_of(theirs).status, is_in(visitor)) == (401, False)


def test_a_key_that_is_new_is_looked_for(visitor: Visitor, idp: Provider) -> None:
    assert came(visitor, idp, "sue").status == 303
    idp.lie(new_key=True)
    assert came(Visitor(server=visitor.server), idp, "sue").status == 303


def test_a_session_that_somebody_planted_is_not_the_one_that_signs_in(visitor: Visitor, idp: Provider) -> None:
    other = Visitor(server=visitor.server)
    other.sign_in("lucy")
    visitor.cookies["ccfs_session"] = planted = other.cookies["ccfs_session"]
    assert came(visitor, idp, "sue").status == 303
    assert visitor.cookies["ccfs_session"] != planted
    assert "sue" in visitor.text("/console/me")
    assert not is_in(other)  # what was planted is over


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_it_leads_nowhere_else(visitor: Visitor, idp: Provider, elsewhere: str) -> None:
    reply = came(visitor, idp, "sue", f"?next={quote(elsewhere)}&redirect_uri={quote(elsewhere)}")
    assert reply.headers["location"] == "/console/calls"
    there = departed(Visitor(server=visitor.server), "?host=evil.example")
    assert there.startswith(idp.issuer + "/authorize?")
    forged = visitor.get("/console/oidc", host="evil.example", **{"x-forwarded-host": "evil.example"})
    assert "evil" not in forged.headers["location"]


def test_signing_out_offers_to_sign_out_there_too(visitor: Visitor, idp: Provider) -> None:
    came(visitor, idp, "sue")
    page = visitor.get(visitor.post("/console/logout").headers["location"])
    assert 'href="/console/oidc/out"' in page.body.decode()
    assert not is_in(visitor)
    assert visitor.get("/console/oidc/out").headers["location"].startswith(f"{idp.issuer}/out?client_id={CLIENT}&")


def test_the_provider_s_secret_is_on_no_page_and_in_no_log(visitor: Visitor, idp: Provider) -> None:
    visitor.sign_in("olga")
    page = visitor.text("/console/node")
    assert "CCFS_OIDC_CLIENT_SECRET •••" in page
    assert SECRET not in page
    came(Visitor(server=visitor.server), idp, "sue")
    log = visitor.server.log_text()
    assert SECRET not in log
    assert "code=" not in log


def test_a_provider_that_says_it_is_another_is_not_believed(idp: Provider) -> None:
    terms = OidcConfig(
        issuer=idp.issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        scopes=("openid",),
        redirect_uri="b",
        post_logout_redirect_uri="h",
    )
    for metadata in ({"issuer": "https://evil.example"}, {"jwks_uri": None}, {"token_endpoint": "file:///etc/passwd"}):
        idp.lie(metadata=metadata)
        with pytest.raises(OidcUnavailable):
            OurProvider(terms).build_authorization_url("s", "n", "v")
    idp.lie(metadata={"authorization_response_iss_parameter_supported": True})
    assert [OurProvider(terms).is_expected_issuer(said) for said in (None, "x", idp.issuer)] == [False, False, True]
    idp.lie()
