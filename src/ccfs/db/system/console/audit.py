"""Rows of the audit log for all apps: who did what in the console. Entries are added and read, but never changed.

Those of strangers, who failed to sign in, are deleted after a while.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.tenancy import App

_TABLE, _CALLS = schema.audit_log, schema.audit_calls
_FIELDS = ("logged_at", "actor", "app", "account_id", "action", "target", "address")
_ENTRIES_PER_QUERY = 1000  # every database limits the parameters of a query
MAX_TARGET_LENGTH = 500  # characters that are stored


def add(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS}
    insert = sa.insert(_TABLE).values(**values | {"target": _truncate_target(entry)})
    if not entry.call_ids or entry.app is None:
        connection.execute(insert)
        return
    number = connection.execute(insert.returning(_TABLE.c.id)).scalar_one()
    calls = [{"entry": number, "app": entry.app, "call_id": call_id} for call_id in dict.fromkeys(entry.call_ids)]
    connection.execute(sa.insert(_CALLS), calls)


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
    if query.actions:
        filters.append(_TABLE.c.action.in_(query.actions))
    if query.call_id:
        is_call = _CALLS.c.app.in_(sa.select(schema.apps.c.id)) & (_CALLS.c.call_id == query.call_id)
        filters.append(_TABLE.c.id.in_(sa.select(_CALLS.c.entry).where(is_call)))
    if query.scopes is not None:
        filters.append(sa.or_(sa.false(), *(_is_in_scope(app, account) for app, account in query.scopes)))
    if query.before_row is not None:
        at = sa.select(_TABLE.c.logged_at).where(_TABLE.c.id == query.before_row).scalar_subquery()
        filters.append((_TABLE.c.logged_at < at) | ((_TABLE.c.logged_at == at) & (_TABLE.c.id < query.before_row)))
    rows = connection.execute(
        sa.select(_TABLE).where(*filters).order_by(_TABLE.c.logged_at.desc(), _TABLE.c.id.desc()).limit(query.limit)
    )
    found = [(row.id, _from_row(row)) for row in rows]
    calls = _find_single_calls(connection, [number for number, _ in found])
    return [(number, replace(entry, call_ids=calls.get(number, ()))) for number, entry in found]


def list_by_call(
    connection: Connection, app: App, account_id: str, call_id: str, actions: tuple[AuditAction, ...], limit: int
) -> list[AuditEntry]:
    """Return the newest entries of some actions about a call of an account."""
    own = (_CALLS.c.app == app.id) & (_CALLS.c.call_id == call_id)
    own &= (_TABLE.c.account_id == account_id) & _TABLE.c.action.in_(actions)
    rows = sa.select(_TABLE).join(_CALLS, _CALLS.c.entry == _TABLE.c.id).where(own)
    newest = rows.order_by(_TABLE.c.logged_at.desc(), _TABLE.c.id.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(newest)]


def _find_single_calls(connection: Connection, entries: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the call of each entry that is about one."""
    calls: dict[int, tuple[str, ...]] = {}
    count, first = sa.func.count(), sa.func.min(_CALLS.c.call_id)
    for start in range(0, len(entries), _ENTRIES_PER_QUERY):
        chosen = _CALLS.c.entry.in_(entries[start : start + _ENTRIES_PER_QUERY])
        query = sa.select(_CALLS.c.entry, first).where(chosen).group_by(_CALLS.c.entry).having(count == 1)
        calls |= {row[0]: (row[1],) for row in connection.execute(query)}
    return calls


def _is_in_scope(app: int, account: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app) & (_TABLE.c.account_id == account) if account else _TABLE.c.app == app


def list_actors(connection: Connection, since: datetime) -> list[str]:
    """Return the names of up to 500 users with entries since then."""
    actors = sa.select(_TABLE.c.actor).where(_TABLE.c.logged_at >= since, _TABLE.c.actor != "").distinct()
    return sorted(connection.execute(actors.limit(500)).scalars())


def _from_row(row: sa.Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in _FIELDS} | {"action": AuditAction(row.action)})
