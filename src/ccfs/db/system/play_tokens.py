"""Rows of play tokens. A token identifies its app.

Only a digest of each token is stored, so nobody who reads the table can play recordings.
"""

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant import recordings
from ccfs.model.clocks import TOLERANCE
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

_TABLE = schema.play_tokens


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def add(connection: Connection, app: App, token: str, recording: Recording, expires_at: datetime) -> None:
    """Add a token for playing the app's recording until `expires_at`."""
    values = {"digest": _hash_token(token), "file_name": recording.file_name, "expires_at": expires_at}
    connection.execute(sa.insert(_TABLE).values(app=app.id, **values))


def resolve(connection: Connection, token: str, now: datetime, lifetime: timedelta) -> tuple[App, Recording] | None:
    """Return the app and the recording of the token; None if the token is unknown, expired, or valid for too long."""
    is_valid = (_TABLE.c.expires_at > now) & (_TABLE.c.expires_at <= now + lifetime + TOLERANCE)
    statement = (
        sa.select(schema.apps.c.id, schema.apps.c.ak, schema.apps.c.name, _TABLE.c.file_name)
        .join(_TABLE, _TABLE.c.app == schema.apps.c.id)
        .where(_TABLE.c.digest == _hash_token(token), is_valid)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    app = App(id=row[0], ak=row[1], name=row[2])
    recording = recordings.find_by_name(connection, app, row[3])
    return (app, recording) if recording else None


def delete_expired(connection: Connection, now: datetime) -> int:
    """Delete expired tokens and return their number."""
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.expires_at <= now)).rowcount
