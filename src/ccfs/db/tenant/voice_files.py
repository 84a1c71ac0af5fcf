"""Rows of voice files: uploads, voice messages, intelligent-IVR recordings. By app and outside name, never by path."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.voice_file import VoiceFile

_TABLE = schema.voice_files
_COLUMNS = ("vdn_id", "file_name", "created_at", "location_id", "key", "size", "sha256", "crc32", "first_location_id")
_SELECT = sa.select(*(_TABLE.c[name] for name in _COLUMNS)).where(
    _TABLE.c.app == sa.bindparam("app"), _TABLE.c.deleted_at.is_(None)
)
_SELECT_BY_NAME = _SELECT.where(_TABLE.c.file_name == sa.bindparam("name"))
_SELECT_IN_FOLDER = _SELECT.where(_TABLE.c.folder == sa.bindparam("folder")).limit(2)


def get_folder(name: str) -> str:
    """The folder part of an outside name."""
    return name.rstrip("/").rsplit("/", 1)[0]


def _from_row(row: Sequence[Any]) -> VoiceFile:
    kept = BlobRef(location_id=row[3], key=row[4], size=row[5], sha256=row[6], crc32=row[7])
    return VoiceFile(vdn_id=row[0], file_name=row[1], created_at=row[2], blob=kept, first_location_id=row[8])


def add(connection: Connection, app: App, file: VoiceFile) -> None:
    """Keep a voice file's row; its bytes lie in their location already."""
    values = get_column_values(file) | get_column_values(file.blob) | {"first_location_id": file.blob.location_id}
    del values["blob"]
    connection.execute(sa.insert(_TABLE).values(**values, folder=get_folder(file.file_name), app=app.id))


def find_by_name(connection: Connection, app: App, name: str) -> VoiceFile | None:
    """The app's voice file of that name."""
    row = connection.execute(_SELECT_BY_NAME, {"app": app.id, "name": name}).first()
    return _from_row(row) if row else None


def find_in_folder(connection: Connection, app: App, folder: str) -> list[VoiceFile]:
    """At most two of the app's voice files that lie right in the folder: enough to tell one from several."""
    rows = connection.execute(_SELECT_IN_FOLDER, {"app": app.id, "folder": folder.rstrip("/")})
    return [_from_row(row) for row in rows]


def mark_deleted(connection: Connection, app: App, file: VoiceFile, now: datetime) -> bool:
    """Make the file unfindable from now on; False if somebody was faster. Its bytes go next, its row last."""
    living = sa.update(_TABLE).where(
        _TABLE.c.app == app.id, _TABLE.c.file_name == file.file_name, _TABLE.c.deleted_at.is_(None)
    )
    return connection.execute(living.values(deleted_at=now)).rowcount == 1


def delete_row(connection: Connection, app: App, file: VoiceFile) -> None:
    """Drop the row of a deleted file once its bytes are gone; nothing happens if they were moved before it was marked."""
    gone = _TABLE.c.deleted_at.is_not(None) & (_TABLE.c.location_id == file.blob.location_id)
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.file_name == file.file_name, gone))


def defer_deletion(connection: Connection, app: App, file: VoiceFile, now: datetime) -> None:
    """Let the other deletions go first: this one could not be finished."""
    gone = _TABLE.c.deleted_at.is_not(None)
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.file_name == file.file_name) & gone
    connection.execute(sa.update(_TABLE).where(mine).values(deleted_at=now))


def list_pending_deletions(
    connection: Connection, limit: int, far: Collection[str] = ()
) -> list[tuple[App, VoiceFile]]:
    """Files whose deletion was begun and not finished, of every app, the longest waiting first: for the work loop.

    None in the locations `far`, which other nodes look after.
    """
    statement = (
        sa.select(*(_TABLE.c[name] for name in _COLUMNS), schema.apps.c.id, schema.apps.c.ak, schema.apps.c.name)
        .join(schema.apps, schema.apps.c.id == _TABLE.c.app)
        .where(_TABLE.c.deleted_at.is_not(None), _TABLE.c.location_id.not_in(far))
        .order_by(_TABLE.c.deleted_at, _TABLE.c.id)
        .limit(limit)
    )
    return [(App(id=row[-3], ak=row[-2], name=row[-1]), _from_row(row)) for row in connection.execute(statement)]
