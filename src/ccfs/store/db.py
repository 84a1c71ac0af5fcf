"""One database: how it is opened, read and written, on SQLite or PostgreSQL. No table and no question lives here.

Reading never waits for a writer. Writing takes SQLite's write lock at the start of the transaction (BEGIN IMMEDIATE), so
that two writers queue instead of failing halfway. Every commit is on disk when it returns (synchronous FULL).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

T = TypeVar("T")

BUSY_MS = 60_000  # how long a writer waits for SQLite's write lock


class Database:
    """An engine and its two kinds of transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_local = engine.dialect.name == "sqlite"  # a look-up is then cheaper than a thread switch
        self._writer = engine.execution_options(ccfs_begin="BEGIN IMMEDIATE")
        self._looker: Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection with a consistent view, never committed."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed when the block ends and undone when it raises."""
        with self._writer.begin() as connection:
            yield connection

    def look_up(self, question: Callable[[Connection], T]) -> T:
        """The answer of single look-ups on SQLite, each seeing the newest commit; from one thread only.

        It keeps one connection outside any transaction: checking one out and beginning cost more than the look-up.
        """
        if self._looker is None:
            self._looker = self.engine.connect().execution_options(ccfs_begin="")
        try:
            return question(self._looker)
        except DBAPIError:
            self._looker.invalidate()
            self._looker = None
            raise

    def watch(self) -> Callable[[], int]:
        """A function that tells, in microseconds, a number that changes with each commit to a SQLite database."""
        connection = self.engine.raw_connection()
        cursor = connection.cursor()

        def number() -> int:
            cursor.execute("PRAGMA data_version")
            row: Any = cursor.fetchone()
            return int(row[0])

        number.connection = connection  # type: ignore[attr-defined]  # checked out as long as the function lives
        return number

    def is_ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self.reading() as connection:
                return bool(connection.execute(sa.text("SELECT 1")).scalar_one())
        except OperationalError:
            return False

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database at a SQLAlchemy URL; a SQLite file and its folder are made when missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed))
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return Database(_postgresql(parsed))
    raise ValueError(f"database_url: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, poolclass=QueuePool, pool_size=8, max_overflow=56, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in (
        f"busy_timeout = {BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -32768",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if statement := connection.get_execution_options().get("ccfs_begin", "BEGIN"):
        connection.exec_driver_sql(statement)


def _postgresql(url: URL) -> Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=48,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": "-c timezone=UTC"},
    )
    event.listen(engine, "checkout", _nothing_held)
    return engine


def _nothing_held(connection: Any, _record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    connection.prepare_threshold = 3  # hot questions are planned once per connection
