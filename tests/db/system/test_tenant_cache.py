"""The picture of tenancy: what another process commits is seen, at once on SQLite and within a second on PostgreSQL."""

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
    """The sealer of a node whose key file other processes find in the test's folder."""
    return SecretBox(load_or_create_keys(tmp_path))


@pytest.fixture
def tenant_cache(database: Database, secret_box: SecretBox, app: App) -> TenantCache:
    """Pictures of a database in which the app is there and has no key yet."""
    pictures = TenantCache(database, secret_box)
    assert pictures.get_snapshot(NOW).keys == {}
    return pictures


def becomes_true(pictures: TenantCache, is_so: Callable[[TenantSnapshot], bool]) -> bool:
    """Whether the picture is so when its patience is over."""
    time.sleep(pictures._max_age_seconds)
    return is_so(pictures.get_snapshot(NOW))


def test_a_key_of_another_process_is_seen_when_it_comes_and_when_it_goes(
    url: str, database: Database, tmp_path: Path, app: App, tenant_cache: TenantCache
) -> None:
    run_in_processes(1, "add_key", url, tmp_path, app.ak, "a-secret")
    assert becomes_true(tenant_cache, lambda picture: [key.sk for key in picture.keys.get(app.ak, [])] == ["a-secret"])
    (key,) = tenant_cache.get_snapshot(NOW).keys[app.ak]
    run_in_processes(1, "revoke_key", url, app.ak, key.id)
    assert becomes_true(tenant_cache, lambda picture: app.ak not in picture.keys)


def test_accounts_vdns_and_locks_are_seen(url: str, app: App, tenant_cache: TenantCache) -> None:
    elsewhere = open_database(url)
    with elsewhere.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8, zone="Europe/London")
        lockouts.record_failure(connection, "192.0.2.7", NOW, limit=1, period=MINUTE, lock=MINUTE)
    elsewhere.close()
    assert becomes_true(tenant_cache, lambda picture: 8 in picture.vdns[app.id])
    picture = tenant_cache.get_snapshot(NOW)
    assert picture.accounts[app.id]["100"].zone == "Europe/London"
    assert picture.locked_addresses == {"192.0.2.7": NOW + MINUTE}


def test_nothing_is_loaded_while_nothing_changes(tenant_cache: TenantCache, database: Database, app: App) -> None:
    before = tenant_cache.get_snapshot(NOW)
    with database.write_transaction() as connection:  # a commit that does not concern tenancy
        connection.execute(sa.text("UPDATE apps SET name = name"))
    time.sleep(tenant_cache._max_age_seconds)
    assert tenant_cache.is_stale
    assert tenant_cache.get_snapshot(NOW + timedelta(days=1)) is before


def test_within_its_patience_a_picture_is_given_without_a_question(database: Database, secret_box: SecretBox) -> None:
    pictures = TenantCache(database, secret_box, max_age_seconds=60)
    before = pictures.get_snapshot(NOW)
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert not pictures.is_stale
    assert pictures.get_snapshot(NOW) is before
    assert asked == []
    pictures.invalidate()
    assert pictures.is_stale
    assert pictures.get_snapshot(NOW) is before


def test_a_key_that_is_revoked_while_the_picture_is_drawn_does_not_live_on_in_it(
    url: str, database: Database, app: App, secret_box: SecretBox, tenant_cache: TenantCache
) -> None:
    elsewhere = open_database(url)
    with elsewhere.write_transaction() as connection:
        tenants.add_key(connection, app, app.ak, "a-secret", secret_box, NOW)
        number = tenants.list_keys(connection, app)[0][0]
    revoked: list[int] = []

    def revoke(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "encrypted_sk" in statement and not revoked:
            revoked.append(number)
            with elsewhere.write_transaction() as connection:
                tenants.revoke_key(connection, app, number, NOW)

    event.listen(database.engine, "after_cursor_execute", revoke)
    assert becomes_true(tenant_cache, lambda picture: app.ak in picture.keys)  # drawn of the moment before
    assert becomes_true(tenant_cache, lambda picture: app.ak not in picture.keys)
    event.remove(database.engine, "after_cursor_execute", revoke)
    elsewhere.close()
