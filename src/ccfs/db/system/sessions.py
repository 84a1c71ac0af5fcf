"""Rows of console sessions. Only a digest of the token is kept: who reads the table is nobody. System-wide."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system import users
from ccfs.db.system.users import hash_token
from ccfs.model.identity.user import User

_TABLE = schema.console_sessions
TOUCH_INTERVAL = timedelta(minutes=1)  # how exactly it is known when a session was last used


def create(connection: Connection, user: User, token: str, now: datetime) -> None:
    """A session of the user by that token."""
    connection.execute(sa.insert(_TABLE).values(digest=hash_token(token), user_id=user.id, created_at=now, seen_at=now))


def resolve(
    connection: Connection, token: str, now: datetime, idle: timedelta, lasts: timedelta
) -> tuple[User | None, bool]:
    """Whose session a token is, None if nobody's any more, and whether it is to be noted that it was seen."""
    living = (
        (_TABLE.c.digest == hash_token(token)) & (_TABLE.c.seen_at > now - idle) & (_TABLE.c.created_at > now - lasts)
    )
    row = connection.execute(sa.select(_TABLE.c.user_id, _TABLE.c.seen_at).where(living)).one_or_none()
    user = users.find_by_id(connection, row.user_id) if row else None
    if row is None or user is None or user.is_disabled:
        return None, False
    return user, row.seen_at < now - TOUCH_INTERVAL


def touch(connection: Connection, token: str, now: datetime) -> None:
    """Note that the session was used."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.digest == hash_token(token)).values(seen_at=now))


def delete(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.digest == hash_token(token)))


def delete_expired(connection: Connection, now: datetime, idle: timedelta, lasts: timedelta) -> int:
    """Drop sessions that are over; how many."""
    old = (_TABLE.c.seen_at <= now - idle) | (_TABLE.c.created_at <= now - lasts)
    return connection.execute(sa.delete(_TABLE).where(old)).rowcount
