"""The structure of a table: its columns, its indexes, and the column by which it is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import NoSuchTableError

MAX_LISTED_TABLES: Final = 20


class UnusableTable(ValueError):
    """A table lacks something that is required. The text is the reason that an operator sees."""


class ColumnKind(Enum):
    """How the values of a column are read and compared."""

    TIME = "time"  # as it was written, without a zone
    INSTANT = "instant"  # in UTC on the server
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column of a table."""

    name: str
    kind: ColumnKind
    sql_type: Any = field(repr=False, compare=False)  # SQLAlchemy's
    charset: str = ""  # MySQL's name; "" where the server gives text in UTF-8


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStructure:
    """Columns by lower-case name, and the first columns of indexes."""

    schema: str | None
    table: str
    columns: dict[str, TableColumn]
    indexed: frozenset[str]  # in lower case
    primary_key: tuple[str, ...]  # in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingKey:
    """The column by which a table is read: a time, or an increasing number."""

    column: TableColumn
    is_id: bool
    is_indexed: bool


def read_structure(inspector: Inspector, table: str) -> TableStructure:
    """Return the structure of a table or view. Raise UnusableTable if it does not exist."""
    schema, _, name = table.rpartition(".")
    try:
        columns = inspector.get_columns(name, schema or None)
    except NoSuchTableError:
        raise UnusableTable(_describe_missing(inspector, schema or None, name)) from None
    charset = _find_table_charset(inspector, name, schema or None)
    primary_key = [
        column.lower() for column in inspector.get_pk_constraint(name, schema or None)["constrained_columns"]
    ]
    indexed = {index["column_names"][0] for index in inspector.get_indexes(name, schema or None)}
    return TableStructure(
        schema=schema or None,
        table=name,
        columns={column["name"].lower(): _build_column(column, charset) for column in columns},
        indexed=frozenset({*primary_key[:1], *(column.lower() for column in indexed if column)}),
        primary_key=tuple(primary_key),
    )


def choose_key(structure: TableStructure, times: Sequence[str], *, prefers_id: bool = False) -> ReadingKey:
    """Return the column to read by: an indexed one from `times`, else a numeric primary key, else the first in `times`.

    `prefers_id`: the primary key comes first, because rows are added in the order of the events. Raise UnusableTable.
    """
    found = [structure.columns[name] for name in times if name in structure.columns]
    indexed = next((column for column in found if column.name.lower() in structure.indexed), None)
    ids = [structure.columns[name] for name in structure.primary_key if name in structure.columns]
    has_id = len(ids) == 1 and ids[0].kind is ColumnKind.NUMBER
    if has_id and (prefers_id or indexed is None):
        return ReadingKey(column=ids[0], is_id=True, is_indexed=True)
    if not found:
        raise UnusableTable(f"the table {structure.table} has no time of its rows ({', '.join(times)})")
    return ReadingKey(column=indexed or found[0], is_id=False, is_indexed=indexed is not None)


def _build_column(column: Any, charset: str) -> TableColumn:
    sql_type = column["type"]
    kind = ColumnKind.TEXT
    if isinstance(sql_type, sa.DateTime):
        has_zone = getattr(sql_type, "timezone", False) or isinstance(sql_type, mysql.TIMESTAMP)
        kind = ColumnKind.INSTANT if has_zone else ColumnKind.TIME
    elif isinstance(sql_type, sa.Numeric | sa.Integer):
        kind = ColumnKind.NUMBER
    own = getattr(sql_type, "charset", None) or (getattr(sql_type, "collation", None) or "").partition("_")[0]
    has_text = kind is ColumnKind.TEXT
    return TableColumn(name=column["name"], kind=kind, sql_type=sql_type, charset=(own or charset) if has_text else "")


def _find_table_charset(inspector: Inspector, table: str, schema: str | None) -> str:
    if inspector.dialect.name != "mysql":
        return ""
    options: Any = inspector.get_table_options(table, schema)
    return str(options.get("mysql_default charset", "") or options.get("mariadb_default charset", ""))


def _describe_missing(inspector: Inspector, schema: str | None, table: str) -> str:
    names = sorted({*inspector.get_table_names(schema), *inspector.get_view_names(schema)})
    if not names:
        return f"there is no table {table}, or none that this user may read"
    listed = ", ".join(names[:MAX_LISTED_TABLES]) + (", …" if len(names) > MAX_LISTED_TABLES else "")
    return f"there is no table {table}; name one of these with ?table=: {listed}"
