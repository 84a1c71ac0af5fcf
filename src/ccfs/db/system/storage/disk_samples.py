"""Free space of the disks of locations, sampled by the nodes that open them, for the forecast of when they will be full."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore

SAMPLE_PERIOD: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=31)  # so a location has at most 745 rows
_TABLE = schema.disk_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSample:
    """The disk of a location at one moment."""

    sampled_at: datetime  # the last measurement of its hour
    free: int  # bytes that a process without privileges can write
    size: int  # bytes


def save(connection: Connection, location_id: str, sample: DiskSample) -> None:
    """Store a measurement in place of the others of its hour, and delete those that are older than KEPT."""
    hour = sample.sampled_at.replace(minute=0, second=0, microsecond=0)
    values = {"free": sample.free, "size": sample.size}
    of_location = _TABLE.c.location_id == location_id
    inserted = insert_or_ignore(connection, _TABLE).values(location_id=location_id, sampled_at=hour, **values)
    if connection.execute(inserted.returning(_TABLE.c.location_id)).first() is None:
        connection.execute(sa.update(_TABLE).where(of_location, _TABLE.c.sampled_at == hour).values(**values))
    else:
        connection.execute(sa.delete(_TABLE).where(of_location, _TABLE.c.sampled_at < hour - KEPT))


def find_latest(connection: Connection, location_id: str) -> DiskSample | None:
    """Return the latest measurement of a location; None if it has no disk, or no node has measured it."""
    latest = sa.select(_TABLE).where(_TABLE.c.location_id == location_id).order_by(_TABLE.c.sampled_at.desc())
    row = connection.execute(latest.limit(1)).first()
    return DiskSample(sampled_at=row.sampled_at, free=row.free, size=row.size) if row else None


def list_latest(connection: Connection) -> dict[str, DiskSample]:
    """Return the latest measurement of each location that has one."""
    ids = connection.execute(sa.select(schema.locations.c.id)).scalars()  # few; each takes one step of the index
    found = {location_id: find_latest(connection, location_id) for location_id in ids}
    return {location_id: sample for location_id, sample in found.items() if sample}


def list_since(connection: Connection, location_id: str, since: datetime) -> list[DiskSample]:
    """Return the measurements of a location, the oldest first."""
    rows = sa.select(_TABLE).where(_TABLE.c.location_id == location_id, _TABLE.c.sampled_at >= since)
    found = connection.execute(rows.order_by(_TABLE.c.sampled_at))
    return [DiskSample(sampled_at=row.sampled_at, free=row.free, size=row.size) for row in found]
