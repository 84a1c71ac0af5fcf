"""Limits on the number of rows, which also hold when several are added at once."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.tenancy import App


def has_room(
    connection: Connection,
    app: App,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    limit: int,
    order: sa.ColumnElement[Any] | None = None,
) -> bool:
    """Return whether fewer than `limit` rows of a table meet the condition; nobody else adds one before the transaction ends.

    `order` names a column by which an index finds these rows.
    """
    lock_owner(connection, schema.apps, app.id)
    return are_fewer(connection, table, condition, limit, order)


def lock_owner(connection: Connection, table: sa.Table, owner_id: int) -> None:
    """Make transactions queue that count rows of an owner, such as an app, and add some. On SQLite all that write do."""
    connection.execute(sa.select(table.c.id).where(table.c.id == owner_id).with_for_update(key_share=True))


def are_fewer(
    connection: Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    limit: int,
    order: sa.ColumnElement[Any] | None = None,
) -> bool:
    """Return whether fewer than `limit` rows of a table meet the condition now, without reading more than these."""
    rows = sa.select(sa.literal(1)).select_from(table).where(condition).order_by(order)
    return connection.execute(rows.offset(limit - 1).limit(1)).first() is None
