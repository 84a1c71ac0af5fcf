"""Rows of recordings. Whoever asks names the app first; what is another app's is not found."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import PreparedQuery
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.calls import call_id as call_ids_of
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

_TABLE = schema.recordings
_RECORDING_COLUMNS = tuple(field.name for field in fields(Recording) if field.name != "blob")
_BLOB_COLUMNS = tuple(field.name for field in fields(BlobRef))
_SELECT = sa.select(*(_TABLE.c[name] for name in (*_RECORDING_COLUMNS, *_BLOB_COLUMNS))).where(
    _TABLE.c.app == sa.bindparam("app")
)
_IN_MONTH = _TABLE.c.month == sa.bindparam("month")
_OLDEST_FIRST = _TABLE.c.created_at, _TABLE.c.file_name
_SELECT_FILE = sa.select(_TABLE.c.file_name, *(_TABLE.c[name] for name in _BLOB_COLUMNS)).where(
    _TABLE.c.app == sa.bindparam("app")
)
_SELECT_BY_CALL = _SELECT.where(
    _TABLE.c.call_id == sa.bindparam("call_id")
)  # for an order, SQLite would read all recordings
_QUERY_BY_CALL = PreparedQuery(_SELECT_BY_CALL)
_QUERY_BY_CALL_IN_MONTHS = PreparedQuery(
    _SELECT_BY_CALL.where(_TABLE.c.month.between(sa.bindparam("first"), sa.bindparam("last")))
)


class _NameQuery:
    """A question for the recording of a name. The month that the name tells is asked first: a row with that index name
    can only be there, one with that original name is elsewhere only where its two names differ in their dates."""

    def __init__(self, columns: sa.Select[Any]) -> None:
        original = columns.where(_TABLE.c.original_file_name == sa.bindparam("name")).order_by(*_OLDEST_FIRST)
        self._by_index_name = PreparedQuery(columns.where(_TABLE.c.file_name == sa.bindparam("name"), _IN_MONTH))
        self._by_original_name_in_month = PreparedQuery(original.where(_IN_MONTH))
        self._by_original_name = PreparedQuery(original)

    def find_rows(self, connection: Connection, app: App, name: str) -> Sequence[Sequence[Any]]:
        """The rows, those kept first before others."""
        of_name = partition_month.parse_month_key(name)
        if name.startswith("/"):
            return self._by_index_name.fetch_all(connection, app=app.id, name=name, month=of_name)
        found = self._by_original_name_in_month.fetch_all(connection, app=app.id, name=name, month=of_name)
        return found or self._by_original_name.fetch_all(connection, app=app.id, name=name)


_RECORDING_BY_NAME = _NameQuery(_SELECT)
_FILE_BY_NAME = _NameQuery(_SELECT_FILE)


def build_recording(row: Sequence[Any]) -> Recording:
    """The noun of a row of _FIND."""
    plain = dict(zip(_RECORDING_COLUMNS, row, strict=False))
    return Recording(**plain, blob=BlobRef(**dict(zip(_BLOB_COLUMNS, row[len(_RECORDING_COLUMNS) :], strict=True))))


def get_column_values(value: Any) -> dict[str, Any]:
    """A noun's fields as column values."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def add(connection: Connection, app: App, recording: Recording, now: datetime) -> None:
    """Keep a recording's row. The bytes lie in their location already."""
    values = get_column_values(recording)
    kept = values.pop("blob")
    values["month"] = partition_month.parse_month_key(recording.file_name)
    partitions.ensure(connection, _TABLE, [values["month"]])
    connection.execute(sa.insert(_TABLE).values(**values, **get_column_values(kept), app=app.id, created_at=now))


def reassign_call(connection: Connection, app: App, account_id: str, old: str, new: str, begin: datetime) -> None:
    """The recordings of a call, which began then, are another call's: the one was found to be a part of the other."""
    mine = (
        (_TABLE.c.app == app.id)
        & (_TABLE.c.account_id == account_id)
        & (_TABLE.c.call_id == old)
        & _months_around([begin])
    )
    connection.execute(sa.update(_TABLE).where(mine).values(call_id=new))


def find_by_name(connection: Connection, app: App, name: str) -> Recording | None:
    """The app's recording of an index name or an original name ("/" throughout)."""
    rows = _RECORDING_BY_NAME.find_rows(connection, app, name)
    return build_recording(rows[0]) if rows else None


def find_file_by_name(connection: Connection, app: App, name: str) -> tuple[str, BlobRef] | None:
    """The index name and the bytes of what `by_name` finds, in half the time: most of all requests ask just this."""
    rows = _FILE_BY_NAME.find_rows(connection, app, name)
    return (rows[0][0], BlobRef(**dict(zip(_BLOB_COLUMNS, rows[0][1:], strict=True)))) if rows else None


def list_by_call(connection: Connection, app: App, call_id: str) -> list[Recording]:
    """The app's recordings of a call, in order of their begin. Where the id tells when the call began, they are looked for
    around that month first, and everywhere only if none is there."""
    rows: Sequence[Sequence[Any]] = ()
    if begun := call_ids_of.started_at(call_id):
        first, last = (partition_month.add_months(partition_month.month_key(begun), count) for count in (-1, 1))
        rows = _QUERY_BY_CALL_IN_MONTHS.fetch_all(connection, app=app.id, call_id=call_id, first=first, last=last)
    found = map(build_recording, rows or _QUERY_BY_CALL.fetch_all(connection, app=app.id, call_id=call_id))
    return sorted(found, key=lambda one: (one.call_begin, one.file_name))


def list_source_names(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str], near: Collection[datetime]
) -> set[tuple[str, str]]:
    """What the switch called the account's recordings of these calls, which were at these times: (callId, base name)."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & _TABLE.c.call_id.in_(list(call_ids))
    mine &= _months_around(near)
    rows = connection.execute(sa.select(_TABLE.c.call_id, _TABLE.c.source_name).where(mine))
    return {(row.call_id, row.source_name) for row in rows}


def _months_around(moments: Collection[datetime]) -> sa.ColumnElement[bool]:
    """The months of these times and one to either side: a call, its zone and its clock reach no further. Or no date."""
    first, last = (
        partition_month.add_months(partition_month.month_key(min(moments)), -1),
        partition_month.add_months(partition_month.month_key(max(moments))),
    )
    return _TABLE.c.month.between(first, last) | (_TABLE.c.month == partition_month.UNDATED)


def list_newest(connection: Connection, app: App, limit: int) -> list[Recording]:
    """The app's latest recordings, by their begin."""
    statement = _SELECT.order_by(_TABLE.c.call_begin.desc()).limit(limit)
    return [build_recording(row) for row in connection.execute(statement, {"app": app.id})]


def has_original_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an original name is taken in the app, in the month that the name tells."""
    statement = sa.select(_TABLE.c.app).where(_TABLE.c.app == app.id, _TABLE.c.original_file_name == name)
    return (
        connection.execute(statement.where(_TABLE.c.month == partition_month.parse_month_key(name))).first() is not None
    )


def has_file_name(connection: Connection, app: App, name: str) -> bool:
    """Whether an index name is taken in the app."""
    statement = sa.select(_TABLE.c.app).where(
        _TABLE.c.app == app.id, _TABLE.c.file_name == name, _TABLE.c.month == partition_month.parse_month_key(name)
    )
    return connection.execute(statement).first() is not None
