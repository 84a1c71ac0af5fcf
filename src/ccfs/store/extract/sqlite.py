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

from ccfs.model.window import local, text
from ccfs.store.extract.chunk import EOL, Chunk
from ccfs.store.extract.columns import As, Cell
from ccfs.store.extract.question import Question, Wording, name

ROWS = 256  # of a chunk
_PART, _END = b"\xff", b"\xfe"
_SPECIAL = (b'"', b",", b"\r", b"\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_YEAR_1 = (_EPOCH - datetime(1, 1, 1, tzinfo=UTC)) // _SECOND  # seconds before 1970


class Sqlite(Wording):
    """SQLite's words. Instants are microseconds since 1970."""

    collation = ""  # by bytes already

    def value(self, key: str) -> str:
        return f":{key}"

    def among(self, key: str) -> str:
        return f'"account_id" IN (SELECT value FROM json_each(:{key}))'

    def instant(self, moment: datetime) -> str:
        return str(_stored(moment))

    def shifted(self, column: str, shift: timedelta) -> str:
        # Division cuts off towards 0: counted from the year 1 that is always downwards.
        seconds = f"({column} + {_YEAR_1}000000) / 1000000"
        return f"datetime({seconds} + {shift // _SECOND - _YEAR_1}, 'unixepoch')"

    def far(self, column: str, zone: str) -> str:
        return f"ccfs_clock({column}, {zone})"

    def cell(self, cell: Cell, question: Question) -> str:
        """A value as text; none is empty text in the end."""
        match cell.kind:
            case As.DEVELOPER:
                return self.value("developer")
            case As.TEXT | As.NUMBER:
                return name(cell.name)
            case As.BACKSLASHES:
                return f"replace({name(cell.name)}, '/', char(92))"
            case As.LOCAL:
                return self.local(cell, question.clocks)
            case As.UTC:
                return self.shifted(name(cell.name), timedelta())


def chunks(connection: Connection, question: Question) -> Iterator[Chunk]:
    """The answer; raises DBAPIError."""
    words = Sqlite()
    form = _PART.join([b"%s"] * len(question.cells)).hex()
    values = ", ".join(words.cell(cell, question) for cell in question.cells)
    statement = words.select(question, f"CAST(printf(CAST(x'{form}' AS TEXT), {values}) AS BLOB)")
    driver: Any = connection.connection.driver_connection
    driver.create_function("ccfs_clock", 2, _clock)
    given = {key: _given(value) for key, value in words.values(question).items()}
    cursor: Any = connection.exec_driver_sql(statement, given).cursor
    try:
        while rows := cursor.fetchmany(ROWS):
            yield Chunk(len(rows), quoted([line for (line,) in rows]))
    except sqlite3.Error as error:
        raise DBAPIError(statement, None, error) from error


def quoted(rows: list[bytes]) -> bytes:
    """The rows as CSV."""
    joined = _END.join([*rows, b""])
    if not any(special in joined for special in _SPECIAL):
        return joined.replace(_PART, b",").replace(_END, EOL)
    return b"".join(b",".join(map(_cell, row.split(_PART))) + EOL for row in rows)


def _cell(value: bytes) -> bytes:
    if any(special in value for special in _SPECIAL):
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value


def _given(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return _stored(value) if isinstance(value, datetime) else value


def _stored(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _clock(stored: int, zone: str) -> str:
    return text(local(_EPOCH + stored * _MICROSECOND, ZoneInfo(zone)))
