"""Damage of a real SQLite file is found, and a check that is stopped says nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ccfs.db.engine import Database, PreparedQuery, open_database
from ccfs.db.faults import DatabaseFault
from ccfs.db.integrity import check_integrity

PAGE = 4096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite file with a table and an index of a thousand rows."""
    path = tmp_path / "sound.db"
    database = open_database(f"sqlite:///{path}")
    with database.write_transaction() as connection:
        connection.execute(sa.text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"))
        connection.execute(sa.text("CREATE INDEX i ON t (b)"))
        connection.execute(sa.text("INSERT INTO t (b) VALUES (:b)"), [{"b": "x" * 100 + str(n)} for n in range(1000)])
    database.close()
    return path


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    """The database, opened anew: nothing of it is cached."""
    database = open_database(f"sqlite:///{file}")
    yield database
    database.close()


def overwrite(file: Path, page: int, data: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek((page - 1) * PAGE)
        opened.write(data)


def test_a_sound_file_has_no_damage(database: Database) -> None:
    assert check_integrity(database, lambda: False, 60) == ""
    assert database.faults.find_current() is None


@pytest.mark.parametrize("page", range(2, 12))
def test_a_zeroed_page_is_damage(file: Path, database: Database, page: int) -> None:
    overwrite(file, page, bytes(PAGE))
    assert check_integrity(database, lambda: False, 60)
    assert database.faults.find_current() is DatabaseFault.DAMAGED


def test_a_file_that_is_no_database_is_damage(file: Path, database: Database) -> None:
    overwrite(file, 1, b"not a database at all" * 100)
    with pytest.raises(DBAPIError), database.read_transaction() as connection:
        connection.execute(sa.text("SELECT count(*) FROM t"))
    assert database.faults.find_current() is DatabaseFault.DAMAGED


def test_a_query_that_meets_damage_is_noted_whoever_handles_it(file: Path, database: Database) -> None:
    for page in range(2, 20):
        overwrite(file, page, bytes(PAGE))
    with pytest.raises(DBAPIError), database.read_transaction() as connection:
        connection.execute(sa.text("SELECT sum(length(b)) FROM t")).all()
    assert database.faults.find_current() is DatabaseFault.DAMAGED
    assert "malformed" in database.faults.get_text(DatabaseFault.DAMAGED)


@pytest.mark.parametrize("way", ["read_transaction", "write_transaction", "autocommit_read"])
def test_a_prepared_query_that_meets_damage_is_noted(file: Path, database: Database, way: str) -> None:
    for page in range(2, 20):
        overwrite(file, page, bytes(PAGE))
    query = PreparedQuery(sa.select(sa.column("b")).select_from(sa.table("t")))
    if way == "autocommit_read":
        with pytest.raises(DBAPIError):
            database.autocommit_read(query.fetch_all)
    else:
        with pytest.raises(DBAPIError), getattr(database, way)() as connection:
            query.fetch_all(connection)
    assert database.faults.find_current() is DatabaseFault.DAMAGED


@pytest.mark.parametrize("reason", ["stopped", "time"])
def test_a_check_that_does_not_end_says_nothing(tmp_path: Path, reason: str) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'large.db'}")
    with database.write_transaction() as connection:
        connection.execute(sa.text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)"))
        numbers = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 300000)"
        connection.execute(sa.text(f"INSERT INTO t {numbers} SELECT a, a || 'x' FROM n"))
    assert check_integrity(database, lambda: reason == "stopped", 0 if reason == "time" else 60) is None
    assert check_integrity(database, lambda: False, 60) == ""  # the connection has no handler any more
    database.close()


def test_a_check_without_damage_forgets_it(file: Path, database: Database) -> None:
    sound = file.read_bytes()
    overwrite(file, 3, bytes(PAGE))
    assert check_integrity(database, lambda: False, 60)
    database.close()
    file.write_bytes(sound)
    assert check_integrity(database, lambda: False, 60) == ""
    assert database.faults.find_current() is None


def test_a_check_does_not_forget_damage_that_was_met_while_it_ran(database: Database) -> None:
    def meet_damage() -> bool:
        database.faults.record(DatabaseFault.DAMAGED, "malformed")
        return False

    with database.write_transaction() as connection:  # enough steps that the check looks whether it is stopped
        numbers = "WITH RECURSIVE n(a) AS (SELECT 100000 UNION ALL SELECT a + 1 FROM n WHERE a < 200000)"
        connection.execute(sa.text(f"INSERT INTO t (a, b) {numbers} SELECT a, a || 'x' FROM n"))
    assert check_integrity(database, meet_damage, 60) == ""
    assert database.faults.find_current() is DatabaseFault.DAMAGED
