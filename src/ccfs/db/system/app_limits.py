"""Rows of limits of apps, managed by the operator. Apps without a row have the defaults of the settings."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.system.tenants import CHANGE_COUNTER
from ccfs.model.identity.app_limits import LIMIT_NAMES, AppLimits
from ccfs.model.identity.tenancy import App

_TABLE = schema.app_limits


def list_all(connection: Connection) -> dict[int, AppLimits]:
    """Return the limits of all apps that have their own, by apps.id."""
    return {row.app: _from_row(row) for row in connection.execute(sa.select(_TABLE))}


def get(connection: Connection, app: App) -> AppLimits:
    """Return the limits that an app has of its own."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.app == app.id)).one_or_none()
    return _from_row(row) if row else AppLimits()


def save(connection: Connection, app: App, limits: AppLimits) -> None:
    """Replace the limits of an app. Processes apply them when they reload the tenants."""
    CHANGE_COUNTER.increment(connection)
    connection.execute(insert_or_ignore(connection, _TABLE).values(app=app.id))
    values = {name: getattr(limits, name) for name in LIMIT_NAMES}
    connection.execute(sa.update(_TABLE).where(_TABLE.c.app == app.id).values(**values))


def _from_row(row: sa.Row[tuple[int, ...]]) -> AppLimits:
    return AppLimits(**{name: getattr(row, name) for name in LIMIT_NAMES})
