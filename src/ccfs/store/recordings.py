"""Rows of recordings. Whoever asks names the app first; what is another app's is not found."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import call_id as call_ids_of
from ccfs.model import month
from ccfs.model.recording import Kept, Recording
from ccfs.model.tenancy import App
from ccfs.store import months, schema
from ccfs.store.db import Prepared

_TABLE = schema.recordings
_PLAIN = tuple(field.name for field in fields(Recording) if field.name != "kept")
_KEPT = tuple(field.name for field in fields(Kept))
_FIND = sa.select(*(_TABLE.c[name] for name in (*_PLAIN, *_KEPT))).where(_TABLE.c.app == sa.bindparam("app"))
_MONTH = _TABLE.c.month == sa.bindparam("month")
_FIRST_KEPT = _TABLE.c.created_at, _TABLE.c.file_name
_FILE = sa.select(_TABLE.c.file_name, *(_TABLE.c[name] for name in _KEPT)).where(_TABLE.c.app == sa.bindparam("app"))
_BY_CALL = _FIND.where(_TABLE.c.call_id == sa.bindparam("call_id"))  # for an order, SQLite would read all recordings
_CALL = Prepared(_BY_CALL)
_CALL_IN_MONTHS = Prepared(_BY_CALL.where(_TABLE.c.month.between(sa.bindparam("first"), sa.bindparam("last"))))


class _ByName:
    """A question for the recording of a name. The month that the name tells is asked first: a row with that index name
    can only be there, one with that original name is elsewhere only where its two names differ in their dates."""

    def __init__(self, columns: sa.Select[Any]) -> None:
        original = columns.where(_TABLE.c.original_file_name == sa.bindparam("name")).order_by(*_FIRST_KEPT)
        self._index_name = Prepared(columns.where(_TABLE.c.file_name == sa.bindparam("name"), _MONTH))
        self._original_in_month = Prepared(original.where(_MONTH))
        self._original = Prepared(original)

    def rows(self, connection: Connection, app: App, name: str) -> Sequence[Sequence[Any]]:
        """The rows, those kept first before others."""
        of_name = month.of_name(name)
        if name.startswith("/"):
            return self._index_name.rows(connection, app=app.id, name=name, month=of_name)
        found = self._original_in_month.rows(connection, app=app.id, name=name, month=of_name)
        return found or self._original.rows(connection, app=app.id, name=name)


_NAMED = _ByName(_FIND)
_NAMED_FILE = _ByName(_FILE)


def from_row(row: Sequence[Any]) -> Recording:
    """The noun of a row of _FIND."""
    plain = dict(zip(_PLAIN, row, strict=False))
    return Recording(**plain, kept=Kept(**dict(zip(_KEPT, row[len(_PLAIN) :], strict=True))))


def values_of(value: Any) -> dict[str, Any]:
    """A noun's fields as column values."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def add(connection: Connection, app: App, recording: Recording, now: datetime) -> None:
    """Keep a recording's row. The bytes lie in their location already."""
    values = values_of(recording)
    kept = values.pop("kept")
    values["month"] = month.of_name(recording.file_name)
    months.need(connection, _TABLE, [values["month"]])
    connection.execute(sa.insert(_TABLE).values(**values, **values_of(kept), app=app.id, created_at=now))


def move(connection: Connection, app: App, account_id: str, old: str, new: str, begin: datetime) -> None:
    """The recordings of a call, which began then, are another call's: the one was found to be a part of the other."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == old) & _around([begin])
    connection.execute(sa.update(_TABLE).where(mine).values(call_id=new))


def by_name(connection: Connection, app: App, name: str) -> Recording | None:
    """The app's recording of an index name or an original name ("/" throughout)."""
    rows = _NAMED.rows(connection, app, name)
    return from_row(rows[0]) if rows else None


def file_by_name(connection: Connection, app: App, name: str) -> tuple[str, Kept] | None:
    """The index name and the bytes of what `by_name` finds, in half the time: most of all requests ask just this."""
    rows = _NAMED_FILE.rows(connection, app, name)
    return (rows[0][0], Kept(**dict(zip(_KEPT, rows[0][1:], strict=True)))) if rows else None


def by_call(connection: Connection, app: App, call_id: str) -> list[Recording]:
    """The app's recordings of a call, in order of their begin. Where the id tells when the call began, they are looked for
    around that month first, and everywhere only if none is there."""
    rows: Sequence[Sequence[Any]] = ()
    if begun := call_ids_of.begun(call_id):
        first, last = (month.after(month.of(begun), count) for count in (-1, 1))
        rows = _CALL_IN_MONTHS.rows(connection, app=app.id, call_id=call_id, first=first, last=last)
    found = map(from_row, rows or _CALL.rows(connection, app=app.id, call_id=call_id))
    return sorted(found, key=lambda one: (one.call_begin, one.file_name))


def source_names(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str], near: Collection[datetime]
) -> set[tuple[str, str]]:
    """What the switch called the account's recordings of these calls, which were at these times: (callId, base name)."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & _TABLE.c.call_id.in_(list(call_ids))
    mine &= _around(near)
    rows = connection.execute(sa.select(_TABLE.c.call_id, _TABLE.c.source_name).where(mine))
    return {(row.call_id, row.source_name) for row in rows}


def _around(moments: Collection[datetime]) -> sa.ColumnElement[bool]:
    """The months of these times and one to either side: a call, its zone and its clock reach no further. Or no date."""
    first, last = month.after(month.of(min(moments)), -1), month.after(month.of(max(moments)))
    return _TABLE.c.month.between(first, last) | (_TABLE.c.month == month.UNDATED)


def newest(connection: Connection, app: App, limit: int) -> list[Recording]:
    """The app's latest recordings, by their begin."""
    statement = _FIND.order_by(_TABLE.c.call_begin.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(statement, {"app": app.id})]


def has_original_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an original name is taken in the app, in the month that the name tells."""
    statement = sa.select(_TABLE.c.app).where(_TABLE.c.app == app.id, _TABLE.c.original_file_name == name)
    return connection.execute(statement.where(_TABLE.c.month == month.of_name(name))).first() is not None


def has_file_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an index name is taken in the app."""
    statement = sa.select(_TABLE.c.app).where(
        _TABLE.c.app == app.id, _TABLE.c.file_name == name, _TABLE.c.month == month.of_name(name)
    )
    return connection.execute(statement).first() is not None
