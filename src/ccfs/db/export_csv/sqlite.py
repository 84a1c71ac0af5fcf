"""An extract from SQLite: the line is put together in SQL, quoted here. The SELECT's shape is question.py's.

Values are parted by the byte FF, which UTF-8 never has. Quotes are rare in such files: a chunk without a character that
needs them is made into CSV by two replacements.
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

CHUNK_ROWS = 256  # of a chunk
_VALUE_SEPARATOR, _ROW_END = b"\xff", b"\xfe"
_QUOTED_CHARACTERS = (b'"', b",", b"\r", b"\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_SECONDS_FROM_YEAR_1 = (_EPOCH - datetime(1, 1, 1, tzinfo=UTC)) // _SECOND  # seconds before 1970


class SqliteDialect(SqlDialect):
    """SQLite's words. Instants are microseconds since 1970."""

    collation = ""  # by bytes already

    def placeholder(self, key: str) -> str:
        return f":{key}"

    def account_condition(self, key: str) -> str:
        return f'"account_id" IN (SELECT value FROM json_each(:{key}))'

    def instant_literal(self, moment: datetime) -> str:
        return str(_to_microseconds(moment))

    def format_with_offset(self, column: str, shift: timedelta) -> str:
        # Division cuts off towards 0: counted from the year 1 that is always downwards.
        seconds = f"({column} + {_SECONDS_FROM_YEAR_1}000000) / 1000000"
        return f"datetime({seconds} + {shift // _SECOND - _SECONDS_FROM_YEAR_1}, 'unixepoch')"

    def format_in_zone(self, column: str, zone: str) -> str:
        return f"ccfs_clock({column}, {zone})"

    def format_column(self, cell: ColumnSpec, question: ExportQuery) -> str:
        """A value as text; none is empty text in the end."""
        match cell.format:
            case ValueFormat.DEVELOPER:
                return self.placeholder("developer")
            case ValueFormat.TEXT | ValueFormat.NUMBER:
                return quote_name(cell.name)
            case ValueFormat.BACKSLASHED_TEXT:
                return f"replace({quote_name(cell.name)}, '/', char(92))"
            case ValueFormat.LOCAL_TIME:
                return self.format_local_time(cell, question.zone_offsets)
            case ValueFormat.UTC_TIME:
                return self.format_with_offset(quote_name(cell.name), timedelta())


def iter_chunks(connection: Connection, question: ExportQuery) -> Iterator[CsvChunk]:
    """The answer; raises DBAPIError."""
    words = SqliteDialect()
    form = _VALUE_SEPARATOR.join([b"%s"] * len(question.column_specs)).hex()
    values = ", ".join(words.format_column(cell, question) for cell in question.column_specs)
    statement = words.build_select(question, f"CAST(printf(CAST(x'{form}' AS TEXT), {values}) AS BLOB)")
    driver: Any = connection.connection.driver_connection
    driver.create_function("ccfs_clock", 2, _format_stored_in_zone)
    given = {key: _to_parameter(value) for key, value in words.build_parameters(question).items()}
    cursor: Any = connection.exec_driver_sql(statement, given).cursor
    try:
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield CsvChunk(len(rows), build_csv([line for (line,) in rows]))
    except sqlite3.Error as error:
        raise DBAPIError(statement, None, error) from error


def build_csv(rows: list[bytes]) -> bytes:
    """The rows as CSV."""
    joined = _ROW_END.join([*rows, b""])
    if not any(special in joined for special in _QUOTED_CHARACTERS):
        return joined.replace(_VALUE_SEPARATOR, b",").replace(_ROW_END, EOL)
    return b"".join(b",".join(map(_quote_value, row.split(_VALUE_SEPARATOR))) + EOL for row in rows)


def _quote_value(value: bytes) -> bytes:
    if any(special in value for special in _QUOTED_CHARACTERS):
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def _to_parameter(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return _to_microseconds(value) if isinstance(value, datetime) else value


def _to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _format_stored_in_zone(stored: int, zone: str) -> str:
    return format_local(to_local(_EPOCH + stored * _MICROSECOND, ZoneInfo(zone)))
