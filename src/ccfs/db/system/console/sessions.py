"""Rows of console sessions, which belong to no app.

Only a digest of each token is stored, so nobody who reads the table can log in.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.console import users
from ccfs.db.system.console.users import hash_token
from ccfs.model.clocks import TOLERANCE
from ccfs.model.identity.user import User

_TABLE = schema.console_sessions
TOUCH_INTERVAL = timedelta(minutes=1)  # how precisely the last use of a session is recorded


def create(connection: Connection, user: User, token: str, now: datetime) -> None:
    """Add a session for the user with that token."""
    connection.execute(sa.insert(_TABLE).values(digest=hash_token(token), user_id=user.id, created_at=now, seen_at=now))


def resolve(
    connection: Connection, token: str, now: datetime, idle_timeout: timedelta, lifetime: timedelta
) -> tuple[User | None, bool]:
    """Return the session's user, or None if the session has ended, and whether `touch` should record its use."""
    is_valid = (_TABLE.c.digest == hash_token(token)) & ~_has_ended(now, idle_timeout, lifetime)
    row = connection.execute(sa.select(_TABLE.c.user_id, _TABLE.c.seen_at).where(is_valid)).one_or_none()
    user = users.find_by_id(connection, row.user_id) if row else None
    if row is None or user is None or user.is_disabled:
        return None, False
    return user, row.seen_at < now - TOUCH_INTERVAL


def get_begin(connection: Connection, token: str) -> datetime | None:
    """Return when the session's user signed in; None if there is no such session."""
    return connection.execute(sa.select(_TABLE.c.created_at).where(_TABLE.c.digest == hash_token(token))).scalar()


def touch(connection: Connection, token: str, now: datetime) -> None:
    """Record that the session is in use."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.digest == hash_token(token)).values(seen_at=now))


def delete(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.digest == hash_token(token)))


def delete_expired(connection: Connection, now: datetime, idle_timeout: timedelta, lifetime: timedelta) -> int:
    """Delete sessions that have ended and return their number."""
    return connection.execute(sa.delete(_TABLE).where(_has_ended(now, idle_timeout, lifetime))).rowcount


def _has_ended(now: datetime, idle_timeout: timedelta, lifetime: timedelta) -> sa.ColumnElement[bool]:
    """Return the condition that a session has ended, or that it began or was used when the clock was ahead."""
    is_old = (_TABLE.c.seen_at <= now - idle_timeout) | (_TABLE.c.created_at <= now - lifetime)
    return is_old | (_TABLE.c.created_at > now + TOLERANCE) | (_TABLE.c.seen_at > now + TOLERANCE)
