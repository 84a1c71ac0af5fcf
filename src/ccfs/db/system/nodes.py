"""Rows of nodes: who there is, since when, last heard of when. All instants are the database's, so no node's clock matters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.tenants import insert_or_ignore
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState

_TABLE = schema.nodes


def get_database_time(connection: Connection) -> datetime:
    """The database's clock; SQLite's is this machine's."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    found: datetime = connection.execute(sa.select(sa.func.clock_timestamp(type_=schema.Instant))).scalar_one()
    return found


def register(connection: Connection, node: NodeRecord, patience: timedelta) -> None:
    """Keep the node's row; its state stays what the operator said. Instants of `node` are not looked at.

    Raises Misuse where a node of that id is alive on another data folder: one of the two is named wrongly.
    """
    now = get_database_time(connection)
    before = find_by_id(connection, node.id)
    if before and before.folder != node.folder and before.is_alive(now, patience):
        raise OperatorError(
            f"a node {node.id} is alive with another data folder: CCFS_NODE must differ from node to node"
        )
    values: dict[str, Any] = {"folder": node.folder, "address": node.address, "version": node.version}
    values |= {"revision": node.revision, "started_at": now, "heartbeat_at": now}
    fresh = insert_or_ignore(connection, _TABLE).values(id=node.id, state=NodeState.ACTIVE, **values)
    connection.execute(fresh)  # another process of this node may start at the same moment
    connection.execute(sa.update(_TABLE).where(_TABLE.c.id == node.id).values(**values))


def record_heartbeat(connection: Connection, node_id: str) -> tuple[datetime, NodeState | None]:
    """The node lives: the database's time, and the node's state; None if somebody removed its row."""
    now = get_database_time(connection)
    mine = sa.update(_TABLE).where(_TABLE.c.id == node_id).values(heartbeat_at=now).returning(_TABLE.c.state)
    state = connection.execute(mine).scalar_one_or_none()
    return now, NodeState(state) if state else None


def find_by_id(connection: Connection, node_id: str) -> NodeRecord | None:
    """The node of that id."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.id == node_id)).one_or_none()
    return _from_row(row) if row else None


def get_address(database: Database, node_id: str) -> str:
    """The URL at which other nodes reach it; raises Unreachable where the database knows none, or does not answer."""
    try:
        with database.read_transaction() as connection:
            found = find_by_id(connection, node_id)
    except SQLAlchemyError as error:
        raise LocationUnreachable(f"the database does not say where node {node_id} is") from error
    if found is None or not found.address:
        raise LocationUnreachable(f"node {node_id} {'has no address' if found else 'is not there'}")
    return found.address


def list_all(connection: Connection) -> list[NodeRecord]:
    """All nodes by id."""
    return [_from_row(row) for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.id))]


def list_alive_on_older_schema(connection: Connection, revision: str, patience: timedelta) -> list[str]:
    """The ids of nodes that live and whose program is older than that step of the schema.

    It asks for no more columns than there were in the first release: the database may be of an older one than this program.
    """
    heard = get_database_time(connection) - patience
    older = sa.select(_TABLE.c.id).where(_TABLE.c.revision < revision, _TABLE.c.heartbeat_at > heard)
    return list(connection.execute(older.order_by(_TABLE.c.id)).scalars())


def set_state(connection: Connection, node_id: str, state: NodeState) -> None:
    """What the operator wants of a node; raises Misuse if there is none of that id."""
    changed = sa.update(_TABLE).where(_TABLE.c.id == node_id).values(state=state)
    if connection.execute(changed).rowcount != 1:
        raise OperatorError(f"there is no node {node_id}")


def delete(connection: Connection, node_id: str) -> None:
    """Let its row go."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.id == node_id))


def count_by_state(connection: Connection, patience: timedelta) -> dict[str, int]:
    """How many nodes are active, draining and dead: for metrics."""
    now = get_database_time(connection)
    found = {"active": 0, "draining": 0, "dead": 0}
    for node in list_all(connection):
        found[node.state if node.is_alive(now, patience) else "dead"] += 1
    return found


def _from_row(row: sa.Row[Any]) -> NodeRecord:
    values = dict(row._mapping)
    return NodeRecord(**{**values, "state": NodeState(values["state"])})
