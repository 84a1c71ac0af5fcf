"""Rows of how much sound came to each location in each month (UTC) and is there still: counted now and then, over all apps.

What came since is seen within SOON, what was moved or let go within ANEW.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls import partition_month

FULL_RECOUNT_AFTER = timedelta(days=1)
RECOUNT_AFTER = timedelta(minutes=10)
DELAY_PER_FILE = timedelta(milliseconds=1)  # so much longer than none it may be
_TABLE = schema.storage_statistics
_RECORDINGS = schema.recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyStorage:
    """One location's recordings of one month."""

    files: int
    size: int  # bytes


def find_next_stale(connection: Connection, now: datetime) -> tuple[str, int] | None:
    """A location and month to be counted (again); None: nothing."""
    rows = connection.execute(sa.select(_TABLE)).all()
    for location in connection.execute(sa.select(schema.locations.c.id).order_by(schema.locations.c.id)).scalars():
        known = {row.month: row for row in rows if row.location_id == location}
        first, newest = _first_and_last_arrival(connection, location)
        number = min(partition_month.month_key(first or now), *known, partition_month.month_key(now))
        while number <= partition_month.month_key(now):
            row = known.get(number)
            if row is None or now - row.counted_at >= FULL_RECOUNT_AFTER or _has_grown(row, newest, now):
                return location, number
            number = partition_month.add_months(number)
    return None


def _first_and_last_arrival(connection: Connection, location_id: str) -> tuple[datetime | None, datetime | None]:
    """When the first and the last recording came to a location that are there."""
    came = _RECORDINGS.c.created_at
    ends = (sa.select(end(came)).where(_RECORDINGS.c.location_id == location_id) for end in (sa.func.min, sa.func.max))
    first, newest = (connection.execute(one).scalar() for one in ends)
    return first, newest


def _has_grown(row: Any, newest: datetime | None, now: datetime) -> bool:
    """Whether something came since; the more there is, the longer it waits to be counted anew."""
    is_new = newest is not None and partition_month.month_key(newest) == row.month and newest > row.counted_at
    return is_new and now - row.counted_at >= min(RECOUNT_AFTER, row.files * DELAY_PER_FILE)


def count_recordings(connection: Connection, location_id: str, number: int) -> MonthlyStorage:
    """The recordings that came to a location in a month and are there."""
    came = _RECORDINGS.c.created_at
    mine = (_RECORDINGS.c.location_id == location_id) & (came >= partition_month.month_start(number))
    mine &= came < partition_month.month_start(partition_month.add_months(number))
    size = sa.cast(sa.func.coalesce(sa.func.sum(_RECORDINGS.c.size), 0), sa.BigInteger)
    row = connection.execute(sa.select(sa.func.count(), size).where(mine)).one()
    return MonthlyStorage(files=row[0], size=row[1])


def save(connection: Connection, location_id: str, number: int, found: MonthlyStorage, now: datetime) -> None:
    """Write what was counted."""
    values = {"files": found.files, "size": found.size, "counted_at": now}
    place = {"location_id": location_id, "month": number}
    connection.execute(insert_or_ignore(connection, _TABLE).values(**place, **values))
    mine = (_TABLE.c.location_id == location_id) & (_TABLE.c.month == number)
    connection.execute(sa.update(_TABLE).where(mine).values(**values))


def load(connection: Connection) -> Mapping[int, Mapping[str, MonthlyStorage]]:
    """By month and location, the earliest month first; locations and months without a file are left out."""
    rows = connection.execute(
        sa.select(_TABLE).where(_TABLE.c.files > 0).order_by(_TABLE.c.month, _TABLE.c.location_id)
    )
    found: dict[int, dict[str, MonthlyStorage]] = {}
    for row in rows:
        found.setdefault(row.month, {})[row.location_id] = MonthlyStorage(files=row.files, size=row.size)
    return found
