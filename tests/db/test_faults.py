"""Kinds of database faults, by errors of the real engines."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ccfs.db.engine import Database, open_database
from ccfs.db.faults import ADVICE, DatabaseFault, FaultMemory, classify
from tests import servers
from tests.ports import get_free_port


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with a table."""
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write_transaction() as connection:
        connection.execute(sa.text("CREATE TABLE t (a TEXT)"))
    yield database
    database.close()


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Database]:
    """A PostgreSQL database with a table."""
    with servers.create_database(postgres_url) as url:
        database = open_database(url)
        with database.write_transaction() as connection:
            connection.execute(sa.text("CREATE TABLE t (a TEXT)"))
        yield database
        database.close()


def fail(database: Database, *statements: str) -> DatabaseFault:
    """Return the kind of the error of the last statement."""
    with database.engine.connect() as connection:
        for statement in statements[:-1]:
            connection.execute(sa.text(statement))
        with pytest.raises(DBAPIError) as caught:
            connection.execute(sa.text(statements[-1]))
    fault = classify(caught.value)
    assert database.faults.get_text(fault)
    return fault


def test_a_full_disk_of_sqlite(sqlite: Database) -> None:
    assert (
        fail(sqlite, "PRAGMA max_page_count = 3", "INSERT INTO t VALUES (hex(randomblob(100000)))")
        is DatabaseFault.FULL
    )
    assert sqlite.faults.find_current() is DatabaseFault.FULL


def test_a_read_only_sqlite_database(sqlite: Database) -> None:
    assert fail(sqlite, "PRAGMA query_only = ON", "INSERT INTO t VALUES ('x')") is DatabaseFault.READ_ONLY


def test_a_locked_sqlite_database_is_no_fault_that_counts(sqlite: Database) -> None:
    with sqlite.write_transaction():
        assert fail(sqlite, "PRAGMA busy_timeout = 1", "INSERT INTO t VALUES ('x')") is DatabaseFault.LOCKED
    assert sqlite.faults.find_current() is None


def test_a_read_only_postgresql_server(postgresql: Database) -> None:
    assert fail(postgresql, "SET TRANSACTION READ ONLY", "INSERT INTO t VALUES ('x')") is DatabaseFault.READ_ONLY


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("XX001", DatabaseFault.DAMAGED),
        ("XX002", DatabaseFault.DAMAGED),
        ("58030", DatabaseFault.IO_ERROR),
        ("53100", DatabaseFault.FULL),
        ("42P01", DatabaseFault.OTHER),
    ],
)
def test_states_that_the_postgresql_server_reports(postgresql: Database, state: str, fault: DatabaseFault) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    assert fail(postgresql, raised) is fault


def test_a_server_that_does_not_listen() -> None:
    database = open_database(f"postgresql://nobody@127.0.0.1:{get_free_port()}/none")
    with pytest.raises(DBAPIError) as caught, database.read_transaction():
        pass
    assert classify(caught.value) is DatabaseFault.NO_CONNECTION


def test_a_connection_that_the_server_ends(postgresql: Database, postgres_url: str) -> None:
    with postgresql.engine.connect() as connection:
        process = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [process])
        with pytest.raises(DBAPIError) as caught:
            connection.execute(sa.text("SELECT 1"))
    assert classify(caught.value) is DatabaseFault.NO_CONNECTION


def test_every_kind_has_advice() -> None:
    assert ADVICE.keys() == set(DatabaseFault)


def test_damage_outlasts_other_faults() -> None:
    memory = FaultMemory()
    memory.record(DatabaseFault.FULL, "full")
    memory.record(DatabaseFault.DAMAGED, "malformed")
    assert memory.find_current() is DatabaseFault.DAMAGED
    memory.clear(DatabaseFault.DAMAGED)
    assert memory.find_current() is DatabaseFault.FULL
