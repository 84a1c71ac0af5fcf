"""Limits on the number of rows, which also hold when several are added at once."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.tenancy import App


def lock_app(connection: Connection, app: App) -> None:
    """Make transactions queue that count an app's rows and add some. On SQLite all that write do."""
    apps = schema.apps.c
    connection.execute(sa.select(apps.id).where(apps.id == app.id).with_for_update(key_share=True))


def has_room(connection: Connection, app: App, table: sa.Table, condition: sa.ColumnElement[bool], limit: int) -> bool:
    """Return whether fewer than `limit` rows of a table meet the condition; nobody else adds one before the transaction ends."""
    lock_app(connection, app)
    rows = sa.select(sa.literal(1)).select_from(table).where(condition).offset(limit - 1).limit(1)
    return connection.execute(rows).first() is None
