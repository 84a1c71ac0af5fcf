"""Which node can read which location: each node tries them all and stores what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system import nodes
from ccfs.model.blobs.location_config import LocationConfig

_TABLE = schema.location_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationCheck:
    """The last attempt of a node to read from a location."""

    node_id: str
    location_id: str
    checked_at: datetime  # database time
    failure: str  # "": the node can read there


def save(connection: Connection, node_id: str, failures: Mapping[str, str]) -> None:
    """Replace what a node found: a failure, or "", by location."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.node_id == node_id))
    now = nodes.get_database_time(connection)
    rows = [
        {"node_id": node_id, "location_id": location_id, "checked_at": now, "failure": failure}
        for location_id, failure in failures.items()
    ]
    if rows:
        connection.execute(sa.insert(_TABLE), rows)


def list_by_location(connection: Connection, location_id: str, timeout: timedelta) -> dict[str, LocationCheck | None]:
    """Return the check of a location by each living node; None if the node has not tried it yet."""
    now = nodes.get_database_time(connection)
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.location_id == location_id))
    checks = {row.node_id: LocationCheck(**row._mapping) for row in rows}
    alive = (node.id for node in nodes.list_all(connection) if node.is_alive(now, timeout))
    return {node_id: checks.get(node_id) for node_id in alive}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnableReader:
    """A living node that cannot read a location, or has not tried it yet."""

    node_id: str
    failure: str  # "": it has not tried it yet


def list_unable_readers(connection: Connection, location: LocationConfig, timeout: timedelta) -> list[UnableReader]:
    """Return the living nodes whose clients would not get what is moved to a location.

    A disk of one node is read by that node alone; the others read through it.
    """
    checks = list_by_location(connection, location.id, timeout)
    if location.node:
        checks = {node_id: check for node_id, check in checks.items() if node_id == location.node}
    return [
        UnableReader(node_id=node_id, failure=check.failure if check else "")
        for node_id, check in checks.items()
        if check is None or check.failure
    ]


def list_failures(connection: Connection, timeout: timedelta) -> list[LocationCheck]:
    """Return the failed checks of living nodes, by location and node."""
    now = nodes.get_database_time(connection)
    alive = {node.id for node in nodes.list_all(connection) if node.is_alive(now, timeout)}
    failed = sa.select(_TABLE).where(_TABLE.c.failure != "").order_by(_TABLE.c.location_id, _TABLE.c.node_id)
    return [LocationCheck(**row._mapping) for row in connection.execute(failed) if row.node_id in alive]
