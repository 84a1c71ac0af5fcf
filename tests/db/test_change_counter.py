"""Change counters on both engines: rows are read again after a change only, also while the database fails."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db import schema
from ccfs.db.change_counter import ChangeCounter, ChangeCounterCache
from ccfs.db.engine import Database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import tenants
from tests.db import sample_rows

COUNTER = ChangeCounter("colours")


def count_apps(connection: Connection) -> int:
    return len(tenants.list_apps(connection))


def add_app(database: Database, name: str, *counters: ChangeCounter) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_app(connection, name)
        for counter in counters:
            counter.increment(connection)


def rename_table(database: Database, old: str, new: str) -> None:
    with database.write_transaction() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def test_counters_count_their_own_changes(database: Database) -> None:
    with database.write_transaction() as connection:
        for _ in range(3):
            COUNTER.increment(connection)
        ChangeCounter("shapes").increment(connection)
        assert (COUNTER.get(connection), ChangeCounter("shapes").get(connection)) == (3, 1)
        assert ChangeCounter("sounds").get(connection) == 0


def test_a_change_that_is_rolled_back_is_not_counted(database: Database) -> None:
    def fail_after_change() -> None:
        with database.write_transaction() as connection:
            COUNTER.increment(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_change()
    with database.read_transaction() as connection:
        assert COUNTER.get(connection) == 0


@pytest.mark.parametrize("autocommit", [False, True])
def test_rows_are_read_again_only_after_their_counter_changed(database: Database, autocommit: bool) -> None:
    cache = ChangeCounterCache[int](database, COUNTER, autocommit=autocommit)
    assert cache.get(count_apps) == (0, 0)
    add_app(database, "acme", ChangeCounter("shapes"))
    assert cache.get(count_apps) == (0, 0)
    add_app(database, "bolt", COUNTER)
    assert cache.get(count_apps) == (1, 2)
    database.close_thread_connection()


def test_rows_that_change_while_they_are_read_are_read_again(database: Database) -> None:
    def count_apps_late(connection: Connection) -> int:
        if not connection.execute(sa.select(schema.apps.c.id)).first():
            add_app(database, "acme", COUNTER)  # after the counter was read
        return count_apps(connection)

    cache = ChangeCounterCache[int](database, COUNTER)
    assert cache.get(count_apps_late) == (0, 0)
    assert cache.get(count_apps_late) == (1, 1)


def test_a_failure_is_raised_unless_the_last_known_rows_are_accepted(empty_database: Database) -> None:
    upgrade(empty_database)
    cache = ChangeCounterCache[int](empty_database, COUNTER)
    rename_table(empty_database, "change_counters", "hidden")
    for accept_outdated in (False, True):
        with pytest.raises(SQLAlchemyError):
            cache.get(count_apps, accept_outdated=accept_outdated)
    rename_table(empty_database, "hidden", "change_counters")
    add_app(empty_database, "acme", COUNTER)
    assert cache.get(count_apps) == (1, 1)
    rename_table(empty_database, "change_counters", "hidden")
    assert cache.get(count_apps, accept_outdated=True) == (1, 1)
    with pytest.raises(SQLAlchemyError):
        cache.get(count_apps)
