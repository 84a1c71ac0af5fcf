"""Rows of locations: where bytes lie, and what may be done there. The operator's, not an app's. Bytes: store/locations.

Every change bumps a number in `changes`, by which a process knows that the locations it opened are not all there are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.errors import Misuse
from ccfs.model.export import State
from ccfs.model.place import Place, PlaceKind
from ccfs.store import schema
from ccfs.store.recordings import values_of
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.locations
_CHANGES = schema.changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the rows say that a location holds."""

    files: int
    size: int  # bytes


def add(connection: Connection, place: Place) -> None:
    """A new location; raises Misuse if its id is taken."""
    statement = insert_or_ignore(connection, _TABLE).values(**values_of(place))
    if not connection.execute(statement.returning(_TABLE.c.id)).first():
        raise Misuse(f"there is a location {place.id} already")
    _changed(connection)


def claim_disk(connection: Connection, node: str, now: datetime) -> str:
    """The id of the disk in that node's data folder: a number that is given to it once, 0 to the first."""
    _changed(connection)  # whoever else would take a number waits here
    found = disk_of(connection, node)
    if found is None:
        taken = [int(one) for one in connection.execute(sa.select(_TABLE.c.id)).scalars()]
        found = str(max(taken) + 1 if 0 in taken else 0)
        add(connection, Place(id=found, kind=PlaceKind.DISK, at="", node=node, created_at=now))
    return found


def disk_of(connection: Connection, node: str) -> str | None:
    """The id that `claim_disk` gave; None if it has not yet."""
    mine = (_TABLE.c.node == node) & (_TABLE.c.kind == PlaceKind.DISK) & (_TABLE.c.at == "")
    return connection.execute(sa.select(_TABLE.c.id).where(mine)).scalar()


def change(connection: Connection, location_id: str, **values: Any) -> None:
    """Set fields of a location's row, as is_draining=True; raises Misuse if it has no row."""
    if connection.execute(sa.update(_TABLE).where(_TABLE.c.id == location_id).values(**values)).rowcount != 1:
        raise Misuse(f"there is no location {location_id}; `ccfs location list` shows all")
    _changed(connection)


def places(connection: Connection) -> dict[str, Place]:
    """Every location that has a row, by id."""
    rows = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.created_at, _TABLE.c.id))
    return {row.id: _from_row(row) for row in rows}


def change_number(connection: Connection) -> int:
    """A number that grows with every change of a location's row."""
    statement = sa.select(_CHANGES.c.number).where(_CHANGES.c.name == "locations")
    return int(connection.execute(statement).scalar() or 0)


def held(connection: Connection) -> dict[str, Held]:
    """What each location holds by the rows, over all apps; a location without bytes is not in it."""
    recordings, voice_files, exports = schema.recordings.c, schema.voice_files.c, schema.exports.c
    every = sa.union_all(
        sa.select(recordings.location_id, recordings.size),
        sa.select(voice_files.location_id, voice_files.size),
        sa.select(exports.location_id, exports.size).where(exports.state == State.READY),  # others have no file
    ).subquery()
    total = sa.cast(sa.func.sum(every.c.size), sa.BigInteger)
    rows = connection.execute(sa.select(every.c.location_id, sa.func.count(), total).group_by(every.c.location_id))
    return {row[0]: Held(files=row[1], size=int(row[2])) for row in rows}


def _from_row(row: sa.Row[Any]) -> Place:
    values = dict(row._mapping)
    return Place(**values | {"kind": PlaceKind(row.kind)})


def _changed(connection: Connection) -> None:
    connection.execute(insert_or_ignore(connection, _CHANGES).values(name="locations", number=0))
    connection.execute(sa.update(_CHANGES).where(_CHANGES.c.name == "locations").values(number=_CHANGES.c.number + 1))
