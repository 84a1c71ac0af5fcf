"""Rows of the log of who did what in the console. They are added and read, never changed. System-wide."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery

_TABLE = schema.audit_log
_FIELDS = ("logged_at", "actor", "app", "account_id", "action", "target", "address")
MAX_TARGET_LENGTH = 500  # characters of what is told


def add(connection: Connection, entry: AuditEntry) -> None:
    """Keep an entry."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS}
    connection.execute(
        sa.insert(_TABLE).values(**values | {"target": entry.target.replace("\0", "")[:MAX_TARGET_LENGTH]})
    )


def was_logged_since(connection: Connection, entry: AuditEntry, since: datetime) -> bool:
    """Whether the same was done by the same person from the same address since then."""
    same = [_TABLE.c[name] == getattr(entry, name) for name in ("actor", "action", "app", "account_id", "address")]
    what = _TABLE.c.target == entry.target.replace("\0", "")[:MAX_TARGET_LENGTH]
    return (
        connection.execute(sa.select(_TABLE.c.id).where(*same, what, _TABLE.c.logged_at >= since).limit(1)).first()
        is not None
    )


def list_entries(connection: Connection, asked: AuditQuery) -> list[tuple[int, AuditEntry]]:
    """The entries that are asked for with their rows' numbers, newest first."""
    fits = [_TABLE.c.logged_at >= asked.begin, _TABLE.c.logged_at < asked.end]
    if asked.actor:
        fits.append(_TABLE.c.actor == asked.actor)
    if asked.action is not None:
        fits.append(_TABLE.c.action == asked.action)
    if asked.scopes is not None:
        fits.append(sa.or_(sa.false(), *(_is_in_scope(app, account) for app, account in asked.scopes)))
    if asked.before_row is not None:
        place = sa.select(_TABLE.c.logged_at).where(_TABLE.c.id == asked.before_row).scalar_subquery()
        fits.append((_TABLE.c.logged_at < place) | ((_TABLE.c.logged_at == place) & (_TABLE.c.id < asked.before_row)))
    rows = connection.execute(
        sa.select(_TABLE).where(*fits).order_by(_TABLE.c.logged_at.desc(), _TABLE.c.id.desc()).limit(asked.limit)
    )
    return [(row.id, _from_row(row)) for row in rows]


def _is_in_scope(app: int, account: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app) & (_TABLE.c.account_id == account) if account else _TABLE.c.app == app


def list_actors(connection: Connection, since: datetime) -> list[str]:
    """Who did anything since then."""
    asked = sa.select(_TABLE.c.actor).where(_TABLE.c.logged_at >= since, _TABLE.c.actor != "").distinct()
    return sorted(connection.execute(asked.limit(500)).scalars())


def _from_row(row: sa.Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in _FIELDS} | {"action": AuditAction(row.action)})
