"""A column that SQLite's planner compares without using an index."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal


class NoIndex(sa.ColumnElement[Any]):
    """A column for which SQLite, lacking row counts, must not choose an index. On PostgreSQL it is the plain column."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012  as SQLAlchemy reads it

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(NoIndex)
def _compile_plain(element: NoIndex, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.column, **options))


@compiles(NoIndex, "sqlite")
def _compile_for_sqlite(element: NoIndex, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.column, **options)}"
