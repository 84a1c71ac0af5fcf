"""Node keys: a server without those of its database does not start; a damaged secret stops its owner only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from ccfs.db.engine import Database
from ccfs.db.schema import access_keys, users
from ccfs.db.system.console import passwords
from ccfs.db.system.console import users as user_rows
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import utc_now
from tests import databases
from tests.api.api_client import ApiClient, create_client
from tests.cli.command import run_ccfs
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Settings of a server on an empty database of either engine."""
    if request.param == "sqlite":
        yield {"node_keys": KEY}
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield {"node_keys": KEY, "database_url": url}


def damage(database: Database, table: sa.Table, column: str, row: sa.ColumnElement[bool]) -> None:
    """Change one character of stored secrets, as a faulty disk does."""
    with database.write_transaction() as connection:
        for number, encrypted in connection.execute(sa.select(table.c.id, table.c[column]).where(row)).all():
            changed = encrypted[:40] + ("A" if encrypted[40] != "A" else "B") + encrypted[41:]
            connection.execute(sa.update(table).where(table.c.id == number).values({column: changed}))


def add_operator(server: CcfsServer, name: str, totp_secret: str = "") -> None:
    """Add a user with all permissions, with a second factor if its secret is given."""
    with server.node.database.write_transaction() as connection:
        user = user_rows.add(connection, name, passwords.hash_password(PASSWORD), utc_now())
        user_rows.grant_role(connection, user, Grant(role=Role.OPERATOR))
        if totp_secret:
            user_rows.set_second_factor(connection, user, server.node.secret_box.encrypt(totp_secret))


def as_environment(data: Path, options: dict[str, Any]) -> dict[str, str]:
    """Return settings as environment variables."""
    return {"CCFS_DATA": str(data), **{f"CCFS_{name.upper()}": str(value) for name, value in options.items()}}


def serve_in_vain(data: Path, options: dict[str, Any]) -> str:
    """Run `ccfs serve`, which must refuse to start; return its only line."""
    done = run_ccfs("serve", "--listen", f"127.0.0.1:{get_free_port()}", settings=as_environment(data, options))
    assert done.code == 1
    [line] = done.err.splitlines()
    return line


def test_a_server_without_the_node_keys_of_its_database_does_not_start(tmp_path: Path, options: dict[str, Any]) -> None:
    with run_server(tmp_path, **options) as server:
        tenant_pair = create_two_tenants(server.node)
        add_operator(server, "ann", "JBSWY3DPEHPK3PXP")
        ak = tenant_pair.acme.app.ak
    wrong = options | {"node_keys": OTHER_KEY}
    line = serve_in_vain(tmp_path, wrong)
    assert line.startswith("ccfs: CCFS_NODE_KEYS cannot decrypt the SK of app ")
    assert f"the SK of app {ak}, key 1" in line
    assert f"the SK of app {tenant_pair.bolt.app.ak}, key 2" in line
    assert "the second factor of user ann" in line
    with run_server(tmp_path, **options | {"node_keys": f"{OTHER_KEY},{KEY}"}) as server:
        assert (
            create_client(server, tenant_pair.acme).request("downloadRecord", {"callId": "x"}).result_code == "0300012"
        )


def test_after_the_loss_of_node_keys_apps_get_new_keys(tmp_path: Path, options: dict[str, Any]) -> None:
    with run_server(tmp_path, **options) as server:
        acme = create_two_tenants(server.node).acme
        add_operator(server, "ann", "JBSWY3DPEHPK3PXP")
    new = options | {"node_keys": OTHER_KEY}
    settings = as_environment(tmp_path, new)
    refused = run_ccfs("app", "key", "add", "--app", acme.app.ak, settings=settings)
    assert (refused.code, refused.out) == (1, "")
    listed = run_ccfs("app", "key", "revoke-unreadable", "--json", settings=settings).json
    assert (len(listed["keys"]), listed["revoked"]) == (2, False)
    assert "key revoke-unreadable" in serve_in_vain(tmp_path, new)
    assert len(run_ccfs("app", "key", "revoke-unreadable", "--yes", "--json", settings=settings).json["keys"]) == 2
    assert "cannot decrypt the second factor of user ann:" in serve_in_vain(tmp_path, new)
    assert run_ccfs("user", "reset", "ann", settings=settings).code == 0
    sk = run_ccfs("app", "key", "add", "--app", acme.app.ak, "--json", settings=settings).json["sk"]
    with run_server(tmp_path, **new) as server:
        client = ApiClient(server=server, ak=acme.app.ak, sk=sk)
        assert client.request("downloadRecord", {"callId": "x"}).result_code == "0300012"


def test_a_lost_file_of_node_keys_is_named(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        create_two_tenants(server.node)
    (tmp_path / "node.keys").unlink()
    assert f"the keys in {tmp_path / 'node.keys'} cannot decrypt the SK of app" in serve_in_vain(tmp_path, {})


def test_a_damaged_sk_stops_its_app_only(tmp_path: Path, options: dict[str, Any]) -> None:
    with run_server(tmp_path, lock_failures=2, **options) as server:
        tenant_pair = create_two_tenants(server.node)
        add_operator(server, "ann")
        damage(server.node.database, access_keys, "encrypted_sk", access_keys.c.app == tenant_pair.acme.app.id)
    with run_server(tmp_path, lock_failures=2, **options) as server:
        server.wait_for_log_line("secret_unreadable", secret=f"the SK of app {tenant_pair.acme.ak}, key 1")
        acme, bolt = (create_client(server, tenant) for tenant in (tenant_pair.acme, tenant_pair.bolt))
        for _ in range(3):  # more often than an address may fail
            reply = acme.request("downloadRecord", {"callId": "x"})
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
            assert bolt.request("downloadRecord", {"callId": "x"}).result_code == "0300012"
        line = server.wait_for_log_line("secret_unreadable", app=acme.ak, key=1)
        assert (line["reason"], line["level"]) == ("damaged", "error")
        console = ConsoleClient(server=server)
        console.sign_in("ann")
        page = console.get_text("/console/apps")
        assert page.count("The server cannot decrypt a key of this app") == 1
        assert "damaged" in page
        settings = as_environment(tmp_path, options)
        sk = run_ccfs("app", "key", "add", "--app", acme.ak, "--json", settings=settings).json["sk"]
        renewed = ApiClient(server=server, ak=acme.ak, sk=sk)
        wait_until(lambda: renewed.request("downloadRecord", {"callId": "x"}).status == 200)
        assert run_ccfs("app", "key", "revoke-unreadable", "--yes", "--json", settings=settings).code == 0
        wait_until(lambda: "The server cannot decrypt" not in console.get_text("/console/apps"))


def test_a_damaged_second_factor_stops_its_user_only(tmp_path: Path, options: dict[str, Any]) -> None:
    with run_server(tmp_path, lock_failures=0, **options) as server:
        add_operator(server, "ann", "JBSWY3DPEHPK3PXP")
        add_operator(server, "ben")
        damage(server.node.database, users, "encrypted_totp", users.c.name == "ann")
    with run_server(tmp_path, lock_failures=0, **options) as server:
        assert ConsoleClient(server=server).sign_in("ann", code="000000").status == 401
        assert server.wait_for_log_line("secret_unreadable", user="ann")["reason"] == "damaged"
        assert ConsoleClient(server=server).sign_in("ben").status == 303
