"""Rows of recordings. Whoever asks names the app first; what is another app's is not found."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.recording import Kept, Recording
from ccfs.model.tenancy import App
from ccfs.store import schema
from ccfs.store.db import Prepared

_TABLE = schema.recordings
_PLAIN = tuple(field.name for field in fields(Recording) if field.name != "kept")
_KEPT = tuple(field.name for field in fields(Kept))
_FIND = sa.select(*(_TABLE.c[name] for name in (*_PLAIN, *_KEPT))).where(_TABLE.c.app == sa.bindparam("app"))
_BY_FILE_NAME = Prepared(_FIND.where(_TABLE.c.file_name == sa.bindparam("name")))
_BY_ORIGINAL_NAME = Prepared(_FIND.where(_TABLE.c.original_file_name == sa.bindparam("name")).order_by(_TABLE.c.id))
_FILE = sa.select(_TABLE.c.file_name, *(_TABLE.c[name] for name in _KEPT)).where(_TABLE.c.app == sa.bindparam("app"))
_FILE_BY_FILE_NAME = Prepared(_FILE.where(_TABLE.c.file_name == sa.bindparam("name")))
_FILE_BY_ORIGINAL_NAME = Prepared(
    _FILE.where(_TABLE.c.original_file_name == sa.bindparam("name")).order_by(_TABLE.c.id)
)
_BY_CALL = Prepared(_FIND.where(_TABLE.c.call_id == sa.bindparam("call_id")).order_by(_TABLE.c.call_begin, _TABLE.c.id))


def from_row(row: Sequence[Any]) -> Recording:
    """The noun of a row of _FIND."""
    plain = dict(zip(_PLAIN, row, strict=False))
    return Recording(**plain, kept=Kept(**dict(zip(_KEPT, row[len(_PLAIN) :], strict=True))))


def values_of(value: Any) -> dict[str, Any]:
    """A noun's fields as column values."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def add(connection: Connection, app: App, recording: Recording, now: datetime) -> int:
    """Keep a recording's row; its number. The bytes lie in their location already."""
    values = values_of(recording)
    kept = values.pop("kept")
    statement = sa.insert(_TABLE).values(**values, **values_of(kept), app=app.id, created_at=now)
    return int(connection.execute(statement.returning(_TABLE.c.id)).scalar_one())


def move(connection: Connection, app: App, account_id: str, old: str, new: str) -> None:
    """The recordings of a call are another call's: the one was found to be a part of the other."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == old)
    connection.execute(sa.update(_TABLE).where(mine).values(call_id=new))


def by_name(connection: Connection, app: App, name: str) -> Recording | None:
    """The app's recording of an index name or an original name ("/" throughout)."""
    question = _BY_FILE_NAME if name.startswith("/") else _BY_ORIGINAL_NAME
    rows = question.rows(connection, app=app.id, name=name)
    return from_row(rows[0]) if rows else None


def file_by_name(connection: Connection, app: App, name: str) -> tuple[str, Kept] | None:
    """The index name and the bytes of what `by_name` finds, in half the time: most of all requests ask just this."""
    question = _FILE_BY_FILE_NAME if name.startswith("/") else _FILE_BY_ORIGINAL_NAME
    rows = question.rows(connection, app=app.id, name=name)
    return (rows[0][0], Kept(**dict(zip(_KEPT, rows[0][1:], strict=True)))) if rows else None


def by_call(connection: Connection, app: App, call_id: str) -> list[Recording]:
    """The app's recordings of a call, in order of their begin."""
    return [from_row(row) for row in _BY_CALL.rows(connection, app=app.id, call_id=call_id)]


def source_names(connection: Connection, app: App, account_id: str, call_ids: Iterable[str]) -> set[tuple[str, str]]:
    """What the switch called the account's recordings of these calls: (callId, base name)."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & _TABLE.c.call_id.in_(list(call_ids))
    rows = connection.execute(sa.select(_TABLE.c.call_id, _TABLE.c.source_name).where(mine))
    return {(row.call_id, row.source_name) for row in rows}


def newest(connection: Connection, app: App, limit: int) -> list[Recording]:
    """The app's latest recordings, by their begin."""
    statement = _FIND.order_by(_TABLE.c.call_begin.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(statement, {"app": app.id})]


def number_of(connection: Connection, app: App, recording: Recording) -> int:
    """The row's number."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.app == app.id, _TABLE.c.file_name == recording.file_name)
    return int(connection.execute(statement).scalar_one())


def has_original_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an original name is taken in the app."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.app == app.id, _TABLE.c.original_file_name == name)
    return connection.execute(statement).first() is not None


def has_file_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an index name is taken in the app."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.app == app.id, _TABLE.c.file_name == name)
    return connection.execute(statement).first() is not None
