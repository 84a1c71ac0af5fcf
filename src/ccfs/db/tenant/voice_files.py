"""Rows of voice files: uploads, voice messages and recordings made by the intelligent IVR.

They are looked up by app and external name, never by path.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.voice_file import VoiceFile

COLUMNS = ("vdn_id", "file_name", "created_at", "location_id", "key", "size", "sha256", "crc32", "first_location_id")
_TABLE = schema.voice_files
_SELECT = sa.select(*(_TABLE.c[name] for name in COLUMNS)).where(
    _TABLE.c.app == sa.bindparam("app"), _TABLE.c.deleted_at.is_(None)
)
_SELECT_BY_NAME = _SELECT.where(_TABLE.c.file_name == sa.bindparam("name"))
_SELECT_IN_FOLDER = _SELECT.where(_TABLE.c.folder == sa.bindparam("folder")).limit(2)


def get_folder(name: str) -> str:
    """Return the folder part of an external name."""
    return name.rstrip("/").rsplit("/", 1)[0]


def build_voice_file(row: Sequence[Any]) -> VoiceFile:
    """Return the voice file in a row that begins with COLUMNS."""
    blob = BlobRef(location_id=row[3], key=row[4], size=row[5], sha256=row[6], crc32=row[7])
    return VoiceFile(vdn_id=row[0], file_name=row[1], created_at=row[2], blob=blob, first_location_id=row[8])


def add(connection: Connection, app: App, file: VoiceFile) -> None:
    """Add a voice file whose content has already been stored."""
    values = get_column_values(file) | get_column_values(file.blob) | {"first_location_id": file.blob.location_id}
    del values["blob"]
    connection.execute(sa.insert(_TABLE).values(**values, folder=get_folder(file.file_name), app=app.id))


def find_by_name(connection: Connection, app: App, name: str) -> VoiceFile | None:
    """Return the app's voice file with that name."""
    row = connection.execute(_SELECT_BY_NAME, {"app": app.id, "name": name}).first()
    return build_voice_file(row) if row else None


def find_in_folder(connection: Connection, app: App, folder: str) -> list[VoiceFile]:
    """Return up to two of the app's voice files directly in the folder, enough to distinguish one from several."""
    rows = connection.execute(_SELECT_IN_FOLDER, {"app": app.id, "folder": folder.rstrip("/")})
    return [build_voice_file(row) for row in rows]


def mark_deleted(connection: Connection, app: App, file: VoiceFile, now: datetime) -> bool:
    """Hide the file from now on; False if it was already hidden. Its content is deleted next, and its row last."""
    hide = sa.update(_TABLE).where(
        _TABLE.c.app == app.id, _TABLE.c.file_name == file.file_name, _TABLE.c.deleted_at.is_(None)
    )
    return connection.execute(hide.values(deleted_at=now)).rowcount == 1


def delete_row(connection: Connection, app: App, file: VoiceFile) -> None:
    """Delete the row of a hidden file whose content has been deleted.

    Keep it if the content was moved before the file was hidden.
    """
    is_done = _TABLE.c.deleted_at.is_not(None) & (_TABLE.c.location_id == file.blob.location_id)
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.file_name == file.file_name, is_done))


def defer_deletion(connection: Connection, app: App, file: VoiceFile, now: datetime) -> None:
    """Move a failed deletion behind the others."""
    is_hidden = _TABLE.c.deleted_at.is_not(None)
    is_file = (_TABLE.c.app == app.id) & (_TABLE.c.file_name == file.file_name) & is_hidden
    connection.execute(sa.update(_TABLE).where(is_file).values(deleted_at=now))
