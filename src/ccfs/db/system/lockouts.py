"""Rows of bad signatures by address: counted within a period, locked for a while. System-wide: an address has no app."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.tenants import bump_version, insert_or_ignore

_TABLE = schema.address_failures


def record_failure(
    connection: Connection, address: str, now: datetime, *, limit: int, period: timedelta, lock: timedelta
) -> bool:
    """Count one bad signature of the address; True if that locked it."""
    mine = _TABLE.c.address == address
    connection.execute(insert_or_ignore(connection, _TABLE).values(address=address, failures=0, since=now))
    connection.execute(sa.update(_TABLE).where(mine, _TABLE.c.since <= now - period).values(failures=0, since=now))
    more = sa.update(_TABLE).where(mine).values(failures=_TABLE.c.failures + 1).returning(_TABLE.c.failures)
    if int(connection.execute(more).scalar_one()) < limit:
        return False
    connection.execute(sa.update(_TABLE).where(mine).values(failures=0, since=now, locked_until=now + lock))
    bump_version(connection)
    return True


def list_active(connection: Connection, now: datetime) -> dict[str, datetime]:
    """The addresses that are locked, and until when."""
    statement = sa.select(_TABLE.c.address, _TABLE.c.locked_until).where(_TABLE.c.locked_until > now)
    return {row.address: row.locked_until for row in connection.execute(statement)}


def delete_expired(connection: Connection, now: datetime, period: timedelta) -> int:
    """Drop rows that no longer matter; how many."""
    old = (_TABLE.c.since <= now - period) & (_TABLE.c.locked_until.is_(None) | (_TABLE.c.locked_until <= now))
    return connection.execute(sa.delete(_TABLE).where(old)).rowcount
