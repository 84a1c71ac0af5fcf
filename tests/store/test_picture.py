"""The picture of tenancy: what another process commits is seen, at once on SQLite and within a second on PostgreSQL."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from ccfs.model.tenancy import App
from ccfs.store import lockouts, tenancy
from ccfs.store.db import Database, open_database
from ccfs.store.picture import Picture, Pictures
from ccfs.store.sealing import Sealer, keys_in
from tests.store import given
from tests.store.child import together
from tests.store.given import MINUTE, NOW


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    """The sealer of a node whose key file other processes find in the test's folder."""
    return Sealer(keys_in(tmp_path))


@pytest.fixture
def pictures(database: Database, sealer: Sealer, app: App) -> Pictures:
    """Pictures of a database in which the app is there and has no key yet."""
    pictures = Pictures(database, sealer)
    assert pictures.latest(NOW).keys == {}
    return pictures


def becomes(pictures: Pictures, is_so: Callable[[Picture], bool]) -> bool:
    """Whether the picture is so when its patience is over."""
    time.sleep(pictures._patience)
    return is_so(pictures.latest(NOW))


def test_a_key_of_another_process_is_seen_when_it_comes_and_when_it_goes(
    url: str, database: Database, tmp_path: Path, app: App, pictures: Pictures
) -> None:
    together(1, "add_key", url, tmp_path, app.ak, "a-secret")
    assert becomes(pictures, lambda picture: [key.sk for key in picture.keys.get(app.ak, [])] == ["a-secret"])
    (key,) = pictures.latest(NOW).keys[app.ak]
    together(1, "revoke_key", url, app.ak, key.id)
    assert becomes(pictures, lambda picture: app.ak not in picture.keys)


def test_accounts_vdns_and_locks_are_seen(url: str, app: App, pictures: Pictures) -> None:
    elsewhere = open_database(url)
    with elsewhere.writing() as connection:
        given.account(connection, app, "100", 8, zone="Europe/London")
        lockouts.count_failure(connection, "192.0.2.7", NOW, limit=1, period=MINUTE, lock=MINUTE)
    elsewhere.close()
    assert becomes(pictures, lambda picture: 8 in picture.vdns[app.id])
    picture = pictures.latest(NOW)
    assert picture.accounts[app.id]["100"].zone == "Europe/London"
    assert picture.locked == {"192.0.2.7": NOW + MINUTE}


def test_nothing_is_loaded_while_nothing_changes(pictures: Pictures, database: Database, app: App) -> None:
    before = pictures.latest(NOW)
    with database.writing() as connection:  # a commit that does not concern tenancy
        connection.execute(sa.text("UPDATE apps SET name = name"))
    time.sleep(pictures._patience)
    assert pictures.is_old
    assert pictures.latest(NOW + timedelta(days=1)) is before


def test_within_its_patience_a_picture_is_given_without_a_question(database: Database, sealer: Sealer) -> None:
    pictures = Pictures(database, sealer, patience=60)
    before = pictures.latest(NOW)
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert not pictures.is_old
    assert pictures.latest(NOW) is before
    assert asked == []
    pictures.look_again()
    assert pictures.is_old
    assert pictures.latest(NOW).number == before.number


def test_a_key_that_is_revoked_while_the_picture_is_drawn_does_not_live_on_in_it(
    url: str, database: Database, app: App, sealer: Sealer, pictures: Pictures
) -> None:
    elsewhere = open_database(url)
    with elsewhere.writing() as connection:
        tenancy.add_key(connection, app, app.ak, "a-secret", sealer, NOW)
        number = tenancy.keys(connection, app)[0][0]
    revoked: list[int] = []

    def revoke(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "sealed_sk" in statement and not revoked:
            revoked.append(number)
            with elsewhere.writing() as connection:
                tenancy.revoke_key(connection, app, number, NOW)

    event.listen(database.engine, "after_cursor_execute", revoke)
    assert becomes(pictures, lambda picture: app.ak in picture.keys)  # drawn of the moment before
    assert becomes(pictures, lambda picture: app.ak not in picture.keys)
    event.remove(database.engine, "after_cursor_execute", revoke)
    elsewhere.close()
