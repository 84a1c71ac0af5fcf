"""Rows of instants that outlast a process: the recorded time of the database, and when something was last done."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.system import nodes
from ccfs.model.clocks import ClockReading

HISTORY: Final = "history"  # the time by which this database goes
INGEST_PASS: Final = "ingest pass"  # the end of the last one, of any app
ACCEPTED_ROWS: Final = "accepted rows"  # rows up to this may be later than the clock
_TABLE = schema.clock_times


def get_server_time(connection: Connection) -> datetime | None:
    """Return the time of the database server's clock; None for SQLite, which has none of its own."""
    return nodes.get_database_time(connection) if connection.dialect.name == "postgresql" else None


def read_clocks(connection: Connection, node: datetime, database: datetime | None) -> ClockReading:
    """Return what all clocks show, of which these are two. The history is the recorded one."""
    recorded = _get_all(connection)
    return ClockReading(
        node=node,
        database=database,
        history=recorded.get(HISTORY),
        newest_row=_find_newest_row(connection),
        accepted_until=recorded.get(ACCEPTED_ROWS),
    )


def record(connection: Connection, at: datetime, expected: datetime | None) -> bool:
    """Record the time by which the database goes. Return False if another process has recorded one since `expected`."""
    if expected is None:
        new = insert_or_ignore(connection, _TABLE).values(name=HISTORY, at=at)
        return connection.execute(new.returning(_TABLE.c.name)).first() is not None
    row = sa.update(_TABLE).where(_TABLE.c.name == HISTORY, _TABLE.c.at == expected)
    return connection.execute(row.values(at=at)).rowcount == 1


def accept(connection: Connection, reading: ClockReading) -> None:
    """Record the time of this machine's clock, whatever was recorded before, and accept rows that are later."""
    for name, at in ((HISTORY, reading.node), (ACCEPTED_ROWS, max(reading.node, reading.newest_row or reading.node))):
        _set(connection, name, at)


def get(connection: Connection, name: str) -> datetime | None:
    """Return the instant of a name; None if none is recorded."""
    return connection.execute(sa.select(_TABLE.c.at).where(_TABLE.c.name == name)).scalar()


def note(connection: Connection, name: str, now: datetime) -> None:
    """Record that something was done now."""
    _set(connection, name, now)


def claim_turn(connection: Connection, name: str, now: datetime, interval: timedelta) -> bool:
    """Return True to one caller of all processes within each interval."""
    connection.execute(insert_or_ignore(connection, _TABLE).values(name=name, at=now - interval))
    is_over = (_TABLE.c.at <= now - interval) | (_TABLE.c.at > now + interval)
    return connection.execute(sa.update(_TABLE).where(_TABLE.c.name == name, is_over).values(at=now)).rowcount == 1


def probe(connection: Connection, node_id: str) -> None:
    """Write a row, which shows whether the database takes writes."""
    _set(connection, f"ready {node_id}", nodes.get_database_time(connection))


def _set(connection: Connection, name: str, at: datetime) -> None:
    connection.execute(insert_or_ignore(connection, _TABLE).values(name=name, at=at))
    connection.execute(sa.update(_TABLE).where(_TABLE.c.name == name).values(at=at))


def _get_all(connection: Connection) -> dict[str, datetime]:
    return {row.name: row.at for row in connection.execute(sa.select(_TABLE))}


def _find_newest_row(connection: Connection) -> datetime | None:
    """Return when the newest of some rows was stored, each by one step in an index."""
    found: list[datetime | None] = [
        connection.execute(
            sa.select(schema.audit_log.c.logged_at).order_by(schema.audit_log.c.logged_at.desc()).limit(1)
        ).scalar()
    ]
    recordings, exports = schema.recordings.c, schema.exports.c
    for location_id in connection.execute(sa.select(schema.locations.c.id)).scalars().all():
        newest = sa.select(recordings.created_at).where(recordings.location_id == location_id)
        found.append(connection.execute(newest.order_by(recordings.created_at.desc()).limit(1)).scalar())
    for app in connection.execute(sa.select(schema.apps.c.id)).scalars().all():
        requested = sa.select(exports.requested_at).where(exports.app == app)
        found.append(connection.execute(requested.order_by(exports.requested_at.desc()).limit(1)).scalar())
    return max((instant for instant in found if instant is not None), default=None)
