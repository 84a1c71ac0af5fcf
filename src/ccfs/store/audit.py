"""Rows of the log of who did what in the console. They are added and read, never changed. System-wide."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.audit import Action, Asked, Entry
from ccfs.store import schema

_TABLE = schema.audit
_FIELDS = ("at", "who", "app", "account_id", "action", "what", "address")
LONGEST = 500  # characters of what is told


def add(connection: Connection, entry: Entry) -> None:
    """Keep an entry."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS}
    connection.execute(sa.insert(_TABLE).values(**values | {"what": entry.what.replace("\0", "")[:LONGEST]}))


def entries(connection: Connection, asked: Asked) -> list[tuple[int, Entry]]:
    """The entries that are asked for with their rows' numbers, newest first."""
    fits = [_TABLE.c.at >= asked.begin, _TABLE.c.at < asked.end]
    if asked.who:
        fits.append(_TABLE.c.who == asked.who)
    if asked.action is not None:
        fits.append(_TABLE.c.action == asked.action)
    if asked.within is not None:
        fits.append(sa.or_(sa.false(), *(_is_in(app, account) for app, account in asked.within)))
    if asked.before is not None:
        place = sa.select(_TABLE.c.at).where(_TABLE.c.id == asked.before).scalar_subquery()
        fits.append((_TABLE.c.at < place) | ((_TABLE.c.at == place) & (_TABLE.c.id < asked.before)))
    rows = connection.execute(
        sa.select(_TABLE).where(*fits).order_by(_TABLE.c.at.desc(), _TABLE.c.id.desc()).limit(asked.limit)
    )
    return [(row.id, _entry(row)) for row in rows]


def _is_in(app: int, account: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app) & (_TABLE.c.account_id == account) if account else _TABLE.c.app == app


def names(connection: Connection, since: datetime) -> list[str]:
    """Who did anything since then."""
    asked = sa.select(_TABLE.c.who).where(_TABLE.c.at >= since, _TABLE.c.who != "").distinct()
    return sorted(connection.execute(asked.limit(500)).scalars())


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(**{name: getattr(row, name) for name in _FIELDS} | {"action": Action(row.action)})
