"""Rows of console sessions. Only a digest of the token is kept: who reads the table is nobody. System-wide."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.user import User
from ccfs.store import schema, users
from ccfs.store.users import digest

_TABLE = schema.console_sessions
SEEN = timedelta(minutes=1)  # how exactly it is known when a session was last used


def begin(connection: Connection, user: User, token: str, now: datetime) -> None:
    """A session of the user by that token."""
    connection.execute(sa.insert(_TABLE).values(digest=digest(token), user_id=user.id, created_at=now, seen_at=now))


def user_of(
    connection: Connection, token: str, now: datetime, idle: timedelta, lasts: timedelta
) -> tuple[User | None, bool]:
    """Whose session a token is, None if nobody's any more, and whether it is to be noted that it was seen."""
    living = (_TABLE.c.digest == digest(token)) & (_TABLE.c.seen_at > now - idle) & (_TABLE.c.created_at > now - lasts)
    row = connection.execute(sa.select(_TABLE.c.user_id, _TABLE.c.seen_at).where(living)).one_or_none()
    user = users.by_id(connection, row.user_id) if row else None
    if row is None or user is None or user.is_disabled:
        return None, False
    return user, row.seen_at < now - SEEN


def seen(connection: Connection, token: str, now: datetime) -> None:
    """Note that the session was used."""
    connection.execute(sa.update(_TABLE).where(_TABLE.c.digest == digest(token)).values(seen_at=now))


def end(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.digest == digest(token)))


def forget_old(connection: Connection, now: datetime, idle: timedelta, lasts: timedelta) -> int:
    """Drop sessions that are over; how many."""
    old = (_TABLE.c.seen_at <= now - idle) | (_TABLE.c.created_at <= now - lasts)
    return connection.execute(sa.delete(_TABLE).where(old)).rowcount
