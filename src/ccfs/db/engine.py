"""Opens, reads and writes a database on SQLite or PostgreSQL.

Readers never wait for a writer. On SQLite, a write transaction takes the write lock when it starts (BEGIN IMMEDIATE),
so that writers queue instead of failing halfway. Every commit is on disk when it returns (synchronous FULL).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from ccfs.db.faults import FaultMemory, classify
from ccfs.model.errors import OperatorError

T = TypeVar("T")

BUSY_TIMEOUT_MS = 60_000  # how long a writer waits for SQLite's write lock
WAL_LIMIT_BYTES = 64 << 20  # to which SQLite's write-ahead log shrinks once no reader needs what is beyond
MAX_CONNECTIONS = 80  # of a process to SQLite: more than threads that may wait (64) and keep a connection each
_CONNECTION_DEFAULTS = {  # of PostgreSQL, where the URL does not set them: a dead peer is noticed within half a minute
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}


@dataclass(slots=True)
class ReadTimeout:
    """How long the server of a database may stay silent. It can be changed at any time."""

    seconds: float | None = None  # None: no limit


class Database:
    """An engine and its two kinds of transactions."""

    def __init__(self, engine: Engine, read_timeout: ReadTimeout | None = None) -> None:
        self.engine = engine
        self.read_timeout = read_timeout or ReadTimeout()  # PostgreSQL's; SQLite reads a file
        self.is_sqlite = engine.dialect.name == "sqlite"  # a query is then cheaper than a thread switch
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self.faults = FaultMemory()  # that this process has met
        event.listen(engine, "handle_error", self._note_fault)
        self._reader = engine.execution_options(**snapshot)
        self._writer = engine.execution_options(ccfs_begin="BEGIN IMMEDIATE")
        self._thread_connections = threading.local()

    @contextmanager
    def read_transaction(self) -> Iterator[Connection]:
        """Yield a connection that sees a consistent snapshot, whatever others commit meanwhile.

        Its own writes are rolled back.
        """
        with self._reader.connect() as connection, self._noting_faults():
            yield connection

    @contextmanager
    def write_transaction(self) -> Iterator[Connection]:
        """Yield a transaction that commits when the block ends, and rolls back if it raises."""
        with self._writer.begin() as connection, self._noting_faults():
            yield connection

    def autocommit_read(self, query: Callable[[Connection], T]) -> T:
        """Return the result of single SELECTs, each of which sees the latest commit.

        Each calling thread keeps a connection outside any transaction, because checking out a connection and beginning
        a transaction cost more than the query. Call this from only a few threads.
        """
        connection = self._get_thread_connection()
        try:
            return query(connection)
        except DBAPIError as error:
            self.faults.record(classify(error), str(error.orig))  # as in _noting_faults, which takes longer
            connection.invalidate()
            self.close_thread_connection()
            raise

    def close_thread_connection(self) -> None:
        """Close this thread's connection for `autocommit_read`."""
        if connection := getattr(self._thread_connections, "connection", None):
            del self._thread_connections.connection
            connection.close()

    def _get_thread_connection(self) -> Connection:
        connection: Connection | None = getattr(self._thread_connections, "connection", None)
        if connection is None:
            autocommit = {"ccfs_begin": ""} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
            connection = self._thread_connections.connection = self.engine.connect().execution_options(**autocommit)
        return connection

    def open_commit_counter(self) -> Callable[[], int]:
        """Return a function that reads a number in microseconds; every commit to a SQLite database changes it."""
        connection = self.engine.raw_connection()
        cursor = connection.cursor()

        def read_data_version() -> int:
            cursor.execute("PRAGMA data_version")
            row: Any = cursor.fetchone()
            return int(row[0])

        read_data_version.connection = connection  # type: ignore[attr-defined]  # checked out as long as the function lives
        return read_data_version

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """Note errors that SQLAlchemy does not see, which are those of a PreparedQuery."""
        try:
            yield
        except DBAPIError as error:
            self.faults.record(classify(error), str(error.orig))
            raise

    def _note_fault(self, context: ExceptionContext) -> None:
        """Note which kind of fault an error is, even if its caller handles it."""
        error = context.original_exception
        self.faults.record(classify(error), str(error))

    def is_ready(self) -> bool:
        """Return whether the database responds."""
        try:
            with self.read_transaction() as connection:
                return bool(connection.execute(sa.text("SELECT 1")).scalar_one())
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """Close all pooled connections, and this thread's connection for `autocommit_read`."""
        self.close_thread_connection()
        self.engine.dispose()


def force_custom_plan(connection: Connection) -> None:
    """Make PostgreSQL use custom plans for the remaining queries of this transaction.

    A generic plan that was cached while a partition was almost empty would scan all of it once it is full, and would
    look up many names in every partition.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_FORCE_CUSTOM_PLAN)


_FORCE_CUSTOM_PLAN = sa.text("SET LOCAL plan_cache_mode = force_custom_plan")


class PreparedQuery:
    """A query that runs on every request. On SQLite it bypasses SQLAlchemy, which takes a third of the time."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        """`statement` names its values by bindparam. None of them may need conversion."""
        self._statement = statement
        self._sql = ""
        self._parameter_names: list[str] = []
        self._column_converters: list[tuple[int, Callable[[Any], Any]]] = []  # of the columns that need conversion

    def fetch_all(self, connection: Connection, **values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows, each as a sequence of values converted as SQLAlchemy would."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._statement, values))
        if not self._sql:
            self._compile(connection.dialect)
        driver: Any = connection.connection.driver_connection
        try:
            rows = driver.execute(self._sql, [values[name] for name in self._parameter_names]).fetchall()
        except sqlite3.Error as error:
            raise DBAPIError(self._sql, None, error) from error
        return [self._convert_row(row) for row in rows] if self._column_converters else rows

    def _convert_row(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for column, convert in self._column_converters:
            values[column] = convert(values[column])
        return values

    def _compile(self, dialect: Dialect) -> None:
        compiled: Any = self._statement.compile(dialect=dialect)
        types = [column.type.dialect_impl(dialect) for column in self._statement.selected_columns]
        converters = [column_type.result_processor(dialect, None) for column_type in types]
        self._column_converters = [(column, convert) for column, convert in enumerate(converters) if convert]
        self._parameter_names = list(compiled.positiontup)
        self._sql = str(compiled)


def open_database(url: str) -> Database:
    """Return the database at a SQLAlchemy URL. A missing SQLite file is created, together with its folder.

    Raises OperatorError if the URL is malformed or for an unsupported engine.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise OperatorError(
            "database_url is not a SQLAlchemy URL, like sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return Database(_create_sqlite_engine(parsed))
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        read_timeout = ReadTimeout()
        return Database(_create_postgresql_engine(parsed, read_timeout), read_timeout)
    raise OperatorError(f"database_url: {parsed.drivername} is not supported; use a file of sqlite, or postgresql")


def open_scratch_database(file: Path) -> Database:
    """Return a new SQLite database for results that need not outlast the process: commits do not wait for the disk."""
    database = open_database(str(URL.create("sqlite", database=str(file))))
    event.listen(database.engine, "connect", _disable_sync)
    return database


def _disable_sync(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _create_sqlite_engine(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=MAX_CONNECTIONS - 8,
        pool_timeout=BUSY_TIMEOUT_MS / 1000 + 10,  # those who wait for the write lock end first
        connect_args={"check_same_thread": False},
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
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if statement := connection.get_execution_options().get("ccfs_begin", "BEGIN"):
        connection.exec_driver_sql(statement)


def _create_postgresql_engine(url: URL, read_timeout: ReadTimeout) -> Engine:
    from ccfs.db.pg_timeout import connect  # imports the driver, which SQLite does not need

    options = f"{_get_url_parameter(url, 'options')} -c timezone=UTC".strip()
    timeouts = {name: int(_get_url_parameter(url, name) or default) for name, default in _CONNECTION_DEFAULTS.items()}
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=48,
        pool_pre_ping=True,
        connect_args={**timeouts, "options": options},
    )
    event.listen(engine, "do_connect", lambda _dialect, _record, args, kwargs: connect(read_timeout, *args, **kwargs))
    event.listen(engine, "connect", _set_prepare_threshold)
    return engine


def _get_url_parameter(url: URL, name: str) -> str:
    """Return a parameter of the operator's URL; empty if the URL does not set it."""
    value = url.query.get(name, "")
    return value if isinstance(value, str) else value[-1]


def _set_prepare_threshold(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.prepare_threshold = 3  # frequent queries are planned once per connection
