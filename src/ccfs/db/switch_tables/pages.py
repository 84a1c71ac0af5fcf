"""Read the rows of a table in the order of a key, in pages of bounded size. Values are the server's text as bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ccfs.db.switch_tables.connection import SwitchDatabase
from ccfs.db.switch_tables.structure import ColumnKind, ReadingKey, TableColumn, TableStructure, UnusableTable

RawRow: TypeAlias = tuple[bytes | None, ...]  # the values of the chosen columns
MAX_LOOKUP_KEYS: Final = 500
_KEY_LABEL, _MAX_BYTES_DEFAULT = "ccfs_key", 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    """A column to read."""

    column: TableColumn
    as_epoch: bool = False  # an instant as whole seconds since 1970
    max_bytes: int = _MAX_BYTES_DEFAULT  # a longer value is read as NULL


class TableReader:
    """Reads one table by its key."""

    def __init__(
        self, database: SwitchDatabase, structure: TableStructure, key: ReadingKey, columns: Sequence[ColumnChoice]
    ) -> None:
        self.key, self.columns = key, tuple(columns)
        self._database = database
        self._zone = _find_server_zone(database)
        self._source = sa.table(structure.table, schema=structure.schema)
        self._key: Any = sa.column(key.column.name)
        values = [self._render_value(choice).label(f"ccfs_{number}") for number, choice in enumerate(columns)]
        key_text = self._to_bytes(self._key).label(_KEY_LABEL)
        self._select = sa.select(*values, key_text).select_from(self._source).where(self._key.is_not(None))

    def iter_pages(self, low: str | None, size: int) -> Iterator[tuple[str, list[tuple[str, RawRow]]]]:
        """Yield the rows whose key is at least `low`, in order, with their keys; each page with its last key.

        A page has at most `size` rows, unless more share a key. Rows with the same key are always read in one query, so
        that new rows do not shift pages. Without an index, one query reads all rows.
        """
        if not self.key.is_indexed:
            query = self._select.order_by(self._key)
            for part in self._database.stream(query if low is None else query.where(self._at_least(low)), size):
                page = [_split_row(row) for row in part]
                yield page[-1][0], page
            return
        is_after = False
        while True:
            page = self._fetch_page(low, size, is_after=is_after)
            if len(page) < size:
                if page:
                    yield page[-1][0], page
                return
            last = page[-1][0]
            whole = [row for row in page if row[0] != last]
            if whole:
                yield whole[-1][0], whole
                low, is_after = last, False
                continue
            if is_after and last == low:
                raise UnusableTable(f"the values of {self.key.column.name} cannot be compared exactly")
            query = self._select.where(self._key == self._parameter(last))
            for part in self._database.stream(query, size):
                yield last, [_split_row(row) for row in part]
            low, is_after = last, True

    def find_edges(self) -> tuple[str, str] | None:
        """Return the lowest and the highest key, or None for an empty table."""
        edges: list[Any] = [self._to_bytes(edge(self._key)) for edge in (sa.func.min, sa.func.max)]
        row: Any = self._database.fetch(sa.select(*edges).select_from(self._source))[0]
        lowest, highest = row
        return None if lowest is None else (_to_text(lowest), _to_text(highest))

    def find_recent_key(self, count: int) -> str | None:
        """Return the key of the `count`-th row from the end, or None if the table has fewer."""
        query: Any = sa.select(self._to_bytes(self._key)).select_from(self._source).where(self._key.is_not(None))
        rows = self._database.fetch(query.order_by(self._key.desc()).offset(count - 1).limit(1))
        return _to_text(rows[0][0]) if rows else None

    def fetch_some(self, low: str, count: int) -> list[tuple[str, RawRow]]:
        """Return the first `count` rows, starting at a key."""
        return self._fetch_page(low, count)

    def fetch_by_keys(self, keys: Sequence[str]) -> list[tuple[str, RawRow]]:
        """Return the rows with these keys."""
        query = self._select.where(self._key.in_([self._parameter(key) for key in keys[:MAX_LOOKUP_KEYS]]))
        return [_split_row(row) for row in self._database.fetch(query)]

    def _fetch_page(self, low: str | None, size: int, *, is_after: bool = False) -> list[tuple[str, RawRow]]:
        query = self._select.order_by(self._key).limit(size)
        if low is not None:
            query = query.where(self._key > self._parameter(low) if is_after else self._at_least(low))
        return [_split_row(row) for row in self._database.fetch(query)]

    def _at_least(self, low: str) -> Any:
        return self._key >= self._parameter(low)

    def _parameter(self, value: str) -> Any:
        """Return a value to compare with the key, in the key's own type, so that an index can be used."""
        if self._database.dialect == "postgresql":
            return sa.cast(sa.literal(value, sa.Text), self.key.column.sql_type)
        return sa.literal(value, sa.Text)

    def _render_value(self, choice: ColumnChoice) -> Any:
        column: Any = sa.column(choice.column.name)
        is_postgresql = self._database.dialect == "postgresql"
        if choice.column.kind is ColumnKind.INSTANT:
            if choice.as_epoch:
                column = sa.func.floor(sa.extract("epoch", column) if is_postgresql else sa.func.unix_timestamp(column))
            elif is_postgresql:
                column = sa.func.timezone(self._zone, column)
            else:
                zone: Any = sa.literal_column("@@global.time_zone")
                column = sa.func.coalesce(sa.func.convert_tz(column, "+00:00", zone), column)
        text = self._to_bytes(column)
        if choice.column.kind is not ColumnKind.TEXT:
            return text
        return sa.case((sa.func.octet_length(text) <= choice.max_bytes, text))

    def _to_bytes(self, expression: Any) -> Any:
        """Convert a value to bytes in the encoding of the database, because it may not be decodable."""
        if self._database.dialect == "postgresql":
            return sa.func.convert_to(sa.cast(expression, sa.Text), "SQL_ASCII")
        return sa.cast(expression, mysql.BINARY)


def look_up(
    database: SwitchDatabase,
    structure: TableStructure,
    key: str,
    values: Sequence[str],
    columns: Sequence[ColumnChoice],
) -> Mapping[str, RawRow]:
    """Return rows by the text of a unique column, for at most MAX_LOOKUP_KEYS values."""
    if not values:
        return {}
    column = structure.columns[key]
    reading_key = ReadingKey(column=column, is_id=False, is_indexed=True)
    reader = TableReader(database, structure, reading_key, columns)
    return dict(reader.fetch_by_keys(values))


def _find_server_zone(database: SwitchDatabase) -> str:
    """Return the time zone that a PostgreSQL server uses for this user by default."""
    if database.dialect != "postgresql":
        return ""
    value: Any = sa.column("reset_val")
    name: Any = sa.column("name")
    query: sa.Select[Any] = sa.select(value).select_from(sa.table("pg_settings")).where(name == "TimeZone")
    rows = database.fetch(query)
    return str(rows[0][0]) if rows else "UTC"


def _split_row(row: sa.Row[Any]) -> tuple[str, RawRow]:
    values = tuple(row)
    return _to_text(values[-1]), values[:-1]


def _to_text(value: Any) -> str:
    return bytes(value).decode("utf-8", "backslashreplace")
