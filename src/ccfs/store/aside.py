"""A column that is compared, but not looked up by. Nothing else lives here."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal


class Aside(sa.ColumnElement[Any]):
    """A column for which SQLite, which counts no rows, is not to choose an index; PostgreSQL sees the column."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012  as SQLAlchemy reads it

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(Aside)
def _as_it_is(aside: Aside, compiler: Any, **how: Any) -> str:
    return str(compiler.process(aside.column, **how))


@compiles(Aside, "sqlite")
def _with_a_plus(aside: Aside, compiler: Any, **how: Any) -> str:
    return f"+{compiler.process(aside.column, **how)}"
