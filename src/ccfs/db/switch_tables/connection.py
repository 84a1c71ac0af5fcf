"""A read-only connection to a switch's database. Every operation has a time limit, and all errors have one class."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, Inspector
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.switch_tables.address import TableAddress

T = TypeVar("T")

CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 10  # waiting for another's ALTER TABLE
_STREAM_WRITE_SECONDS: Final = 600  # while the reader of a stream stores what it has read
_MAX_REASON: Final = 300  # characters
_MISSING_CODES: Final = frozenset({1044, 1142, 1143, 1146, "42501", "42P01"})  # of MySQL; of PostgreSQL (SQLSTATE)


class SwitchDatabaseError(OSError):
    """The database cannot be read at the moment. The text names it, without user and password."""


class NoSuchTable(SwitchDatabaseError):
    """A table does not exist, or may not be read."""


class SwitchDatabase:
    """A database that is read in short transactions. It keeps one connection open between them."""

    def __init__(self, address: TableAddress, timeout_seconds: float) -> None:
        """`timeout_seconds` limits each query."""
        self.dialect = address.dialect
        self._name = address.database_name
        self._timeout_ms = max(1, int(timeout_seconds * 1000))
        self._engine = _create_engine(address, timeout_seconds)

    def inspect(self, ask: Callable[[Inspector], T]) -> T:
        """Return the result of a query about the structure."""
        with self._transaction() as connection:
            return ask(sa.inspect(connection))

    def fetch(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Return all rows of a query. The caller must limit their number."""
        with self._transaction() as connection:
            return connection.execute(query).all()

    def stream(self, query: sa.Select[Any], size: int) -> Iterator[Sequence[sa.Row[Any]]]:
        """Yield the rows of a query that may have many, in lists of `size`, as the server sends them."""
        with self._transaction() as connection:
            result = connection.execution_options(stream_results=True, max_row_buffer=size).execute(query)
            yield from result.partitions(size)

    def close(self) -> None:
        """Close the connection. The next query opens another."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                if self.dialect == "postgresql":
                    connection.execute(_PG_LIMITS, {"timeout": str(self._timeout_ms), "lock": str(LOCK_SECONDS * 1000)})
                yield connection
        except (SQLAlchemyError, OSError, self._engine.dialect.loaded_dbapi.Error) as error:
            kind = NoSuchTable if _find_code(error) in _MISSING_CODES else SwitchDatabaseError
            raise kind(f"{self._name}: {_describe(error)}") from None


# For the transaction only: a pooler may give the connection to others afterwards. Times are then read and compared in UTC.
_PG_LIMITS = sa.text(
    "SELECT set_config('statement_timeout', :timeout, true), set_config('lock_timeout', :lock, true),"
    " set_config('idle_in_transaction_session_timeout', '0', true), set_config('TimeZone', 'UTC', true),"
    " set_config('DateStyle', 'ISO', true)"
)


def _create_engine(address: TableAddress, timeout_seconds: float) -> Engine:
    if address.dialect == "postgresql":
        arguments: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": int(timeout_seconds * 1000) + 20_000,
            "prepare_threshold": None,
            "application_name": "ccfs",
        }
        options = {"postgresql_readonly": True}
    else:
        reading = int(timeout_seconds) + 20  # the server's own limit comes first
        arguments = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": reading,
            "write_timeout": reading,
            "charset": "utf8mb4",
        }
        options = {}
    engine = sa.create_engine(
        address.url,
        connect_args=arguments,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        hide_parameters=True,
        execution_options=options,
    )
    if address.dialect == "mysql":
        event.listen(engine, "connect", lambda connection, _: _limit_mysql_session(connection, timeout_seconds))
    return engine


def _limit_mysql_session(connection: Any, timeout_seconds: float) -> None:
    """Make a MySQL session read-only, limit the time of its statements, and set its time zone to UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
        for statement in (
            "SET SESSION TRANSACTION READ ONLY",
            f"SET SESSION max_statement_time = {max(timeout_seconds, 0.001):.3f}",  # MariaDB
            f"SET SESSION max_execution_time = {max(1, int(timeout_seconds * 1000))}",  # MySQL
            f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}",
            f"SET SESSION net_write_timeout = {_STREAM_WRITE_SECONDS}",
        ):
            try:
                cursor.execute(statement)
            except Exception as error:
                if error.args[:1] not in ((1193,), (1064,)):  # a variable or statement that this server does not have
                    raise


def _find_code(error: BaseException) -> object:
    """Return the server's error code: a number of MySQL, or PostgreSQL's SQLSTATE."""
    cause: Any = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) or (cause.args[0] if getattr(cause, "args", ()) else None)


def _describe(error: BaseException) -> str:
    """Return the server's message on one line."""
    cause: Any = getattr(error, "orig", None) or error
    arguments: Any = getattr(cause, "args", ())
    text = arguments[1] if len(arguments) > 1 and isinstance(arguments[0], int) else cause
    return " ".join(str(text).split())[:_MAX_REASON] or type(cause).__name__
