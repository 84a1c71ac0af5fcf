"""Many new rows at once: COPY on PostgreSQL, an INSERT with many values on SQLite. No table is named here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.model.tenancy import App
from ccfs.store.schema import Instant


class Bulk:
    """Rows of one table, made of nouns whose fields are called as its columns."""

    def __init__(self, table: sa.Table, noun: type, more: Mapping[str, Callable[[Any], int]] | None = None) -> None:
        """`noun` is a dataclass of texts, numbers, and instants, of which only those may be None. `more` are columns that
        follow from a noun, each a number."""
        self._table = table
        self._more = tuple((more or {}).values())
        self._names = [*(field.name for field in fields(noun)), *(more or {})]
        self._fields: Callable[[Any], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(noun)))
        self._texts = [number for number, field in enumerate(fields(noun)) if field.type is str]
        self._instants = [number for number, name in enumerate(self._names) if isinstance(table.c[name].type, Instant)]
        cells = dict.fromkeys(self._texts, '"%s"') | dict.fromkeys(self._instants, "%s")
        self._line = ",".join(["%d", *(cells.get(number, "%d") for number in range(len(self._names)))]) + "\n"

    def values(self, row: Any) -> tuple[Any, ...]:
        """What a row's columns hold: its fields, then what follows from them."""
        return (*self._fields(row), *(tell(row) for tell in self._more))

    def add(self, connection: Connection, app: App, rows: Sequence[Any]) -> None:
        """Keep new rows of the app, all or none; raises DBAPIError, for a row that is there already too."""
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            self._copy(connection, app, rows)
        else:
            values = [dict(zip(self._names, self.values(row), strict=True)) | {"app": app.id} for row in rows]
            connection.execute(sa.insert(self._table), values)

    def _copy(self, connection: Connection, app: App, rows: Sequence[Any]) -> None:
        columns = ", ".join(f'"{name}"' for name in ("app", *self._names))
        statement: Any = f"COPY {self._table.name} ({columns}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')"
        driver: Any = connection.connection.driver_connection
        failure: Any = connection.dialect.loaded_dbapi.Error
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for start in range(0, len(rows), 256):
                    copy.write(self.lines(app, rows[start : start + 256]))
        except failure as error:
            raise DBAPIError.instance(statement, None, error, failure, dialect=connection.dialect) from error

    def lines(self, app: App, rows: Iterable[Any]) -> bytes:
        """The rows as COPY reads them: every text quoted, so that none is taken for NULL; an instant that is none is empty."""
        texts, instants, line = self._texts, self._instants, self._line
        made = []
        for row in rows:
            values = [*self.values(row)]
            for number in texts:
                values[number] = values[number].replace('"', '""')
            for number in instants:
                moment = values[number]
                values[number] = "" if moment is None else moment.isoformat()
            made.append(line % (app.id, *values))
        return "".join(made).encode()
