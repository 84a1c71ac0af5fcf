"""Rows of lost blobs: recordings' bytes that their location did not have when they were read. The apps' ingest restores them."""

import re
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.statements import insert_or_ignore
from ccfs.model.blobs.blob_ref import BlobRef

_TABLE = schema.lost_blobs
_RECORDING_KEY = re.compile(r"([0-9]{1,9})/recordings/[^/]+/.+")


def add(connection: Connection, blob: BlobRef, recording: str, now: datetime) -> bool:
    """Add the bytes of a recording, by its index name if that is known. Return whether they were not noticed before.

    Bytes of exports and voice files are left out, because no file of a switch restores them.
    """
    match = _RECORDING_KEY.fullmatch(blob.key)
    if match is None:
        return False
    values = {"location_id": blob.location_id, "key": blob.key, "app": int(match[1]), "recording": recording}
    insert = insert_or_ignore(connection, _TABLE).values(**values, noticed_at=now, tried_at=now)
    return connection.execute(insert.returning(_TABLE.c.key)).first() is not None


def try_add(database: Database, blob: BlobRef, now: datetime) -> bool:
    """Add the bytes of a recording in a separate transaction. Return True if they are new or if the database fails."""
    try:
        with database.write_transaction() as connection:
            return add(connection, blob, "", now)
    except SQLAlchemyError:
        return True


def count(connection: Connection) -> int:
    """Return the number of lost blobs of all apps."""
    return connection.execute(sa.select(sa.func.count()).select_from(_TABLE)).scalar_one()
