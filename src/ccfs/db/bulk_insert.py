"""Bulk inserts: COPY on PostgreSQL, a multi-row INSERT on SQLite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.db.schema import Instant
from ccfs.model.identity.tenancy import App

Derive = Callable[[Any], tuple[Any, ...]]


def _derive_nothing(_row: Any) -> tuple[Any, ...]:
    return ()


class BulkInserter:
    """Inserts dataclass instances into a table. Their fields have the same names as the table's columns."""

    def __init__(self, table: sa.Table, value_type: type, derived: Sequence[str] = ()) -> None:
        """`value_type` is a dataclass of texts, numbers and instants, of which only instants may be None.

        `derived` names further columns, whose values `insert` computes.
        """
        self._table = table
        self._column_names = [*(field.name for field in fields(value_type)), *derived]
        self._get_fields: Callable[[Any], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(value_type)))
        is_text = [field.type is str for field in fields(value_type)]  # a number in the table may be a text here
        is_text += [isinstance(table.c[name].type, sa.Text) for name in derived]
        self._text_positions = [number for number, is_quoted in enumerate(is_text) if is_quoted]
        self._instant_positions = [
            number for number, name in enumerate(self._column_names) if isinstance(table.c[name].type, Instant)
        ]
        cells = dict.fromkeys(self._text_positions, '"%s"') | dict.fromkeys(self._instant_positions, "%s")
        self._row_format = (
            ",".join(["%d", *(cells.get(number, "%d") for number in range(len(self._column_names)))]) + "\n"
        )

    def insert(self, connection: Connection, app: App, rows: Sequence[Any], derive: Derive = _derive_nothing) -> None:
        """Insert all of the app's rows or none; `derive` returns a row's values of the derived columns.

        Raises DBAPIError, for example if a row already exists.
        """
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            self._copy(connection, app, rows, derive)
        else:
            values = [
                dict(zip(self._column_names, (*self._get_fields(row), *derive(row)), strict=True)) | {"app": app.id}
                for row in rows
            ]
            connection.execute(sa.insert(self._table), values)

    def _copy(self, connection: Connection, app: App, rows: Sequence[Any], derive: Derive) -> None:
        columns = ", ".join(f'"{name}"' for name in ("app", *self._column_names))
        statement: Any = f"COPY {self._table.name} ({columns}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')"
        driver: Any = connection.connection.driver_connection
        driver_error: Any = connection.dialect.loaded_dbapi.Error
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for start in range(0, len(rows), 256):
                    copy.write(self.format_csv(app, rows[start : start + 256], derive))
        except driver_error as error:
            raise DBAPIError.instance(statement, None, error, driver_error, dialect=connection.dialect) from error

    def format_csv(self, app: App, rows: Iterable[Any], derive: Derive = _derive_nothing) -> bytes:
        """Return the rows in the format that COPY reads.

        Every text is quoted, so that none is read as NULL; a missing instant is left empty.
        """
        text_positions, instant_positions, row_format = self._text_positions, self._instant_positions, self._row_format
        lines = []
        for row in rows:
            values = [*self._get_fields(row), *derive(row)]
            for number in text_positions:
                values[number] = values[number].replace('"', '""')
            for number in instant_positions:
                instant = values[number]
                values[number] = "" if instant is None else instant.isoformat()
            lines.append(row_format % (app.id, *values))
        return "".join(lines).encode()
