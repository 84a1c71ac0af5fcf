"""Rows of notes, which belong to no app: what a user's next page shows after a redirect, such as a new SK, once.

Only a digest of each token is stored, and the content is encrypted.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.console.users import hash_token
from ccfs.model.identity.user import User

_TABLE = schema.console_notes


def add(connection: Connection, user: User, token: str, sealed: str, expires_at: datetime) -> None:
    """Add a note for the user."""
    values = {"digest": hash_token(token), "user_id": user.id, "sealed": sealed, "expires_at": expires_at}
    connection.execute(sa.insert(_TABLE).values(**values))


def find(connection: Connection, user: User, token: str, now: datetime) -> str | None:
    """Return the encrypted content of the user's note; None if it does not exist or has expired."""
    return connection.execute(sa.select(_TABLE.c.sealed).where(_is_valid(user, token, now))).scalar()


def take(connection: Connection, user: User, token: str, now: datetime) -> str | None:
    """Delete the user's note and return its encrypted content; None if another request took it, or it has expired."""
    return connection.execute(sa.delete(_TABLE).where(_is_valid(user, token, now)).returning(_TABLE.c.sealed)).scalar()


def delete_expired(connection: Connection, now: datetime) -> int:
    """Delete expired notes and return their number."""
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.expires_at <= now)).rowcount


def _is_valid(user: User, token: str, now: datetime) -> sa.ColumnElement[bool]:
    return (_TABLE.c.digest == hash_token(token)) & (_TABLE.c.user_id == user.id) & (_TABLE.c.expires_at > now)
