"""Opening, reading and writing databases: durability, waiting, isolation."""

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ccfs.db import schema
from ccfs.db.engine import BUSY_TIMEOUT_MS, Database, open_database
from ccfs.db.system import tenants
from ccfs.db.tenant import voice_files
from ccfs.model.errors import OperatorError
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.child_processes import run_in_processes

MAX_WAIT_SECONDS = BUSY_TIMEOUT_MS / 3000  # seconds; far less than a writer waits for another
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}


def count_changes(database: Database) -> int:
    with database.read_transaction() as connection:
        return tenants.CHANGE_COUNTER.get(connection)


def read_pragmas(connection: sa.Connection) -> dict[str, object]:
    return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}


def test_every_connection_to_sqlite_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    connections = [database.engine.connect() for _ in range(12)]  # more than the pool keeps
    assert [read_pragmas(connection) for connection in connections] == [PRAGMAS] * 12
    for connection in connections:
        connection.close()
    with database.read_transaction() as reader, database.write_transaction() as writer:
        assert read_pragmas(reader) == read_pragmas(writer) == database.autocommit_read(read_pragmas) == PRAGMAS
    database.close()


def test_foreign_keys_are_enforced(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_account(connection, app, "100", 8)
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        connection.execute(sa.delete(schema.accounts))
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        connection.execute(sa.delete(schema.apps))
    with pytest.raises(IntegrityError), database.write_transaction() as connection:
        voice_files.add(connection, App(id=-1, ak="none", name="none"), sample_rows.make_voice_file())


def test_a_write_transaction_that_raises_is_rolled_back(database: Database) -> None:
    def fail_after_writing() -> None:
        with database.write_transaction() as connection:
            sample_rows.add_app(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()
    with database.read_transaction() as connection:
        assert tenants.list_apps(connection) == []


def test_threads_that_write_queue(database: Database) -> None:
    def change() -> None:
        for _ in range(25):
            with database.write_transaction() as connection:
                tenants.CHANGE_COUNTER.get(connection)
                tenants.CHANGE_COUNTER.increment(connection)

    before = count_changes(database)
    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_changes(database) == before + 100


def test_processes_that_write_queue(database: Database, url: str) -> None:
    before = count_changes(database)
    assert run_in_processes(3, "change_often", url, 20) == [20] * 3
    assert count_changes(database) == before + 60


def test_a_second_writer_of_sqlite_waits_before_it_reads_and_loses_no_change(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    schema.METADATA.create_all(database.engine)
    counts: list[int] = []

    def read_as_writer() -> None:
        with database.write_transaction() as connection:
            counts.append(tenants.CHANGE_COUNTER.get(connection))

    with database.write_transaction() as connection:
        thread = threading.Thread(target=read_as_writer)
        thread.start()
        thread.join(0.1)
        assert counts == []
        tenants.CHANGE_COUNTER.increment(connection)
    thread.join()
    assert counts == [1]
    database.close()


def test_a_reader_neither_waits_for_a_writer_nor_sees_uncommitted_rows(database: Database) -> None:
    with database.write_transaction() as connection:
        sample_rows.add_app(connection)
        began = time.monotonic()
        with database.read_transaction() as reader:
            assert tenants.list_apps(reader) == []
        assert time.monotonic() - began < MAX_WAIT_SECONDS
    with database.read_transaction() as reader:
        assert len(tenants.list_apps(reader)) == 1


def test_a_writer_does_not_wait_for_a_reader_who_keeps_its_snapshot(database: Database) -> None:
    with database.read_transaction() as reader:
        assert tenants.list_apps(reader) == []
        began = time.monotonic()
        with database.write_transaction() as connection:
            sample_rows.add_app(connection)
        assert time.monotonic() - began < MAX_WAIT_SECONDS
        assert tenants.list_apps(reader) == []
    with database.read_transaction() as reader:
        assert len(tenants.list_apps(reader)) == 1


def test_a_read_transaction_commits_nothing(database: Database) -> None:
    with database.read_transaction() as connection:
        try:
            sample_rows.add_app(connection)
        except sa.exc.DBAPIError:
            assert not database.is_sqlite  # PostgreSQL rejects it; SQLite rolls it back
    with database.read_transaction() as connection:
        assert tenants.list_apps(connection) == []


def test_an_autocommit_read_on_sqlite_sees_the_newest_commit(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    schema.METADATA.create_all(database.engine)
    for count in range(3):
        assert len(database.autocommit_read(tenants.list_apps)) == count
        with database.write_transaction() as connection:
            sample_rows.add_app(connection, str(count))
    with pytest.raises(sa.exc.OperationalError):
        database.autocommit_read(lambda connection: connection.execute(sa.text("SELECT * FROM no_such_table")))
    assert len(database.autocommit_read(tenants.list_apps)) == 3  # after a failure, too
    database.close()


def test_a_database_that_answers_is_ready(database: Database) -> None:
    assert database.is_ready()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_that_does_not_answer_is_not_ready(tmp_path: Path, kind: str) -> None:
    (tmp_path / "letter").write_bytes(b"Dear Sir or Madam, " * 100)
    urls = {"sqlite": f"sqlite:///{tmp_path}/letter", "postgresql": f"postgresql://ccfs@/ccfs?host={tmp_path}"}
    database = open_database(urls[kind])
    assert not database.is_ready()
    database.close()


@pytest.mark.parametrize("url", ["", "ccfs.db", "mysql://ccfs@db.example/ccfs", "sqlite://", "sqlite:///:memory:"])
def test_an_unsupported_database_url_is_an_operator_error(url: str) -> None:
    with pytest.raises(OperatorError, match="database_url"):
        open_database(url)


def test_the_folder_of_a_sqlite_file_is_created(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/a/b/ccfs.db")
    assert database.is_ready()
    assert (tmp_path / "a/b/ccfs.db").is_file()
    database.close()


def test_the_options_of_the_operators_url_are_used(postgres_url: str) -> None:
    database = open_database(postgres_url + "&options=-csearch_path%3Dcalls&connect_timeout=3")
    with database.read_transaction() as connection:
        assert connection.execute(sa.text("SHOW search_path")).scalar() == "calls"
        assert connection.execute(sa.text("SHOW timezone")).scalar() == "UTC"
    database.close()
