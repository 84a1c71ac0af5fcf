"""One database: how it is opened, read and written, on SQLite or PostgreSQL. No table and no question lives here.

Reading never waits for a writer. Writing takes SQLite's write lock at the start of the transaction (BEGIN IMMEDIATE), so
that two writers queue instead of failing halfway. Every commit is on disk when it returns (synchronous FULL).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from ccfs.db.pg_timeout_connection import ReadTimeout
from ccfs.model.errors import OperatorError

T = TypeVar("T")

BUSY_TIMEOUT_MS = 60_000  # how long a writer waits for SQLite's write lock
_CONNECTION_DEFAULTS = {  # of PostgreSQL connections, where the URL says nothing else: one whose far side is gone ends in half a minute
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}


class Database:
    """An engine and its two kinds of transaction."""

    def __init__(self, engine: Engine, patience: ReadTimeout | None = None) -> None:
        self.engine = engine
        self.read_timeout = patience or ReadTimeout()  # with PostgreSQL's silence; SQLite has none
        self.is_sqlite = engine.dialect.name == "sqlite"  # a look-up is then cheaper than a thread switch
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = engine.execution_options(**snapshot)
        self._writer = engine.execution_options(ccfs_begin="BEGIN IMMEDIATE")
        self._thread_connections = threading.local()

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """A connection that sees one moment, whatever others commit meanwhile; never committed itself."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write_transaction(self) -> Iterator[Connection]:
        """A transaction that is committed when the block ends and undone when it raises."""
        with self._writer.begin() as connection:
            yield connection

    def autocommit_read(self, question: Callable[[Connection], T]) -> T:
        """The answer of single look-ups, each seeing the newest commit.

        Each thread that asks keeps one connection outside any transaction, so few may: checking one out and beginning
        cost more than the look-up.
        """
        connection = self._get_thread_connection()
        try:
            return question(connection)
        except DBAPIError:
            connection.invalidate()
            self.close_thread_connection()
            raise

    def close_thread_connection(self) -> None:
        """This thread looks nothing up any more."""
        if connection := getattr(self._thread_connections, "connection", None):
            del self._thread_connections.connection
            connection.close()

    def _get_thread_connection(self) -> Connection:
        connection: Connection | None = getattr(self._thread_connections, "connection", None)
        if connection is None:
            alone = {"ccfs_begin": ""} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
            connection = self._thread_connections.connection = self.engine.connect().execution_options(**alone)
        return connection

    def open_commit_counter(self) -> Callable[[], int]:
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
            with self.read_transaction() as connection:
                return bool(connection.execute(sa.text("SELECT 1")).scalar_one())
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """Close every pooled connection, and this thread's one of `look_up`."""
        self.close_thread_connection()
        self.engine.dispose()


def force_custom_plan(connection: Connection) -> None:
    """Let PostgreSQL plan the rest of this transaction's questions for their very values. A plan that was kept from when a
    month was new reads all of it when it is full, and asks every month about many names."""
    if connection.dialect.name == "postgresql":
        connection.execute(_FORCE_CUSTOM_PLAN)


_FORCE_CUSTOM_PLAN = sa.text("SET LOCAL plan_cache_mode = force_custom_plan")


class PreparedQuery:
    """A question that is asked at every request. SQLite's goes straight to the driver: a third of the time it takes else."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        """`statement` names its values by bindparam; none of them needs conversion."""
        self._statement = statement
        self._sql = ""
        self._parameter_names: list[str] = []
        self._column_converters: list[tuple[int, Callable[[Any], Any]]] = []  # of the columns that need conversion

    def fetch_all(self, connection: Connection, **values: Any) -> Sequence[Sequence[Any]]:
        """The rows, each a sequence of values as SQLAlchemy would give them."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._statement, values))
        if not self._sql:
            self._compile(connection.dialect)
        driver: Any = connection.connection.driver_connection
        try:
            found = driver.execute(self._sql, [values[name] for name in self._parameter_names]).fetchall()
        except sqlite3.Error as error:
            raise DBAPIError(self._sql, None, error) from error
        return [self._convert_row(row) for row in found] if self._column_converters else found

    def _convert_row(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for column, read in self._column_converters:
            values[column] = read(values[column])
        return values

    def _compile(self, dialect: Dialect) -> None:
        compiled: Any = self._statement.compile(dialect=dialect)
        types = [column.type.dialect_impl(dialect) for column in self._statement.selected_columns]
        readers = [kind.result_processor(dialect, None) for kind in types]
        self._column_converters = [(column, read) for column, read in enumerate(readers) if read]
        self._parameter_names = list(compiled.positiontup)
        self._sql = str(compiled)


def open_database(url: str) -> Database:
    """The database at a SQLAlchemy URL; a SQLite file and its folder are made when missing. Raises Misuse for another."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise OperatorError(
            "database_url is not a SQLAlchemy URL, like sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return Database(_create_sqlite_engine(parsed))
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        patience = ReadTimeout()
        return Database(_create_postgresql_engine(parsed, patience), patience)
    raise OperatorError(f"database_url: {parsed.drivername} is not supported; use a file of sqlite, or postgresql")


def _create_sqlite_engine(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, poolclass=QueuePool, pool_size=8, max_overflow=56, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _set_sqlite_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_sqlite_pragmas(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
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


def _create_postgresql_engine(url: URL, patience: ReadTimeout) -> Engine:
    from ccfs.db.pg_timeout import connect  # brings the driver, which SQLite needs not

    options = f"{_url_parameter(url, 'options')} -c timezone=UTC".strip()
    lasting = {name: int(_url_parameter(url, name) or usual) for name, usual in _CONNECTION_DEFAULTS.items()}
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=48,
        pool_pre_ping=True,
        connect_args={**lasting, "options": options},
    )
    event.listen(engine, "do_connect", lambda _dialect, _record, given, named: connect(patience, *given, **named))
    event.listen(engine, "connect", _set_prepare_threshold)
    return engine


def _url_parameter(url: URL, name: str) -> str:
    """A parameter of the operator's own URL; empty where it has none."""
    value = url.query.get(name, "")
    return value if isinstance(value, str) else value[-1]


def _set_prepare_threshold(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.prepare_threshold = 3  # hot questions are planned once per connection
