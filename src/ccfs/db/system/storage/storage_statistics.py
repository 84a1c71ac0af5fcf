"""Rows of storage statistics: the recordings that a location received in a month (UTC) and still has, over all apps.

New recordings are included in the statistics within RECOUNT_AFTER. Moves and deletions are reflected within
FULL_RECOUNT_AFTER.
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
DELAY_PER_FILE = timedelta(milliseconds=1)  # large months are recounted less often, up to RECOUNT_AFTER
_TABLE = schema.storage_statistics
_RECORDINGS = schema.recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyStorage:
    """The recordings of a month in a location."""

    files: int
    size: int  # bytes


def find_next_stale(connection: Connection, now: datetime) -> tuple[str, int] | None:
    """Return a location and a month that should be counted; None if everything is up to date."""
    rows = connection.execute(sa.select(_TABLE)).all()
    for location in connection.execute(sa.select(schema.locations.c.id).order_by(schema.locations.c.id)).scalars():
        known = {row.month: row for row in rows if row.location_id == location}
        oldest, newest = _get_oldest_and_newest(connection, location)
        month = min(partition_month.month_key(oldest or now), *known, partition_month.month_key(now))
        while month <= partition_month.month_key(now):
            row = known.get(month)
            if row is None or now - row.counted_at >= FULL_RECOUNT_AFTER or _has_grown(row, newest, now):
                return location, month
            month = partition_month.add_months(month)
    return None


def _get_oldest_and_newest(connection: Connection, location_id: str) -> tuple[datetime | None, datetime | None]:
    """Return when the oldest and the newest recording of a location were stored."""
    stored_at = _RECORDINGS.c.created_at
    oldest, newest = (
        connection.execute(sa.select(extreme(stored_at)).where(_RECORDINGS.c.location_id == location_id)).scalar()
        for extreme in (sa.func.min, sa.func.max)
    )
    return oldest, newest


def _has_grown(row: Any, newest: datetime | None, now: datetime) -> bool:
    """Return whether recordings were stored since the last count, and the month's delay is over."""
    is_new = newest is not None and partition_month.month_key(newest) == row.month and newest > row.counted_at
    return is_new and now - row.counted_at >= min(RECOUNT_AFTER, row.files * DELAY_PER_FILE)


def count_recordings(connection: Connection, location_id: str, month: int) -> MonthlyStorage:
    """Count the recordings that a location received in a month and still has."""
    stored_at = _RECORDINGS.c.created_at
    in_month = (_RECORDINGS.c.location_id == location_id) & (stored_at >= partition_month.month_start(month))
    in_month &= stored_at < partition_month.month_start(partition_month.add_months(month))
    size = sa.cast(sa.func.coalesce(sa.func.sum(_RECORDINGS.c.size), 0), sa.BigInteger)
    row = connection.execute(sa.select(sa.func.count(), size).where(in_month)).one()
    return MonthlyStorage(files=row[0], size=row[1])


def save(connection: Connection, location_id: str, month: int, storage: MonthlyStorage, now: datetime) -> None:
    """Insert or update the count for a month."""
    values = {"files": storage.files, "size": storage.size, "counted_at": now}
    key = {"location_id": location_id, "month": month}
    connection.execute(insert_or_ignore(connection, _TABLE).values(**key, **values))
    row = (_TABLE.c.location_id == location_id) & (_TABLE.c.month == month)
    connection.execute(sa.update(_TABLE).where(row).values(**values))


def load(connection: Connection) -> Mapping[int, Mapping[str, MonthlyStorage]]:
    """Return the counts by month and location, earliest month first, omitting counts of 0."""
    rows = connection.execute(
        sa.select(_TABLE).where(_TABLE.c.files > 0).order_by(_TABLE.c.month, _TABLE.c.location_id)
    )
    months: dict[int, dict[str, MonthlyStorage]] = {}
    for row in rows:
        months.setdefault(row.month, {})[row.location_id] = MonthlyStorage(files=row.files, size=row.size)
    return months
