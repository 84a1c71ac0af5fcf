"""Rows of locations: where files are stored, and what may be done there.

The operator manages them, and all apps share them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.change_counter import ChangeCounter
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.model.exports.export import ExportState

CHANGE_COUNTER = ChangeCounter("locations")
_TABLE = schema.locations


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationUsage:
    """The usage of a location according to the rows: number of files and bytes."""

    files: int
    size: int  # bytes


def add(connection: Connection, location: LocationConfig) -> None:
    """Add a location. Raises OperatorError if its id is taken."""
    statement = insert_or_ignore(connection, _TABLE).values(**get_column_values(location))
    if not connection.execute(statement.returning(_TABLE.c.id)).first():
        raise OperatorError(f"there is a location {location.id} already")
    CHANGE_COUNTER.increment(connection)


def assign_disk_id(connection: Connection, node: str, now: datetime) -> str:
    """Return the location id of the disk in the node's data folder. The first node gets 0; each node keeps its id."""
    CHANGE_COUNTER.increment(connection)  # other nodes that want a number wait here
    disk_id = find_disk_id(connection, node)
    if disk_id is None:
        numbers = [int(location_id) for location_id in connection.execute(sa.select(_TABLE.c.id)).scalars()]
        disk_id = str(max(numbers) + 1 if 0 in numbers else 0)
        add(connection, LocationConfig(id=disk_id, kind=LocationKind.DISK, root="", node=node, created_at=now))
    return disk_id


def find_disk_id(connection: Connection, node: str) -> str | None:
    """Return the id that `assign_disk_id` assigned to the node's disk; None if it has none yet."""
    disk = (_TABLE.c.node == node) & (_TABLE.c.kind == LocationKind.DISK) & (_TABLE.c.root == "")
    return connection.execute(sa.select(_TABLE.c.id).where(disk)).scalar()


def update(connection: Connection, location_id: str, **values: Any) -> None:
    """Set columns of a location's row, for example is_draining=True. Raises OperatorError if there is no such row."""
    if connection.execute(sa.update(_TABLE).where(_TABLE.c.id == location_id).values(**values)).rowcount != 1:
        raise OperatorError(f"there is no location {location_id}; `ccfs location list` shows all")
    CHANGE_COUNTER.increment(connection)


def remove(connection: Connection, location_id: str) -> None:
    """Remove a location, with the statistics of its recordings. Raises OperatorError if there is no such location."""
    statistics = schema.storage_statistics
    connection.execute(sa.delete(statistics).where(statistics.c.location_id == location_id))
    for table in (schema.location_checks, schema.disk_samples):
        connection.execute(sa.delete(table).where(table.c.location_id == location_id))
    if connection.execute(sa.delete(_TABLE).where(_TABLE.c.id == location_id)).rowcount != 1:
        raise OperatorError(f"there is no location {location_id}; `ccfs location list` shows all")
    CHANGE_COUNTER.increment(connection)


def get_all(connection: Connection) -> dict[str, LocationConfig]:
    """Return all locations by id."""
    rows = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.created_at, _TABLE.c.id))
    return {row.id: _from_row(row) for row in rows}


def get_usage(connection: Connection) -> dict[str, LocationUsage]:
    """Return the files and bytes of each location according to the rows of all apps, omitting empty locations."""
    recordings, voice_files, exports = schema.recordings.c, schema.voice_files.c, schema.exports.c
    blobs = sa.union_all(
        sa.select(recordings.location_id, recordings.size),
        sa.select(voice_files.location_id, voice_files.size),
        sa.select(exports.location_id, exports.size).where(exports.state == ExportState.READY),  # others have no file
    ).subquery()
    total = sa.cast(sa.func.sum(blobs.c.size), sa.BigInteger)
    rows = connection.execute(sa.select(blobs.c.location_id, sa.func.count(), total).group_by(blobs.c.location_id))
    return {row[0]: LocationUsage(files=row[1], size=int(row[2])) for row in rows}


def _from_row(row: sa.Row[Any]) -> LocationConfig:
    values = dict(row._mapping)
    return LocationConfig(**values | {"kind": LocationKind(row.kind)})
