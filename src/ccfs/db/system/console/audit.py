"""Rows of the audit log for all apps: who did what in the console. Entries are added and read, but never changed.

Those of strangers, who failed to sign in, are deleted after a while.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery

_TABLE = schema.audit_log
_FIELDS = ("logged_at", "actor", "app", "account_id", "action", "target", "address")
MAX_TARGET_LENGTH = 500  # characters that are stored


def add(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS}
    connection.execute(sa.insert(_TABLE).values(**values | {"target": _truncate_target(entry)}))


def _truncate_target(entry: AuditEntry) -> str:
    return entry.target.replace("\0", "")[:MAX_TARGET_LENGTH]


def was_logged_since(connection: Connection, entry: AuditEntry, since: datetime) -> bool:
    """Return whether an entry that is equal except for its time has been logged since then."""
    is_equal = [_TABLE.c[name] == getattr(entry, name) for name in ("actor", "action", "app", "account_id", "address")]
    is_equal.append(_TABLE.c.target == _truncate_target(entry))
    statement = sa.select(_TABLE.c.id).where(*is_equal, _TABLE.c.logged_at >= since)
    return connection.execute(statement.limit(1)).first() is not None


def has_logged(connection: Connection, action: AuditAction, since: datetime, count: int) -> bool:
    """Return whether users without a session have at least `count` entries of an action since then."""
    of_strangers = (_TABLE.c.logged_at >= since) & (_TABLE.c.action == action) & (_TABLE.c.actor == "")
    return len(connection.execute(sa.select(_TABLE.c.id).where(of_strangers).limit(count)).all()) >= count


def delete_of_strangers(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the oldest entries of users without a session before a time, and return their number."""
    old = sa.select(_TABLE.c.id).where(_TABLE.c.logged_at < before, _TABLE.c.actor == "").order_by(_TABLE.c.logged_at)
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(old.limit(limit)))).rowcount


def list_entries(connection: Connection, query: AuditQuery) -> list[tuple[int, AuditEntry]]:
    """Return the entries that match the query, newest first, with their row ids."""
    filters = [_TABLE.c.logged_at >= query.begin, _TABLE.c.logged_at < query.end]
    if query.actor:
        filters.append(_TABLE.c.actor == query.actor)
    if query.action is not None:
        filters.append(_TABLE.c.action == query.action)
    if query.scopes is not None:
        filters.append(sa.or_(sa.false(), *(_is_in_scope(app, account) for app, account in query.scopes)))
    if query.before_row is not None:
        at = sa.select(_TABLE.c.logged_at).where(_TABLE.c.id == query.before_row).scalar_subquery()
        filters.append((_TABLE.c.logged_at < at) | ((_TABLE.c.logged_at == at) & (_TABLE.c.id < query.before_row)))
    rows = connection.execute(
        sa.select(_TABLE).where(*filters).order_by(_TABLE.c.logged_at.desc(), _TABLE.c.id.desc()).limit(query.limit)
    )
    return [(row.id, _from_row(row)) for row in rows]


def _is_in_scope(app: int, account: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app) & (_TABLE.c.account_id == account) if account else _TABLE.c.app == app


def list_actors(connection: Connection, since: datetime) -> list[str]:
    """Return the names of up to 500 users with entries since then."""
    actors = sa.select(_TABLE.c.actor).where(_TABLE.c.logged_at >= since, _TABLE.c.actor != "").distinct()
    return sorted(connection.execute(actors.limit(500)).scalars())


def _from_row(row: sa.Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in _FIELDS} | {"action": AuditAction(row.action)})
