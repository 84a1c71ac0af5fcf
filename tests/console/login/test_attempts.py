"""Attempts to sign in at once, and what a stolen session cannot do."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ccfs.console.login.attempts import MAX_ANONYMOUS_ENTRIES, RECENT_LOGIN
from ccfs.db import schema
from ccfs.db.system.console import audit, passwords, users
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.user import Grant, Role
from tests.console.console_client import PASSWORD, ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer, run_server

LIMIT = 5
ADDRESSES = [f"127.0.0.{number}" for number in range(10, 50)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server with lock-out."""
    with run_server(tmp_path_factory.mktemp("attempts"), lock_failures=LIMIT) as server:
        yield server


def add_user(server: CcfsServer, name: str, password: str = PASSWORD) -> str:
    """Add an operator."""
    with server.node.database.write_transaction() as connection:
        user = users.add(connection, name, passwords.hash_password(password) if password else "", datetime.now(UTC))
        users.grant_role(connection, user, Grant(role=Role.OPERATOR))
    return name


def count_entries(server: CcfsServer, action: AuditAction, actor: str = "") -> int:
    table = schema.audit_log
    query = sa.select(sa.func.count()).where(table.c.action == action, table.c.actor == actor)
    with server.node.database.read_transaction() as connection:
        return int(connection.execute(query).scalar_one())


def sign_in_at_once(server: CcfsServer, tries: list[tuple[str, str]]) -> Counter[int]:
    """Try to sign in with a wrong password, from each (address, name) at the same time. Return the statuses."""

    def sign_in(attempt: tuple[str, str]) -> int:
        address, name = attempt
        return ConsoleClient(server=server, source=address).sign_in(name, "wrong password").status

    with ThreadPoolExecutor(len(tries)) as pool:
        return Counter(pool.map(sign_in, tries))


def test_a_burst_from_one_address_has_no_more_attempts_than_the_limit(server: CcfsServer) -> None:
    statuses = sign_in_at_once(server, [("127.0.0.9", f"name-{number}") for number in range(40)])
    assert statuses[401] + statuses[429] == 40
    assert 1 <= statuses[401] <= LIMIT


def test_a_burst_against_one_name_has_no_more_attempts_than_the_limit(server: CcfsServer) -> None:
    name = add_user(server, "wanted")
    statuses = sign_in_at_once(server, [(address, name) for address in ADDRESSES])
    assert statuses[401] + statuses[429] == len(ADDRESSES)
    assert 1 <= statuses[401] <= LIMIT
    assert ConsoleClient(server=server, source="127.0.0.60").sign_in(name).status == 429


def test_sign_ins_at_once_of_different_users_all_succeed(server: CcfsServer) -> None:
    name = add_user(server, "shared")
    clients = [ConsoleClient(server=server, source=f"127.0.1.{number}") for number in range(LIMIT)]
    with ThreadPoolExecutor(LIMIT) as pool:
        statuses = list(pool.map(lambda client: client.sign_in(name).status, clients))
    assert statuses == [303] * LIMIT
    assert ConsoleClient(server=server, source="127.0.1.99").sign_in(name).status == 303


SENSITIVE_FORMS = [
    ("/console/account/password", {"new_password": "another long password", "repeat": "another long password"}),
    ("/console/account/totp/disable", {}),
    ("/console/apps/add", {"name": "stolen"}),
    ("/console/users/add", {"name": "mallory", "role": "operator"}),
    ("/console/users/reset", {"user": "victim"}),
    ("/console/users/grant", {"user": "victim", "role": "operator"}),
]


@pytest.mark.parametrize(("path", "form"), SENSITIVE_FORMS, ids=[path for path, _ in SENSITIVE_FORMS])
def test_a_session_alone_changes_no_credentials(server: CcfsServer, path: str, form: dict[str, str]) -> None:
    name = "victim"
    with server.node.database.read_transaction() as connection:
        exists = users.find_by_name(connection, name) is not None
    victim = ConsoleClient(server=server, source=f"127.0.2.{SENSITIVE_FORMS.index((path, form)) + 1}")
    assert victim.sign_in(name if exists else add_user(server, name)).status == 303
    before = read_credentials(server)
    for password in ("", "wrong password"):
        reply = victim.post(path, password=password, **form)
        assert reply.status == 400
        assert "The current password is incorrect." in extract_text(reply)
    assert read_credentials(server) == before
    victim.post("/console/logout")
    with server.node.database.write_transaction() as connection:  # the next form starts with no failures
        connection.execute(sa.delete(schema.address_failures))


def read_credentials(server: CcfsServer) -> list[list[tuple[object, ...]]]:
    tables = (schema.users, schema.user_roles, schema.setup_links, schema.access_keys)
    with server.node.database.read_transaction() as connection:
        return [[tuple(row) for row in connection.execute(sa.select(table))] for table in tables]


def test_a_second_factor_cannot_be_replaced_without_the_password(server: CcfsServer) -> None:
    client = ConsoleClient(server=server, source="127.0.3.1")
    client.sign_in(add_user(server, "factored"))
    page = client.post("/console/account/totp").body.decode()
    secret = re.search(r'id="secret">([A-Z2-7]{32})<', page)
    assert secret
    reply = client.post("/console/account/totp/enable", secret=secret[1], code="000000", password="wrong password")
    assert reply.status == 400
    assert "The current password is incorrect." in extract_text(reply)
    assert secret[1] in reply.body.decode()  # the authenticator has it already


def test_passwords_guessed_with_a_session_lock_out_and_are_logged(server: CcfsServer) -> None:
    name = add_user(server, "guesser")
    client = ConsoleClient(server=server, source="127.0.3.2")
    client.sign_in(name)
    form = {"new_password": "another long password", "repeat": "another long password"}
    tries = [client.post("/console/account/password", password="a wrong password", **form) for _ in range(LIMIT + 2)]
    assert [reply.status for reply in tries] == [400] * LIMIT + [429] * 2
    assert "Too many attempts" in extract_text(tries[-1])
    assert client.post("/console/account/password", password=PASSWORD, **form).status == 429
    assert count_entries(server, AuditAction.PASSWORD_REJECTED, name) == LIMIT
    assert ConsoleClient(server=server, source="127.0.3.3").sign_in(name).status == 429


def test_a_user_without_a_password_must_have_signed_in_recently(server: CcfsServer) -> None:
    client = ConsoleClient(server=server, source="127.0.3.4")
    name = add_user(server, "federated")
    client.sign_in(name)
    with server.node.database.write_transaction() as connection:  # as for a user whom a provider signs in
        connection.execute(sa.update(schema.users).where(schema.users.c.name == name).values(password_hash=""))
    assert client.post("/console/apps/add", name="early", password="").status == 303
    with server.node.database.write_transaction() as connection:
        sessions = schema.console_sessions
        mine = sessions.c.digest == users.hash_token(client.cookies["ccfs_session"])
        connection.execute(
            sa.update(sessions).where(mine).values(created_at=datetime.now(UTC) - RECENT_LOGIN - timedelta(seconds=1))
        )
    reply = client.post("/console/apps/add", name="late", password="")
    assert reply.status == 403
    assert "sign in again" in extract_text(reply)


def test_strangers_do_not_fill_the_audit_log(server: CcfsServer) -> None:
    now = datetime.now(UTC)
    entry = AuditEntry(logged_at=now, actor="", action=AuditAction.LOGIN_FAILED, target="x", address="192.0.2.7")
    with server.node.database.write_transaction() as connection:
        for _ in range(MAX_ANONYMOUS_ENTRIES):
            audit.add(connection, entry)
    before = count_entries(server, AuditAction.LOGIN_FAILED)
    stranger = ConsoleClient(server=server, source="127.0.3.5")
    assert stranger.sign_in("somebody", "wrong password").status == 401
    assert count_entries(server, AuditAction.LOGIN_FAILED) == before
    assert "login_failed" in server.read_log()
    with server.node.database.write_transaction() as connection:
        assert audit.delete_of_strangers(connection, now - timedelta(days=1), 100) == 0
        assert audit.delete_of_strangers(connection, now + timedelta(days=1), 100) == 100
