"""Rows of failed authentication attempts by address, which are counted within a period. They belong to no app."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.system import tenants

_TABLE = schema.address_failures


def record_failure(
    connection: Connection, address: str, now: datetime, *, limit: int, period: timedelta, lock: timedelta
) -> bool:
    """Count a failure of the address. Return True if this locked the address."""
    row = _TABLE.c.address == address
    connection.execute(insert_or_ignore(connection, _TABLE).values(address=address, failures=0, since=now))
    connection.execute(sa.update(_TABLE).where(row, _TABLE.c.since <= now - period).values(failures=0, since=now))
    count = sa.update(_TABLE).where(row).values(failures=_TABLE.c.failures + 1).returning(_TABLE.c.failures)
    if int(connection.execute(count).scalar_one()) < limit:
        return False
    connection.execute(sa.update(_TABLE).where(row).values(failures=0, since=now, locked_until=now + lock))
    tenants.CHANGE_COUNTER.increment(connection)
    return True


def list_active(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return the locked addresses, each with the end of its lock-out."""
    statement = sa.select(_TABLE.c.address, _TABLE.c.locked_until).where(_TABLE.c.locked_until > now)
    return {row.address: row.locked_until for row in connection.execute(statement)}


def delete_expired(connection: Connection, now: datetime, period: timedelta) -> int:
    """Delete rows whose period and lock-out are over, and return their number."""
    expired = (_TABLE.c.since <= now - period) & (_TABLE.c.locked_until.is_(None) | (_TABLE.c.locked_until <= now))
    return connection.execute(sa.delete(_TABLE).where(expired)).rowcount
