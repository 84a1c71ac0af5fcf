"""The tenant cache: changes of another process are seen, at once on SQLite and within a second on PostgreSQL."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from ccfs.db.encryption import SecretBox, load_or_create_keys
from ccfs.db.engine import Database, open_database
from ccfs.db.system import lockouts, tenants
from ccfs.db.system.tenant_cache import TenantCache, TenantSnapshot
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.child_processes import run_in_processes
from tests.db.sample_rows import MINUTE, NOW


@pytest.fixture
def secret_box(tmp_path: Path) -> SecretBox:
    """The SecretBox of a node whose key file other processes read from the test's folder."""
    return SecretBox(load_or_create_keys(tmp_path))


@pytest.fixture
def tenant_cache(database: Database, secret_box: SecretBox, app: App) -> TenantCache:
    """The cache of a database with one app, which has no key yet."""
    cache = TenantCache(database, secret_box)
    assert cache.get_snapshot(NOW).keys == {}
    return cache


def becomes_true(cache: TenantCache, condition: Callable[[TenantSnapshot], bool]) -> bool:
    """Return whether the condition holds once the snapshot has expired."""
    time.sleep(cache._max_age_seconds)
    return condition(cache.get_snapshot(NOW))


def test_a_key_that_another_process_adds_and_revokes_is_seen(
    url: str, database: Database, tmp_path: Path, app: App, tenant_cache: TenantCache
) -> None:
    run_in_processes(1, "add_key", url, tmp_path, app.ak, "a-secret")
    assert becomes_true(
        tenant_cache, lambda snapshot: [key.sk for key in snapshot.keys.get(app.ak, [])] == ["a-secret"]
    )
    (key,) = tenant_cache.get_snapshot(NOW).keys[app.ak]
    run_in_processes(1, "revoke_key", url, app.ak, key.id)
    assert becomes_true(tenant_cache, lambda snapshot: app.ak not in snapshot.keys)


def test_accounts_vdns_and_lockouts_of_another_process_are_seen(url: str, app: App, tenant_cache: TenantCache) -> None:
    other_database = open_database(url)
    with other_database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, zone="Europe/London")
        policy = lockouts.LockoutPolicy(limit=1, period=MINUTE, lock=MINUTE)
        lockouts.record_failure(connection, "192.0.2.7", NOW, policy)
    other_database.close()
    assert becomes_true(tenant_cache, lambda snapshot: 8 in snapshot.vdns[app.id])
    snapshot = tenant_cache.get_snapshot(NOW)
    assert snapshot.accounts[app.id]["100"].zone == "Europe/London"
    assert snapshot.locked_addresses == {"192.0.2.7": NOW + MINUTE}


def test_the_snapshot_is_not_reloaded_while_nothing_changes(
    tenant_cache: TenantCache, database: Database, app: App
) -> None:
    before = tenant_cache.get_snapshot(NOW)
    with database.write_transaction() as connection:  # a commit that changes no tenant
        connection.execute(sa.text("UPDATE apps SET name = name"))
    time.sleep(tenant_cache._max_age_seconds)
    assert tenant_cache.is_stale
    assert tenant_cache.get_snapshot(NOW + timedelta(days=1)) is before


def test_a_snapshot_is_returned_without_a_query_until_it_expires(database: Database, secret_box: SecretBox) -> None:
    cache = TenantCache(database, secret_box, max_age_seconds=60)
    before = cache.get_snapshot(NOW)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    assert not cache.is_stale
    assert cache.get_snapshot(NOW) is before
    assert statements == []
    cache.invalidate()
    assert cache.is_stale
    assert cache.get_snapshot(NOW) is before


def test_a_key_that_is_revoked_while_the_snapshot_loads_does_not_stay_in_it(
    url: str, database: Database, app: App, secret_box: SecretBox, tenant_cache: TenantCache
) -> None:
    other_database = open_database(url)
    with other_database.write_transaction() as connection:
        tenants.add_key(connection, app, app.ak, "a-secret", secret_box, NOW)
        number = tenants.list_keys(connection, app)[0][0]
    revoked: list[int] = []

    def revoke(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "encrypted_sk" in statement and not revoked:
            revoked.append(number)
            with other_database.write_transaction() as connection:
                tenants.revoke_key(connection, app, number, NOW)

    event.listen(database.engine, "after_cursor_execute", revoke)
    assert becomes_true(tenant_cache, lambda snapshot: app.ak in snapshot.keys)  # loaded before the revocation
    assert becomes_true(tenant_cache, lambda snapshot: app.ak not in snapshot.keys)
    event.remove(database.engine, "after_cursor_execute", revoke)
    other_database.close()
