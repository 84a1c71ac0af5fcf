"""Rows of locations: where bytes lie, and what may be done there. The operator's, not an app's. Bytes: store/locations.

Every change bumps a number in `changes`, by which a process knows that the locations it opened are not all there are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.tenants import insert_or_ignore
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.model.exports.export import ExportState

_TABLE = schema.locations
_CHANGE_COUNTERS = schema.change_counters


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationUsage:
    """What the rows say that a location holds."""

    files: int
    size: int  # bytes


def add(connection: Connection, place: LocationConfig) -> None:
    """A new location; raises Misuse if its id is taken."""
    statement = insert_or_ignore(connection, _TABLE).values(**get_column_values(place))
    if not connection.execute(statement.returning(_TABLE.c.id)).first():
        raise OperatorError(f"there is a location {place.id} already")
    _bump_version(connection)


def assign_disk_id(connection: Connection, node: str, now: datetime) -> str:
    """The id of the disk in that node's data folder: a number that is given to it once, 0 to the first."""
    _bump_version(connection)  # whoever else would take a number waits here
    found = find_disk_id(connection, node)
    if found is None:
        taken = [int(one) for one in connection.execute(sa.select(_TABLE.c.id)).scalars()]
        found = str(max(taken) + 1 if 0 in taken else 0)
        add(connection, LocationConfig(id=found, kind=LocationKind.DISK, root="", node=node, created_at=now))
    return found


def find_disk_id(connection: Connection, node: str) -> str | None:
    """The id that `claim_disk` gave; None if it has not yet."""
    mine = (_TABLE.c.node == node) & (_TABLE.c.kind == LocationKind.DISK) & (_TABLE.c.root == "")
    return connection.execute(sa.select(_TABLE.c.id).where(mine)).scalar()


def update(connection: Connection, location_id: str, **values: Any) -> None:
    """Set fields of a location's row, as is_draining=True; raises Misuse if it has no row."""
    if connection.execute(sa.update(_TABLE).where(_TABLE.c.id == location_id).values(**values)).rowcount != 1:
        raise OperatorError(f"there is no location {location_id}; `ccfs location list` shows all")
    _bump_version(connection)


def get_all(connection: Connection) -> dict[str, LocationConfig]:
    """Every location that has a row, by id."""
    rows = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.created_at, _TABLE.c.id))
    return {row.id: _from_row(row) for row in rows}


def get_version(connection: Connection) -> int:
    """A number that grows with every change of a location's row."""
    statement = sa.select(_CHANGE_COUNTERS.c.value).where(_CHANGE_COUNTERS.c.name == "locations")
    return int(connection.execute(statement).scalar() or 0)


def get_usage(connection: Connection) -> dict[str, LocationUsage]:
    """What each location holds by the rows, over all apps; a location without bytes is not in it."""
    recordings, voice_files, exports = schema.recordings.c, schema.voice_files.c, schema.exports.c
    every = sa.union_all(
        sa.select(recordings.location_id, recordings.size),
        sa.select(voice_files.location_id, voice_files.size),
        sa.select(exports.location_id, exports.size).where(exports.state == ExportState.READY),  # others have no file
    ).subquery()
    total = sa.cast(sa.func.sum(every.c.size), sa.BigInteger)
    rows = connection.execute(sa.select(every.c.location_id, sa.func.count(), total).group_by(every.c.location_id))
    return {row[0]: LocationUsage(files=row[1], size=int(row[2])) for row in rows}


def _from_row(row: sa.Row[Any]) -> LocationConfig:
    values = dict(row._mapping)
    return LocationConfig(**values | {"kind": LocationKind(row.kind)})


def _bump_version(connection: Connection) -> None:
    connection.execute(insert_or_ignore(connection, _CHANGE_COUNTERS).values(name="locations", value=0))
    connection.execute(
        sa.update(_CHANGE_COUNTERS)
        .where(_CHANGE_COUNTERS.c.name == "locations")
        .values(value=_CHANGE_COUNTERS.c.value + 1)
    )
