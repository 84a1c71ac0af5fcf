"""Rows of failed authentication attempts by address or name, counted within a period. They belong to no app."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.system import tenants
from ccfs.model.clocks import TOLERANCE

_TABLE = schema.address_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutPolicy:
    """When an address is locked, and for how long."""

    limit: int  # failures within the period that lock; 0: never
    period: timedelta
    lock: timedelta


def record_failure(connection: Connection, address: str, now: datetime, policy: LockoutPolicy) -> bool:
    """Count a failure of the address. Return True if this locked the address."""
    _start_period(connection, address, now, policy.period)
    row = _TABLE.c.address == address
    count = sa.update(_TABLE).where(row).values(failures=_TABLE.c.failures + 1).returning(_TABLE.c.failures)
    if int(connection.execute(count).scalar_one()) < policy.limit:
        return False
    connection.execute(sa.update(_TABLE).where(row).values(failures=0, since=now, locked_until=now + policy.lock))
    tenants.CHANGE_COUNTER.increment(connection)
    return True


def reserve_attempt(connection: Connection, addresses: Iterable[str], now: datetime, policy: LockoutPolicy) -> bool:
    """Reserve an attempt for each of these addresses before it is judged, and return True.

    Return False, and reserve none, if one of them is locked, or if its failures and the attempts that are being judged reach
    the limit. An attempt that is never settled, because its process died, counts until the period is over.
    """
    reserved: list[str] = []
    for address in sorted(addresses):  # in one order, so that two transactions never wait for each other
        _start_period(connection, address, now, policy.period)
        is_open = ~_is_locked(now, policy.lock)
        is_free = _TABLE.c.failures + _TABLE.c.pending < policy.limit
        row = sa.update(_TABLE).where(_TABLE.c.address == address, is_open, is_free)
        if connection.execute(row.values(pending=_TABLE.c.pending + 1)).rowcount == 0:
            _settle(connection, reserved)
            return False
        reserved.append(address)
    return True


def settle_attempt(
    connection: Connection, addresses: Iterable[str], now: datetime, policy: LockoutPolicy, *, has_failed: bool
) -> None:
    """Give back a reserved attempt, and count it if it has failed."""
    addresses = sorted(addresses)
    _settle(connection, addresses)
    for address in addresses if has_failed else ():
        record_failure(connection, address, now, policy)


def _start_period(connection: Connection, address: str, now: datetime, period: timedelta) -> None:
    new = insert_or_ignore(connection, _TABLE).values(address=address, failures=0, pending=0, since=now)
    connection.execute(new)
    is_over = (_TABLE.c.address == address) & _has_ended(now, period)
    connection.execute(sa.update(_TABLE).where(is_over).values(failures=0, pending=0, since=now))


def _settle(connection: Connection, addresses: Iterable[str]) -> None:
    is_pending = _TABLE.c.address.in_(list(addresses)) & (_TABLE.c.pending > 0)
    connection.execute(sa.update(_TABLE).where(is_pending).values(pending=_TABLE.c.pending - 1))


def _has_ended(now: datetime, period: timedelta) -> sa.ColumnElement[bool]:
    """Return the condition that a period is over, or began when the clock was ahead."""
    return (_TABLE.c.since <= now - period) | (_TABLE.c.since > now + TOLERANCE)


def _is_locked(now: datetime, lock: timedelta) -> sa.ColumnElement[bool]:
    """Return the condition that an address is locked. A lock that ends later than it can was set when the clock was ahead."""
    until = sa.func.coalesce(_TABLE.c.locked_until, now, type_=schema.Instant)
    return (until > now) & (until <= now + lock + TOLERANCE)


def list_active(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return the locked addresses, each with the end of its lock-out, also if it ends later than it can."""
    statement = sa.select(_TABLE.c.address, _TABLE.c.locked_until).where(_TABLE.c.locked_until > now)
    return {row.address: row.locked_until for row in connection.execute(statement)}


def delete_expired(connection: Connection, now: datetime, period: timedelta) -> int:
    """Delete rows whose period and lock-out are over, and return their number."""
    expired = _has_ended(now, period) & (_TABLE.c.locked_until.is_(None) | (_TABLE.c.locked_until <= now))
    return connection.execute(sa.delete(_TABLE).where(expired)).rowcount
