"""Many new rows at once: COPY on PostgreSQL, an INSERT with many values on SQLite. No table is named here."""

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
    """Rows of one table, made of nouns whose fields are called as its columns."""

    def __init__(self, table: sa.Table, noun: type, more: Mapping[str, Callable[[Any], int]] | None = None) -> None:
        """`noun` is a dataclass of texts, numbers, and instants, of which only those may be None. `more` are columns that
        follow from a noun, each a number."""
        self._table = table
        self._derived_columns = tuple((more or {}).values())
        self._column_names = [*(field.name for field in fields(noun)), *(more or {})]
        self._get_fields: Callable[[Any], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(noun)))
        self._text_positions = [number for number, field in enumerate(fields(noun)) if field.type is str]
        self._instant_positions = [
            number for number, name in enumerate(self._column_names) if isinstance(table.c[name].type, Instant)
        ]
        cells = dict.fromkeys(self._text_positions, '"%s"') | dict.fromkeys(self._instant_positions, "%s")
        self._row_format = (
            ",".join(["%d", *(cells.get(number, "%d") for number in range(len(self._column_names)))]) + "\n"
        )

    def get_row_values(self, row: Any) -> tuple[Any, ...]:
        """What a row's columns hold: its fields, then what follows from them."""
        return (*self._get_fields(row), *(tell(row) for tell in self._derived_columns))

    def insert(self, connection: Connection, app: App, rows: Sequence[Any]) -> None:
        """Keep new rows of the app, all or none; raises DBAPIError, for a row that is there already too."""
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
        failure: Any = connection.dialect.loaded_dbapi.Error
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for start in range(0, len(rows), 256):
                    copy.write(self.format_csv(app, rows[start : start + 256]))
        except failure as error:
            raise DBAPIError.instance(statement, None, error, failure, dialect=connection.dialect) from error

    def format_csv(self, app: App, rows: Iterable[Any]) -> bytes:
        """The rows as COPY reads them: every text quoted, so that none is taken for NULL; an instant that is none is empty."""
        texts, instants, line = self._text_positions, self._instant_positions, self._row_format
        made = []
        for row in rows:
            values = [*self.get_row_values(row)]
            for number in texts:
                values[number] = values[number].replace('"', '""')
            for number in instants:
                moment = values[number]
                values[number] = "" if moment is None else moment.isoformat()
            made.append(line % (app.id, *values))
        return "".join(made).encode()
