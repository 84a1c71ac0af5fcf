"""Lost blobs of an app: look up their recordings, and delete those that are restored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.identity.tenancy import App

_TABLE, _RECORDINGS = schema.lost_blobs, schema.recordings
_NAMES = ("location_id", "key", "recording", "noticed_at")
_COLUMNS = tuple(_TABLE.c[name] for name in _NAMES)
_DAYS_AROUND = timedelta(days=2)  # between the day in a key, on which the file was written, and the call


@dataclass(frozen=True, slots=True, kw_only=True)
class LostBlob:
    """Bytes of a recording that are missing from their location."""

    location_id: str
    key: str
    recording: str  # index name; "" if no recording has these bytes
    noticed_at: datetime


def list_due(connection: Connection, app: App, limit: int, tried_before: datetime | None = None) -> list[LostBlob]:
    """Return the app's lost blobs, the least recently tried first. Those tried recently are left out."""
    query = sa.select(*_COLUMNS).filter_by(app=app.id).order_by(_TABLE.c.tried_at).limit(limit)
    if tried_before is not None:
        query = query.where((_TABLE.c.tried_at < tried_before) | (_TABLE.c.tried_at == _TABLE.c.noticed_at))
    return [LostBlob(**row._mapping) for row in connection.execute(query)]


def set_tried(connection: Connection, app: App, blob: LostBlob, now: datetime) -> None:
    """Record an unsuccessful attempt to restore the blob."""
    row = sa.update(_TABLE).filter_by(app=app.id, location_id=blob.location_id, key=blob.key)
    connection.execute(row.values(tried_at=now))


def list_newest(connection: Connection, app: App, limit: int) -> list[tuple[LostBlob, str, str]]:
    """Return the app's lost blobs, newest first, each with its recording's account and callId, or with ""."""
    recording = _RECORDINGS.c
    is_its = (recording.app == _TABLE.c.app) & (recording.file_name == _TABLE.c.recording)
    query = sa.select(*_COLUMNS, recording.account_id, recording.call_id).outerjoin(_RECORDINGS, is_its)
    rows = connection.execute(query.filter(_TABLE.c.app == app.id).order_by(_TABLE.c.noticed_at.desc()).limit(limit))
    return [(LostBlob(**dict(zip(_NAMES, row[:-2], strict=True))), row[-2] or "", row[-1] or "") for row in rows]


def look_up_recordings(connection: Connection, app: App, blobs: Sequence[LostBlob]) -> None:
    """Store the recordings' names of these blobs. Delete the rows of blobs that belong to no recording any more.

    The keys have no index: recordings near the days in the keys are searched first, then all of the app.
    """
    found = _find_by_keys(connection, app, blobs, is_near=True)
    rest = [blob for blob in blobs if (blob.location_id, blob.key) not in found]
    if rest:
        found |= _find_by_keys(connection, app, rest, is_near=False)
    for blob in blobs:
        name = found.get((blob.location_id, blob.key))
        if name is None:
            delete(connection, app, blob)
        else:
            row = sa.update(_TABLE).filter_by(app=app.id, location_id=blob.location_id, key=blob.key)
            connection.execute(row.values(recording=name))


def delete(connection: Connection, app: App, blob: LostBlob) -> None:
    """Delete the row of a blob."""
    connection.execute(sa.delete(_TABLE).filter_by(app=app.id, location_id=blob.location_id, key=blob.key))


def _find_by_keys(
    connection: Connection, app: App, blobs: Iterable[LostBlob], *, is_near: bool
) -> dict[tuple[str, str], str]:
    """Return index names by location and key."""
    columns = _RECORDINGS.c
    query = sa.select(columns.location_id, columns.key, columns.file_name).where(columns.app == app.id)
    days = [day for blob in blobs if (day := _parse_day(blob.key))]
    if is_near:
        if not days:
            return {}
        query = query.where(columns.call_begin.between(min(days) - _DAYS_AROUND, max(days) + _DAYS_AROUND))
    rows = connection.execute(query.where(columns.key.in_([blob.key for blob in blobs])))
    return {(row.location_id, row.key): row.file_name for row in rows}


def _parse_day(key: str) -> datetime | None:
    """Return the day in a key such as 1/recordings/20240115/0123.wav."""
    try:
        return datetime.strptime(f"{key.split('/')[2]} +0000", "%Y%m%d %z")
    except (IndexError, ValueError):
        return None
