"""Bulk inserts: COPY on PostgreSQL, a multi-row INSERT on SQLite."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.db.schema import Instant
from ccfs.model.identity.tenancy import App


class BulkInserter:
    """Inserts dataclass instances into a table. Their fields have the same names as the table's columns."""

    def __init__(
        self, table: sa.Table, value_type: type, derived: Mapping[str, Callable[[Any], int]] | None = None
    ) -> None:
        """`value_type` is a dataclass of texts, numbers and instants, of which only instants may be None.

        `derived` are further columns, each with a function that computes its number from a value.
        """
        self._table = table
        self._derived_columns = tuple((derived or {}).values())
        self._column_names = [*(field.name for field in fields(value_type)), *(derived or {})]
        self._get_fields: Callable[[Any], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(value_type)))
        self._text_positions = [number for number, field in enumerate(fields(value_type)) if field.type is str]
        self._instant_positions = [
            number for number, name in enumerate(self._column_names) if isinstance(table.c[name].type, Instant)
        ]
        cells = dict.fromkeys(self._text_positions, '"%s"') | dict.fromkeys(self._instant_positions, "%s")
        self._row_format = (
            ",".join(["%d", *(cells.get(number, "%d") for number in range(len(self._column_names)))]) + "\n"
        )

    def get_row_values(self, row: Any) -> tuple[Any, ...]:
        """Return the values for a row's columns: its fields, followed by the derived columns."""
        return (*self._get_fields(row), *(derive(row) for derive in self._derived_columns))

    def insert(self, connection: Connection, app: App, rows: Sequence[Any]) -> None:
        """Insert all of the app's rows or none. Raises DBAPIError, for example if a row already exists."""
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            self._copy(connection, app, rows)
        else:
            values = [
                dict(zip(self._column_names, self.get_row_values(row), strict=True)) | {"app": app.id} for row in rows
            ]
            connection.execute(sa.insert(self._table), values)

    def _copy(self, connection: Connection, app: App, rows: Sequence[Any]) -> None:
        columns = ", ".join(f'"{name}"' for name in ("app", *self._column_names))
        statement: Any = f"COPY {self._table.name} ({columns}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')"
        driver: Any = connection.connection.driver_connection
        driver_error: Any = connection.dialect.loaded_dbapi.Error
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for start in range(0, len(rows), 256):
                    copy.write(self.format_csv(app, rows[start : start + 256]))
        except driver_error as error:
            raise DBAPIError.instance(statement, None, error, driver_error, dialect=connection.dialect) from error

    def format_csv(self, app: App, rows: Iterable[Any]) -> bytes:
        """Return the rows in the format that COPY reads.

        Every text is quoted, so that none is read as NULL; a missing instant is left empty.
        """
        text_positions, instant_positions, row_format = self._text_positions, self._instant_positions, self._row_format
        lines = []
        for row in rows:
            values = [*self.get_row_values(row)]
            for number in text_positions:
                values[number] = values[number].replace('"', '""')
            for number in instant_positions:
                instant = values[number]
                values[number] = "" if instant is None else instant.isoformat()
            lines.append(row_format % (app.id, *values))
        return "".join(lines).encode()
