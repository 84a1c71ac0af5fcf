"""SQLite's write-ahead log beside a long reader: it grows while the reader lasts, and shrinks afterwards."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.db.engine import MAX_CONNECTIONS, WAL_LIMIT_BYTES, Database, open_database
from ccfs.db.write_ahead_log import get_size, shrink_write_ahead_log

INSERT = sa.text("INSERT INTO t VALUES (zeroblob(1000000))")
WEB_THREADS = 64  # of a web process, which may all wait for the database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with a table."""
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write_transaction() as connection:
        connection.execute(sa.text("CREATE TABLE t (a BLOB)"))
    yield database
    database.close()


def write(database: Database, megabytes: int) -> None:
    for _ in range(megabytes // 10):
        with database.write_transaction() as connection:
            for _ in range(10):
                connection.execute(INSERT)


def test_the_log_shrinks_after_a_long_reader(database: Database) -> None:
    with database.read_transaction() as connection:
        connection.execute(sa.text("SELECT count(*) FROM t")).all()
        write(database, 150)
        assert shrink_write_ahead_log(database) > 2 * WAL_LIMIT_BYTES  # the reader needs it, and nobody waits long
        assert connection.execute(sa.text("SELECT count(*) FROM t")).scalar_one() == 0
    assert shrink_write_ahead_log(database) == 0
    with database.read_transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM t")).scalar_one() == 150


def test_a_later_commit_shrinks_the_log_to_its_limit_by_itself(database: Database) -> None:
    with database.read_transaction() as connection:
        connection.execute(sa.text("SELECT count(*) FROM t")).all()
        write(database, 150)
    for _ in range(3):
        write(database, 10)
    assert get_size(database) <= WAL_LIMIT_BYTES


def test_a_small_log_is_left_alone(database: Database) -> None:
    write(database, 10)
    size = get_size(database)
    assert 0 < size <= WAL_LIMIT_BYTES
    assert shrink_write_ahead_log(database) == size


def test_there_are_connections_for_all_threads_that_may_wait_for_the_lock(database: Database) -> None:
    _ = database.open_commit_counter(), database.open_commit_counter()  # held for as long as a process lives
    done: list[int] = []

    def insert(number: int) -> None:
        with database.write_transaction() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (zeroblob(1))"))
        done.append(number)

    with database.write_transaction():
        threads = [threading.Thread(target=insert, args=(number,)) for number in range(WEB_THREADS)]
        for thread in threads:
            thread.start()
        with database.read_transaction() as connection:  # readers need one, too
            assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    for thread in threads:
        thread.join(60)
    assert len(done) == WEB_THREADS
    assert MAX_CONNECTIONS > WEB_THREADS + 4
