"""Rows of console sessions, which belong to no app.

Only a digest of each token is stored, so nobody who reads the table can log in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.console import users
from ccfs.db.system.console.users import hash_token
from ccfs.model.clocks import TOLERANCE
from ccfs.model.identity.user import User

_TABLE = schema.console_sessions
MAX_SESSIONS = 100  # of a list
MAX_BROWSER_LENGTH = 300  # characters
TOUCH_INTERVAL = timedelta(minutes=1)  # how precisely the last use of a session is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as its user and operators see it."""

    digest: str  # of its token, which it does not reveal
    created_at: datetime
    seen_at: datetime
    address: str
    browser: str  # User-Agent


def create(
    connection: Connection, user: User, token: str, now: datetime, *, address: str = "", browser: str = ""
) -> None:
    """Add a session for the user with that token."""
    values = {"address": address, "browser": browser.replace("\0", "")[:MAX_BROWSER_LENGTH]}
    row = sa.insert(_TABLE).values(digest=hash_token(token), user_id=user.id, created_at=now, seen_at=now, **values)
    connection.execute(row)
    users.record_seen(connection, user.id, now)


def list_active(
    connection: Connection, user: User, now: datetime, idle_timeout: timedelta, lifetime: timedelta
) -> list[SessionView]:
    """Return the user's sessions that have not ended, the last used first; MAX_SESSIONS at most."""
    own = (_TABLE.c.user_id == user.id) & ~_has_ended(now, idle_timeout, lifetime)
    rows = sa.select(*(_TABLE.c[name] for name in SessionView.__dataclass_fields__)).where(own)
    newest = rows.order_by(_TABLE.c.seen_at.desc(), _TABLE.c.digest).limit(MAX_SESSIONS)
    return [SessionView(**row._mapping) for row in connection.execute(newest)]


def count_active(connection: Connection, now: datetime, idle_timeout: timedelta, lifetime: timedelta) -> dict[int, int]:
    """Return the number of sessions that have not ended, by user."""
    count = sa.select(_TABLE.c.user_id, sa.func.count()).where(~_has_ended(now, idle_timeout, lifetime))
    return {row[0]: row[1] for row in connection.execute(count.group_by(_TABLE.c.user_id))}


def end(connection: Connection, user: User, digest: str) -> bool:
    """End one of the user's sessions. Return False if there is no such session."""
    own = sa.delete(_TABLE).where(_TABLE.c.user_id == user.id, _TABLE.c.digest == digest)
    return connection.execute(own).rowcount == 1


def end_all(connection: Connection, user: User, except_token: str = "") -> int:
    """End all sessions of the user but one, and return their number."""
    own = sa.delete(_TABLE).where(_TABLE.c.user_id == user.id, _TABLE.c.digest != hash_token(except_token))
    return connection.execute(own).rowcount


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
    """Record that the session, and so its user, is active."""
    touched = sa.update(_TABLE).where(_TABLE.c.digest == hash_token(token)).values(seen_at=now)
    user_id = connection.execute(touched.returning(_TABLE.c.user_id)).scalar()
    if user_id is not None:
        users.record_seen(connection, user_id, now)


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
