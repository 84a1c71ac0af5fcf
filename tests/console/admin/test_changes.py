"""Changes by forms: CSRF protection, keys, accounts, users, and their audit log."""

import csv
import io
import re

import pytest

from tests.cli.command import run_ccfs
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text

FOREIGN_ORIGIN = "http://evil.example"


@pytest.mark.parametrize(
    "origin", [None, FOREIGN_ORIGIN, "null", "http://127.0.0.1:1", "https://evil.example/127.0.0.1"]
)
def test_a_form_of_another_origin_changes_nothing(signed_in: SignIn, origin: str | None) -> None:
    olga = signed_in("olga")
    reply = olga.post("/console/users/add", origin=origin, name="mallory", role="operator", csrf=olga.csrf)
    assert reply.status == 403
    assert "mallory" not in olga.get_text("/console/users")


@pytest.mark.parametrize("csrf", ["", "x", "0" * 64, "é"])
def test_a_form_without_the_csrf_token_changes_nothing(signed_in: SignIn, csrf: str) -> None:
    assert signed_in("olga").post("/console/users/add", name="mallory", role="operator", csrf=csrf).status == 403


def test_a_csrf_token_of_another_session_is_rejected(signed_in: SignIn) -> None:
    assert (
        signed_in("olga")
        .post("/console/users/add", name="mallory", role="operator", csrf=signed_in("lucy").csrf)
        .status
        == 403
    )


def test_a_login_form_of_another_origin_is_rejected(anonymous: ConsoleClient) -> None:
    for origin in (FOREIGN_ORIGIN, None):
        reply = anonymous.post("/console/login", origin=origin, name="lucy", password=PASSWORD)
        assert (reply.status, "set-cookie" in reply.headers) == (403, False)


def test_a_get_request_changes_nothing(signed_in: SignIn) -> None:
    assert signed_in("olga").get("/console/users/add?name=eve&role=operator").status == 404
    assert signed_in("olga").get("/console/logout").status == 404
    assert signed_in("olga").get("/console/account").status == 200


def test_a_form_that_is_too_large_is_rejected(signed_in: SignIn) -> None:
    assert signed_in("olga").post("/console/users/add", name="x" * 70_000).status == 400
    assert signed_in("olga").post("/console/users/add", **{f"f{number}": "x" for number in range(200)}).status == 400


def test_a_key_is_added_shown_once_used_and_revoked(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna = signed_in("anna")
    page = anna.post_and_follow("/console/apps/key", app=call_centre.acme.ak).body.decode()
    sk = re.search(r'id="sk">([\w-]{43})<', page)
    assert sk
    assert sk[1] not in anna.get("/console/apps").body.decode()
    url = f"http://{anna.server.host}"
    ask = f'{{"fileName": "{call_centre.first_recording.file_name}"}}'
    call = ("call", "requestPlayVoice", ask, "--url", url, "--ak", call_centre.acme.ak, "--sk", sk[1])
    assert run_ccfs(*call).code == 0
    newest = max(map(int, re.findall(r'name="key" value="(\d+)"', anna.get("/console/apps").body.decode())))
    assert anna.post("/console/apps/revoke", app=call_centre.acme.ak, key=str(newest)).status == 303
    assert run_ccfs(*call).code == 1


def test_an_account_is_added_or_the_page_shows_why_not(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, path = signed_in("anna"), "/console/apps/account"
    good = {"app": call_centre.acme.ak, "account": "acme-third", "vdn": "78", "zone": "America/New_York"}
    for wrong in ({"account": "a b"}, {"zone": "Mars/Olympus"}, {"zone": "../etc"}, {"vdn": "x"}, {"vdn": "4"}):
        assert anna.post(path, **good | wrong).status == 400, wrong
    assert anna.post(path, **good).status == 303
    assert "acme-third 78 America/New_York" in anna.get_text("/console/apps")


def test_a_user_is_added_granted_roles_and_disabled(signed_in: SignIn, call_centre: CallCentreData) -> None:
    olga = signed_in("olga")
    where = f"{call_centre.acme.ak}/acme-account"
    assert olga.post("/console/users/add", name="Paula", role="listener", scope="").status == 400
    page = olga.post_and_follow("/console/users/add", name="Paula", role="listener", scope=where)
    link = re.search(r"/console/setup\?link=([\w-]+)", page.body.decode())
    assert link
    paula = ConsoleClient(server=olga.server)
    assert paula.post("/console/setup", link=link[1], password=PASSWORD, repeat=PASSWORD).status == 303
    assert paula.get("/console/calls").status == 200
    for index in ("9" * 5000, "-1", "٠", ""):
        assert olga.post("/console/users/revoke", user="paula", grant=index).status == 404
    assert olga.post("/console/users/revoke", user="paula", grant="0").status == 303
    assert paula.get("/console/calls").status == 404
    assert olga.post("/console/users/grant", user="paula", role="auditor", scope="").status == 303
    assert paula.get("/console/audit").status == 200
    assert olga.post("/console/users/disable", user="paula").status == 303
    assert paula.get("/console/audit").status == 303


def test_the_last_operator_is_neither_revoked_nor_disabled(signed_in: SignIn) -> None:
    olga = signed_in("olga")
    assert olga.post("/console/users/revoke", user="olga", grant="0").status == 400
    assert olga.post("/console/users/disable", user="olga").status == 400
    assert olga.get("/console/users").status == 200


def test_the_audit_log_has_action_actor_and_address(
    signed_in: SignIn, call_centre: CallCentreData, anonymous: ConsoleClient
) -> None:
    lucy, audrey = signed_in("lucy"), signed_in("audrey")
    anonymous.sign_in("=cmd|'/c calc'!A1", "a wrong password")
    played = "lucy Played heard.wav of call 1700000000-1"
    before = audrey.get_text("/console/audit?actor=lucy").count(played)
    lucy.get(f"/console/call?account={call_centre.account_param}&id=1700000000-1")
    lucy.get(f"/console/audio?account={call_centre.account_param}&name={call_centre.first_recording.file_name}")
    lucy.get(
        f"/console/audio?account={call_centre.account_param}&name={call_centre.first_recording.file_name}",
        range="bytes=100-",
    )
    text = audrey.get_text("/console/audit?actor=lucy")
    assert "lucy Viewed call 1700000000-1 acme · acme-account 127.0.0.1" in text
    assert text.count(played) == before + 1
    assert "Signed in" in text
    reply = audrey.get("/console/audit/csv")
    assert reply.headers["content-disposition"].startswith('attachment; filename="ccfs-audit-log-')
    found = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert "'=cmd|'/c calc'!a1" in {row["Object"] for row in found if row["Action"] == "login_failed"}
    assert all(not row["Object"].startswith(("=", "+", "@")) for row in found)
    assert PASSWORD not in reply.body.decode()


def test_an_auditor_of_one_app_reads_the_audit_log_of_that_app_only(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    olga, basil = signed_in("olga"), signed_in("basil")
    basil.get("/console/calls")
    signed_in("lucy").get("/console/calls")
    olga.post("/console/users/grant", user="nick", role="auditor", scope=call_centre.bolt.ak)
    text = signed_in("nick").get_text("/console/audit")
    olga.post("/console/users/revoke", user="nick", grant="0")
    assert "bolt-account" in text
    assert "acme" not in text


def test_the_language_is_the_browser_s_until_the_user_chooses_one(anonymous: ConsoleClient) -> None:
    assert "登录" in extract_text(
        ConsoleClient(server=anonymous.server, language="zh-CN,zh;q=0.9,en;q=0.8").get("/console/login")
    )
    assert "Sign in" in anonymous.get_text("/console/login")
    reply = anonymous.post("/console/language", language="zh", next="https://evil.example/")
    assert reply.headers["location"] == "/console"
    assert "登录" in anonymous.get_text("/console/login")
    assert anonymous.post("/console/language", language="xx").status == 404
