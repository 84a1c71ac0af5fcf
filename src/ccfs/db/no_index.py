"""A column that is compared, but not looked up by. Nothing else lives here."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal


class NoIndex(sa.ColumnElement[Any]):
    """A column for which SQLite, which counts no rows, is not to choose an index; PostgreSQL sees the column."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012  as SQLAlchemy reads it

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(NoIndex)
def _compile_plain(aside: NoIndex, compiler: Any, **how: Any) -> str:
    return str(compiler.process(aside.column, **how))


@compiles(NoIndex, "sqlite")
def _compile_for_sqlite(aside: NoIndex, compiler: Any, **how: Any) -> str:
    return f"+{compiler.process(aside.column, **how)}"
