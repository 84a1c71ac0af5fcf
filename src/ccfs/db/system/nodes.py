"""Rows of nodes: which nodes exist, since when, and when each sent its last heartbeat.

All times are taken from the database's clock, so that the nodes' own clocks do not matter.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.statements import insert_or_ignore
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState

_TABLE = schema.nodes


def get_database_time(connection: Connection) -> datetime:
    """Return the time of the database's clock. For SQLite, this is the clock of this machine."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp(type_=schema.Instant))).scalar_one()
    return now


def register(connection: Connection, node: NodeRecord, liveness_timeout: timedelta) -> None:
    """Insert or update the node's row. Keep the state set by the operator; ignore the times in `node`.

    Raises OperatorError if a node with that id is alive on another data folder, because one of the two has the wrong
    name.
    """
    now = get_database_time(connection)
    known = find_by_id(connection, node.id)
    if known and known.folder != node.folder and known.is_alive(now, liveness_timeout):
        raise OperatorError(
            f"a node {node.id} is alive with another data folder: CCFS_NODE must differ from node to node"
        )
    values: dict[str, Any] = {"folder": node.folder, "address": node.address, "version": node.version}
    values |= {"revision": node.revision, "started_at": now, "heartbeat_at": now}
    new_row = insert_or_ignore(connection, _TABLE).values(id=node.id, state=NodeState.ACTIVE, **values)
    connection.execute(new_row)  # another process of this node may register at the same moment
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == node.id).values(**values))


def record_heartbeat(connection: Connection, node_id: str) -> tuple[datetime, NodeState | None]:
    """Record a heartbeat. Return the database's time and the node's state; None if its row has been deleted."""
    now = get_database_time(connection)
    heartbeat = sa.update(_TABLE).where(_TABLE.c.id == node_id).values(heartbeat_at=now).returning(_TABLE.c.state)
    state = connection.execute(heartbeat).scalar_one_or_none()
    return now, NodeState(state) if state else None


def set_certificate_expiry(connection: Connection, node_id: str, expires_at: datetime | None) -> None:
    """Store when the certificate of the node's TLS server expires; None if it has no TLS server."""
    values = {"certificate_expires_at": expires_at}
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == node_id).values(**values))


def find_by_id(connection: Connection, node_id: str) -> NodeRecord | None:
    """Return the node with the given id."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.id == node_id)).one_or_none()
    return _from_row(row) if row else None


def get_address(database: Database, node_id: str) -> str:
    """Return the URL at which other nodes can reach the node.

    Raises LocationUnreachable if the database has no URL for it, or does not respond.
    """
    try:
        with database.read_transaction() as connection:
            node = find_by_id(connection, node_id)
    except SQLAlchemyError as error:
        raise LocationUnreachable(f"the address of node {node_id} is unknown: the database does not answer") from error
    if node is None or not node.address:
        raise LocationUnreachable(f"node {node_id} {'has no address' if node else 'does not exist'}")
    return node.address


def list_all(connection: Connection) -> list[NodeRecord]:
    """Return all nodes by id."""
    return [_from_row(row) for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.id))]


def list_alive_on_older_schema(connection: Connection, revision: str, liveness_timeout: timedelta) -> list[str]:
    """Return the ids of running nodes whose program is older than that revision of the schema.

    The query uses only columns from the first release, because the database may be older than this program.
    """
    now = get_database_time(connection)
    is_alive = _TABLE.c.heartbeat_at.between(now - liveness_timeout, now + liveness_timeout)
    older = sa.select(_TABLE.c.id).where(_TABLE.c.revision < revision, is_alive)
    return list(connection.execute(older.order_by(_TABLE.c.id)).scalars())


def set_state(connection: Connection, node_id: str, state: NodeState) -> None:
    """Set the state requested by the operator. Raises OperatorError if no node has that id."""
    update = sa.update(_TABLE).where(_TABLE.c.id == node_id).values(state=state)
    if connection.execute(update).rowcount != 1:
        raise OperatorError(f"there is no node {node_id}")


def delete(connection: Connection, node_id: str) -> None:
    """Delete the node's row, and what the node found of locations."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.id == node_id))
    connection.execute(sa.delete(schema.location_checks).where(schema.location_checks.c.node_id == node_id))


def count_by_state(connection: Connection, liveness_timeout: timedelta) -> dict[str, int]:
    """Return the number of active, draining and dead nodes, for metrics."""
    now = get_database_time(connection)
    counts = {"active": 0, "draining": 0, "dead": 0}
    for node in list_all(connection):
        counts[node.state if node.is_alive(now, liveness_timeout) else "dead"] += 1
    return counts


def _from_row(row: sa.Row[Any]) -> NodeRecord:
    values = dict(row._mapping)
    return NodeRecord(**{**values, "state": NodeState(values["state"])})
