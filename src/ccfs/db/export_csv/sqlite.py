"""Exports from SQLite: SQL joins the values of a line, and Python quotes them.

The byte FF, which never occurs in UTF-8, separates the values. Quotes are rare in these files: two replacements turn a
chunk without special characters into CSV.
"""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.db.export_csv.chunk import EOL, CsvChunk
from ccfs.db.export_csv.columns import ColumnSpec, ValueFormat
from ccfs.db.export_csv.query import ExportQuery, SqlDialect, quote_name
from ccfs.model.exports.time_window import format_local, to_local

CHUNK_ROWS = 256
_VALUE_SEPARATOR, _ROW_END = b"\xff", b"\xfe"
_QUOTED_CHARACTERS = (b'"', b",", b"\r", b"\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_SECONDS_FROM_YEAR_1 = (_EPOCH - datetime(1, 1, 1, tzinfo=UTC)) // _SECOND  # seconds before 1970


class SqliteDialect(SqlDialect):
    """SQL for SQLite. Instants are microseconds since 1970."""

    collation = ""  # SQLite sorts by bytes

    def placeholder(self, key: str) -> str:
        return f":{key}"

    def account_condition(self, key: str) -> str:
        return f'"account_id" IN (SELECT value FROM json_each(:{key}))'

    def instant_literal(self, instant: datetime) -> str:
        return str(_to_microseconds(instant))

    def format_with_offset(self, column: str, offset: timedelta) -> str:
        # Division rounds towards 0, which is always down for seconds since the year 1.
        seconds = f"({column} + {_SECONDS_FROM_YEAR_1}000000) / 1000000"
        return f"datetime({seconds} + {offset // _SECOND - _SECONDS_FROM_YEAR_1}, 'unixepoch')"

    def format_in_zone(self, column: str, zone: str) -> str:
        return f"ccfs_local_time({column}, {zone})"

    def format_column(self, column: ColumnSpec, query: ExportQuery) -> str:
        """Return the SQL for a value as text; NULL becomes an empty text."""
        match column.format:
            case ValueFormat.DEVELOPER:
                return self.placeholder("developer")
            case ValueFormat.TEXT | ValueFormat.NUMBER:
                return quote_name(column.name)
            case ValueFormat.BACKSLASHED_TEXT:
                return f"replace({quote_name(column.name)}, '/', char(92))"
            case ValueFormat.LOCAL_TIME:
                return self.format_local_time(column, query.zone_offsets)
            case ValueFormat.UTC_TIME:
                return self.format_with_offset(quote_name(column.name), timedelta())


def iter_chunks(connection: Connection, query: ExportQuery) -> Iterator[CsvChunk]:
    """Yield the chunks of the file; raises DBAPIError."""
    dialect = SqliteDialect()
    line_format = _VALUE_SEPARATOR.join([b"%s"] * len(query.column_specs)).hex()
    values = ", ".join(dialect.format_column(column, query) for column in query.column_specs)
    statement = dialect.build_select(query, f"CAST(printf(CAST(x'{line_format}' AS TEXT), {values}) AS BLOB)")
    driver: Any = connection.connection.driver_connection
    driver.create_function("ccfs_local_time", 2, _format_stored_in_zone)
    parameters = {key: _to_parameter(value) for key, value in dialect.build_parameters(query).items()}
    cursor: Any = connection.exec_driver_sql(statement, parameters).cursor
    try:
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield CsvChunk(len(rows), build_csv([line for (line,) in rows]))
    except sqlite3.Error as error:
        raise DBAPIError(statement, None, error) from error


def build_csv(rows: list[bytes]) -> bytes:
    """Return the rows as CSV."""
    joined = _ROW_END.join([*rows, b""])
    if not any(character in joined for character in _QUOTED_CHARACTERS):
        return joined.replace(_VALUE_SEPARATOR, b",").replace(_ROW_END, EOL)
    return b"".join(b",".join(map(_quote_value, row.split(_VALUE_SEPARATOR))) + EOL for row in rows)


def _quote_value(value: bytes) -> bytes:
    if any(character in value for character in _QUOTED_CHARACTERS):
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def _to_parameter(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return _to_microseconds(value) if isinstance(value, datetime) else value


def _to_microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _format_stored_in_zone(stored: int, zone: str) -> str:
    return format_local(to_local(_EPOCH + stored * _MICROSECOND, ZoneInfo(zone)))
