"""Rows of recordings."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import PreparedQuery
from ccfs.db.tenant import speech_activity
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.calls import partition_month
from ccfs.model.calls.call_id import started_at
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
# Without ORDER BY, for which SQLite would read all recordings of the app.
_SELECT_BY_CALL = _SELECT.where(_TABLE.c.call_id == sa.bindparam("call_id"))
_QUERY_BY_CALL = PreparedQuery(_SELECT_BY_CALL)
_QUERY_BY_CALL_IN_MONTHS = PreparedQuery(
    _SELECT_BY_CALL.where(_TABLE.c.month.between(sa.bindparam("first"), sa.bindparam("last")))
)


class _NameQuery:
    """Query of a recording by name. It reads the month in the name first: a row of that index name can only be in it, and one
    of that original name is in another only where its two names differ in their dates."""

    def __init__(self, columns: sa.Select[Any]) -> None:
        original = columns.where(_TABLE.c.original_file_name == sa.bindparam("name")).order_by(*_OLDEST_FIRST)
        self._by_index_name = PreparedQuery(columns.where(_TABLE.c.file_name == sa.bindparam("name"), _IN_MONTH))
        self._by_original_name_in_month = PreparedQuery(original.where(_IN_MONTH))
        self._by_original_name = PreparedQuery(original)

    def find_rows(self, connection: Connection, app: App, name: str) -> Sequence[Sequence[Any]]:
        """Return the rows, oldest first."""
        month = partition_month.parse_month_key(name)
        if name.startswith("/"):
            return self._by_index_name.fetch_all(connection, app=app.id, name=name, month=month)
        rows = self._by_original_name_in_month.fetch_all(connection, app=app.id, name=name, month=month)
        return rows or self._by_original_name.fetch_all(connection, app=app.id, name=name)


_RECORDING_BY_NAME = _NameQuery(_SELECT)
_FILE_BY_NAME = _NameQuery(_SELECT_FILE)


def build_recording(row: Sequence[Any]) -> Recording:
    """Return the recording in a row selected by _SELECT."""
    values = dict(zip(_RECORDING_COLUMNS, row, strict=False))
    return Recording(**values, blob=BlobRef(**dict(zip(_BLOB_COLUMNS, row[len(_RECORDING_COLUMNS) :], strict=True))))


def get_column_values(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass instance as column values."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def add(connection: Connection, app: App, recording: Recording, now: datetime) -> None:
    """Add a recording whose file has already been stored."""
    values = get_column_values(recording)
    blob = values.pop("blob")
    values["month"] = partition_month.parse_month_key(recording.file_name)
    partitions.ensure(connection, _TABLE, [values["month"]])
    connection.execute(sa.insert(_TABLE).values(**values, **get_column_values(blob), app=app.id, created_at=now))
    speech_activity.add_due(connection, app, recording, now)


def replace(connection: Connection, app: App, old: Recording, new: Recording) -> None:
    """Point a recording's row at other bytes, with its annotations and links. Its names may change; its waveform and its speech
    are found again.
    """
    values = get_column_values(new)
    blob = values.pop("blob")
    month, old_month = map(partition_month.parse_month_key, (new.file_name, old.file_name))
    partitions.ensure(connection, _TABLE, [month])
    row = sa.update(_TABLE).filter_by(app=app.id, file_name=old.file_name, month=old_month)
    connection.execute(row.values(**values, **get_column_values(blob), month=month))
    of_old = {"app": app.id, "recording": old.file_name}
    for table in (schema.annotations, schema.guest_links):
        connection.execute(sa.update(table).filter_by(**of_old).values(recording=new.file_name, month=month))
    connection.execute(sa.delete(schema.waveforms).filter_by(**of_old))
    speech_activity.delete(connection, app, [old.file_name])
    speech_activity.add_due(connection, app, new, new.call_end)


def reassign_call(connection: Connection, app: App, account_id: str, old: str, new: str, begin: datetime) -> None:
    """Move the recordings of a call that began at `began` to another call that turned out to include it."""
    is_of_call = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == old)
    connection.execute(sa.update(_TABLE).where(is_of_call, _months_around([begin])).values(call_id=new))


def find_by_name(connection: Connection, app: App, name: str) -> Recording | None:
    """Return the app's recording with an index name or an original name (with "/" as the separator)."""
    rows = _RECORDING_BY_NAME.find_rows(connection, app, name)
    return build_recording(rows[0]) if rows else None


def find_file_by_name(connection: Connection, app: App, name: str) -> tuple[str, BlobRef] | None:
    """Return the index name and blob of the recording that `find_by_name` finds.

    This takes half the time, and most requests need no more.
    """
    rows = _FILE_BY_NAME.find_rows(connection, app, name)
    return (rows[0][0], BlobRef(**dict(zip(_BLOB_COLUMNS, rows[0][1:], strict=True)))) if rows else None


def list_by_call(connection: Connection, app: App, call_id: str) -> list[Recording]:
    """Return the app's recordings of a call, ordered by begin time.

    If the id contains the call's begin time, the months around it are read first, and all months only if there are no
    recordings in these.
    """
    rows: Sequence[Sequence[Any]] = ()
    if begin := started_at(call_id):
        first, last = (partition_month.add_months(partition_month.month_key(begin), count) for count in (-1, 1))
        rows = _QUERY_BY_CALL_IN_MONTHS.fetch_all(connection, app=app.id, call_id=call_id, first=first, last=last)
    recordings = map(build_recording, rows or _QUERY_BY_CALL.fetch_all(connection, app=app.id, call_id=call_id))
    return sorted(recordings, key=lambda recording: (recording.call_begin, recording.file_name))


def list_source_names(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str], near: Collection[datetime]
) -> set[tuple[str, str]]:
    """Return (callId, base name on the switch) for the account's recordings of these calls.

    The calls took place near these instants.
    """
    is_own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    is_near = _TABLE.c.call_id.in_(list(call_ids)) & _months_around(near)
    rows = connection.execute(sa.select(_TABLE.c.call_id, _TABLE.c.source_name).where(is_own, is_near))
    return {(row.call_id, row.source_name) for row in rows}


def _months_around(instants: Collection[datetime]) -> sa.ColumnElement[bool]:
    """Restrict to the months of these instants and one on either side, which covers a call, its zone and its clock; or undated."""
    first, last = (
        partition_month.add_months(partition_month.month_key(min(instants)), -1),
        partition_month.add_months(partition_month.month_key(max(instants))),
    )
    return _TABLE.c.month.between(first, last) | (_TABLE.c.month == partition_month.UNDATED)


def list_newest(connection: Connection, app: App, limit: int) -> list[Recording]:
    """Return the app's latest recordings by begin time."""
    statement = _SELECT.order_by(_TABLE.c.call_begin.desc()).limit(limit)
    return [build_recording(row) for row in connection.execute(statement, {"app": app.id})]


def list_files_after(connection: Connection, app: App, name: str, limit: int) -> list[tuple[str, BlobRef]]:
    """Return index names and blobs of the app's recordings whose index name sorts after `name`, in order."""
    columns = (_TABLE.c.file_name, *(_TABLE.c[column] for column in _BLOB_COLUMNS))
    query = sa.select(*columns).where(_TABLE.c.app == app.id, _TABLE.c.file_name > name)
    rows = connection.execute(query.order_by(_TABLE.c.file_name).limit(limit))
    return [(row[0], BlobRef(**dict(zip(_BLOB_COLUMNS, row[1:], strict=True)))) for row in rows]


def has_original_name(connection: Connection, app: App, name: str) -> bool:
    """Return whether a recording of the app has this original name, in the month given in the name."""
    statement = sa.select(_TABLE.c.app).where(_TABLE.c.app == app.id, _TABLE.c.original_file_name == name)
    return (
        connection.execute(statement.where(_TABLE.c.month == partition_month.parse_month_key(name))).first() is not None
    )


def has_file_name(connection: Connection, app: App, name: str) -> bool:
    """Return whether a recording of the app has this index name."""
    statement = sa.select(_TABLE.c.app).where(
        _TABLE.c.app == app.id, _TABLE.c.file_name == name, _TABLE.c.month == partition_month.parse_month_key(name)
    )
    return connection.execute(statement).first() is not None
