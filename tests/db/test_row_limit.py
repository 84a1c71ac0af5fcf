"""Limits on the number of rows hold when many are added at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.row_limit import has_room
from ccfs.db.system.console import users
from ccfs.db.tenant import saved_searches
from ccfs.model.calls.saved_search import SavedSearch
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import NOW

TABLE = schema.saved_searches
AT_ONCE, LIMIT = 8, 3


@pytest.fixture
def search(database: Database) -> SavedSearch:
    """A search of a user, not stored."""
    with database.write_transaction() as connection:
        user = users.add(connection, "emil", "", NOW).id
    return SavedSearch(id="", account_id="100", owner=user, author=user, name="one", query="", saved_at=NOW)


def count_rows(database: Database) -> int:
    with database.read_transaction() as connection:
        count: int = connection.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar_one()
    return count


def test_rows_added_at_once_do_not_pass_the_limit(database: Database, app: App, search: SavedSearch) -> None:
    def add(number: int) -> bool:
        with database.write_transaction() as connection:
            if not has_room(connection, app, TABLE, TABLE.c.app == app.id, LIMIT):
                return False
            saved_searches.save(connection, app, replace(search, id=str(number), name=f"search {number}"))
            return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sum(pool.map(add, range(AT_ONCE))) == LIMIT
    assert count_rows(database) == LIMIT


def test_another_app_has_its_own_limit(database: Database, app: App, other_app: App, search: SavedSearch) -> None:
    with database.write_transaction() as connection:
        saved_searches.save(connection, app, replace(search, id="1"))
        assert not has_room(connection, app, TABLE, TABLE.c.app == app.id, 1)
        assert has_room(connection, other_app, TABLE, TABLE.c.app == other_app.id, 1)
