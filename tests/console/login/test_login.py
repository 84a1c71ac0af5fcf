"""Login by password: sessions, cookies, setup links, second factor, lock-out."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system.console import passwords, users
from ccfs.model.identity import totp
from ccfs.model.identity.user import Grant, Role
from tests.cli.command import CommandResult, run_ccfs
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer, run_server

LOGIN_ERROR = "Incorrect user name, password or code."


@pytest.fixture(scope="module")
def locking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server without users, behind a proxy, with lock-out."""
    with run_server(tmp_path_factory.mktemp("strict"), lock_failures=3, trusted_proxies="127.0.0.0/8") as server:
        yield server


def _add_user(server: CcfsServer, name: str) -> str:
    with server.node.database.write_transaction() as connection:
        user = users.add(connection, name, passwords.hash_password(PASSWORD), datetime.now(UTC))
        users.grant_role(connection, user, Grant(role=Role.AUDITOR))
    return name


def test_a_page_without_a_session_redirects_to_the_login(anonymous: ConsoleClient) -> None:
    for path in ("/console", "/console/calls", "/console/audit", "/console/audio?account=x&name=y", "/console/nothing"):
        reply = anonymous.get(path)
        assert (reply.status, reply.body) == (303, b"")
        assert reply.headers["location"].startswith("/console/login")


def test_the_login_leads_to_the_requested_page(anonymous: ConsoleClient) -> None:
    location = anonymous.get("/console/call?account=a%2Fb&id=1").headers["location"]
    assert location == "/console/login?next=%2Fconsole%2Fcall%3Faccount%3Da%252Fb%26id%3D1"
    assert 'value="/console/call?account=a%2Fb&amp;id=1"' in anonymous.get(location).body.decode()
    assert (
        anonymous.sign_in("lucy", next="/console/call?account=a%2Fb&id=1").headers["location"]
        == "/console/call?account=a%2Fb&id=1"
    )


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console\\..\\x",
        "/console/../x",
        "javascript:alert(1)",
        "/console/calls\r\nset-cookie: x=1",
        "/console/calls?a=\r\nx",
        "/consolex",
        " /console",
        "/console/call?\\",
    ],
)
def test_the_login_redirects_to_no_other_site(anonymous: ConsoleClient, elsewhere: str) -> None:
    reply = anonymous.sign_in("lucy", next=elsewhere)
    assert (reply.status, reply.headers["location"]) == (303, "/console")
    assert "x=1" not in reply.headers["set-cookie"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("lucy", "another password"), ("lucy", ""), ("nobody", PASSWORD), ("", ""), ("lucy' or 1=1 --", PASSWORD)],
)
def test_a_login_without_the_password_fails(anonymous: ConsoleClient, name: str, password: str) -> None:
    reply = anonymous.sign_in(name, password)
    assert reply.status == 401
    assert LOGIN_ERROR in extract_text(reply)
    assert "set-cookie" not in reply.headers


def test_the_session_cookie_is_for_this_server_s_console_only(anonymous: ConsoleClient) -> None:
    cookie = anonymous.sign_in("lucy").headers["set-cookie"]
    assert re.fullmatch(
        r"ccfs_session=[\w-]{43}; Path=/console; HttpOnly; SameSite=Lax; Max-Age=43200", cookie
    )  # no Secure: the connection is plain


def test_the_session_cookie_is_secure_behind_a_tls_proxy(locking_server: CcfsServer) -> None:
    name, client = _add_user(locking_server, "proxied"), ConsoleClient(server=locking_server)
    origin = {"origin": f"https://{locking_server.host}", "x-forwarded-proto": "https"}
    body = f"name={name}&password={PASSWORD.replace(' ', '+')}".encode()
    assert client._send("POST", "/console/login", origin, body).headers["set-cookie"].endswith("; Secure")


def test_a_planted_session_token_does_not_become_the_session(anonymous: ConsoleClient) -> None:
    anonymous.cookies["ccfs_session"] = planted = "planted-by-somebody-else"
    anonymous.sign_in("lucy")
    assert anonymous.cookies["ccfs_session"] != planted
    other = ConsoleClient(server=anonymous.server, cookies={"ccfs_session": planted})
    assert other.get("/console/calls").status == 303


def test_a_new_login_ends_the_previous_session(anonymous: ConsoleClient) -> None:
    anonymous.sign_in("lucy")
    before = ConsoleClient(server=anonymous.server, cookies=dict(anonymous.cookies))
    anonymous.sign_in("lucy")
    assert anonymous.get("/console/calls").status == 200
    assert before.get("/console/calls").status == 303


def test_a_logout_ends_the_session_at_the_server(anonymous: ConsoleClient) -> None:
    anonymous.sign_in("lucy")
    cookies = dict(anonymous.cookies)
    reply = anonymous.post("/console/logout")
    assert reply.headers["location"] == "/console/login?logged_out=yes"
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert ConsoleClient(server=anonymous.server, cookies=cookies).get("/console/calls").status == 303


def test_only_digests_of_session_tokens_are_stored(anonymous: ConsoleClient) -> None:
    anonymous.sign_in("lucy")
    with anonymous.server.node.database.read_transaction() as connection:
        digests = connection.exec_driver_sql("SELECT digest FROM console_sessions").scalars().all()
    assert digests
    assert anonymous.cookies["ccfs_session"] not in digests
    assert all(
        ConsoleClient(server=anonymous.server, cookies={"ccfs_session": digest}).get("/console").status == 303
        for digest in digests
    )


def _run_user_command(client: ConsoleClient, *arguments: str) -> CommandResult:
    """Run `ccfs user …` on the server's machine."""
    set_to = client.server.node.settings
    database = {"CCFS_DATABASE_URL": set_to.database_url} if set_to.database_url else {}
    return run_ccfs("user", *arguments, settings={"CCFS_DATA": str(set_to.data), **database})


def _age_session(client: ConsoleClient, column: str, age: timedelta) -> None:
    """Set the session's start, or its last use, to so much earlier."""
    table = schema.console_sessions
    mine = table.c.digest == users.hash_token(client.cookies["ccfs_session"])
    with client.server.node.database.write_transaction() as connection:
        at = connection.execute(sa.select(table.c[column]).where(mine)).scalar_one()
        connection.execute(sa.update(table).where(mine).values({column: at - age}))


@pytest.mark.parametrize(("column", "age"), [("seen_at", timedelta(hours=1)), ("created_at", timedelta(hours=12))])
def test_a_session_ends_after_its_idle_timeout_and_its_lifetime(
    anonymous: ConsoleClient, column: str, age: timedelta
) -> None:
    anonymous.sign_in("lucy")
    _age_session(anonymous, column, age - timedelta(minutes=1))
    assert anonymous.get("/console/account").status == 200
    _age_session(anonymous, column, age)
    assert anonymous.get("/console/account").status == 303


def test_a_disabled_user_is_signed_out_at_once_and_cannot_sign_in(anonymous: ConsoleClient) -> None:
    anonymous.sign_in(_add_user(anonymous.server, "odd"))
    assert _run_user_command(anonymous, "disable", "odd").code == 0
    assert anonymous.get("/console/account").status == 303
    assert anonymous.sign_in("odd").status == 401
    assert _run_user_command(anonymous, "disable", "odd", "--enable").code == 0
    assert anonymous.sign_in("odd").status == 303


def test_the_first_start_prints_a_setup_link_that_adds_one_operator(locking_server: CcfsServer) -> None:
    link = re.search(r"http://\S+(/console/setup\?link=\S+)", locking_server.read_log())
    assert link
    client = ConsoleClient(server=locking_server)
    assert "Welcome to ccfs" in client.get_text(link[1])
    token = link[1].partition("=")[2]
    form = {"link": token, "name": "Olga", "password": PASSWORD, "repeat": PASSWORD}
    assert client.post("/console/setup", **form | {"password": "short", "repeat": "short"}).status == 400
    assert client.post("/console/setup", **form | {"repeat": "another password"}).status == 400
    assert client.post("/console/setup", **form).status == 303
    assert "Operator" in client.get_text("/console/account")
    assert client.post("/console/setup", **form | {"name": "eve"}).status == 404
    assert ConsoleClient(server=locking_server).get(link[1]).status == 404


def test_too_many_failed_logins_lock_out_the_name_and_the_address(locking_server: CcfsServer) -> None:
    name = _add_user(locking_server, "guessed")
    client, elsewhere = (
        ConsoleClient(server=locking_server, source="127.0.0.3"),
        ConsoleClient(server=locking_server, source="127.0.0.2"),
    )
    assert [client.sign_in(name, "wrong password").status for _ in range(4)] == [401, 401, 401, 429]
    assert elsewhere.sign_in(name).status == 429  # the name, wherever it comes from
    assert client.sign_in("somebody").status == 429  # the address, whoever it says it is
    assert elsewhere.sign_in("somebody", "wrong password").status == 401


def test_a_setup_link_sets_the_password_once(anonymous: ConsoleClient) -> None:
    result = _run_user_command(anonymous, "add", "ben", "--role", "auditor", "--json").json
    token = result["link"].partition("=")[2]
    assert "ben" in anonymous.get_text(f"/console/setup?link={token}")
    assert anonymous.post("/console/setup", link=token, password=PASSWORD, repeat=PASSWORD).status == 303
    assert "Auditor" in anonymous.get_text("/console/account")
    assert anonymous.post("/console/setup", link=token, password=PASSWORD, repeat=PASSWORD).status == 404
    listed = {user["name"]: user["roles"] for user in _run_user_command(anonymous, "list", "--json").json["users"]}
    assert listed["ben"] == [{"role": "auditor", "app": None, "account": None}]


def test_a_second_factor_is_required_and_its_code_is_accepted_once(anonymous: ConsoleClient) -> None:
    name = _add_user(anonymous.server, "careful")
    anonymous.sign_in(name)
    secret = re.search(r'id="secret">([A-Z2-7]{32})<', anonymous.post("/console/account/totp").body.decode())
    assert secret
    code = _compute_totp(secret[1], 0)
    assert anonymous.post("/console/account/totp/enable", secret=secret[1], code="000000").status == 400
    assert anonymous.post("/console/account/totp/enable", secret=secret[1], code=code).status == 303
    fresh = ConsoleClient(server=anonymous.server)
    assert fresh.sign_in(name).status == 401
    assert fresh.sign_in(name, code=code).status == 401  # it was used to set it up
    later = _compute_totp(secret[1], 1)  # once, for the next half minute may begin meanwhile
    assert fresh.sign_in(name, code=later).status == 303
    assert fresh.sign_in(name, code=later).status == 401
    with anonymous.server.node.database.read_transaction() as connection:
        assert secret[1] not in str(connection.exec_driver_sql("SELECT encrypted_totp FROM users").scalars().all())


def _compute_totp(secret: str, later: int) -> str:
    return totp.compute_code(secret, int(time.time()) // totp.STEP_SECONDS + later)


def test_a_password_change_ends_the_other_sessions(anonymous: ConsoleClient) -> None:
    name, other_client = _add_user(anonymous.server, "changing"), ConsoleClient(server=anonymous.server)
    anonymous.sign_in(name)
    other_client.sign_in(name)
    new = {"new_password": "quite another password", "repeat": "quite another password"}
    assert anonymous.post("/console/account/password", password="not the present one", **new).status == 400
    assert anonymous.post("/console/account/password", password=PASSWORD, **new).status == 303
    assert anonymous.get("/console/account").status == 200
    assert other_client.get("/console/account").status == 303
    assert other_client.sign_in(name).status == 401
