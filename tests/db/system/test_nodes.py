"""Rows of nodes on both engines: heartbeats by the database's clock, states, one data folder per id."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState
from tests.db.sample_rows import NOW, SECOND

LIVENESS_TIMEOUT = timedelta(seconds=30)
NODE = NodeRecord(
    id="a",
    folder="0a1b2c3d",
    address="http://192.0.2.1:8480",
    version="0.1.0",
    revision="0001",
    started_at=NOW,
    heartbeat_at=NOW,
)


def register_node(database: Database, *records: NodeRecord) -> None:
    with database.write_transaction() as connection:
        for record in records:
            nodes.register(connection, record, LIVENESS_TIMEOUT)


def backdate_heartbeat(database: Database, node_id: str, age: timedelta) -> None:
    with database.write_transaction() as connection:
        heartbeat_at = nodes.get_database_time(connection) - age
        connection.execute(
            sa.update(schema.nodes).where(schema.nodes.c.id == node_id).values(heartbeat_at=heartbeat_at)
        )


def list_nodes(database: Database) -> dict[str, NodeRecord]:
    with database.read_transaction() as connection:
        return {node.id: node for node in nodes.list_all(connection)}


def test_a_registered_node_is_listed_with_the_databases_time(database: Database) -> None:
    register_node(database, NODE)
    node = list_nodes(database)["a"]
    assert replace(node, started_at=NOW, heartbeat_at=NOW) == NODE
    with database.read_transaction() as connection:
        now = nodes.get_database_time(connection)
    assert now - 10 * SECOND < node.started_at == node.heartbeat_at <= now
    assert node.is_alive(now, LIVENESS_TIMEOUT)
    assert not node.is_alive(now + LIVENESS_TIMEOUT + SECOND, LIVENESS_TIMEOUT)


def test_a_heartbeat_changes_the_time_of_the_heartbeat_only(database: Database) -> None:
    register_node(database, NODE)
    backdate_heartbeat(database, "a", timedelta(hours=1))
    with database.write_transaction() as connection:
        now, state = nodes.record_heartbeat(connection, "a")
        assert nodes.record_heartbeat(connection, "unknown")[1] is None
    node = list_nodes(database)["a"]
    assert (node.heartbeat_at, state) == (now, NodeState.ACTIVE)
    assert node.started_at < now


def test_a_draining_node_that_restarts_keeps_draining(database: Database) -> None:
    register_node(database, NODE)
    with database.write_transaction() as connection:
        nodes.set_state(connection, "a", NodeState.DRAINING)
    register_node(database, replace(NODE, address="http://192.0.2.9:1", version="0.2.0"))
    node = list_nodes(database)["a"]
    assert (node.state, node.address, node.version) == (NodeState.DRAINING, "http://192.0.2.9:1", "0.2.0")


def test_an_id_belongs_to_one_data_folder_while_its_node_lives(database: Database) -> None:
    register_node(database, NODE)
    with pytest.raises(OperatorError, match="CCFS_NODE must differ"):
        register_node(database, replace(NODE, folder="another"))
    backdate_heartbeat(database, "a", LIVENESS_TIMEOUT + SECOND)
    register_node(database, replace(NODE, folder="another"))
    assert list_nodes(database)["a"].folder == "another"


def test_nodes_are_counted_by_state_and_dead_ones_separately(database: Database) -> None:
    register_node(database, *(replace(NODE, id=name, folder=name) for name in "abcd"))
    with database.write_transaction() as connection:
        for name in "ab":
            nodes.set_state(connection, name, NodeState.DRAINING)
    backdate_heartbeat(database, "a", LIVENESS_TIMEOUT + SECOND)
    with database.read_transaction() as connection:
        assert nodes.count_by_state(connection, LIVENESS_TIMEOUT) == {"active": 2, "draining": 1, "dead": 1}


def test_an_unknown_node_is_neither_drained_nor_found(database: Database) -> None:
    with database.write_transaction() as connection:
        with pytest.raises(OperatorError, match="there is no node a"):
            nodes.set_state(connection, "a", NodeState.DRAINING)
        assert nodes.find_by_id(connection, "a") is None


def test_a_deleted_node_is_no_longer_listed(database: Database) -> None:
    register_node(database, NODE, replace(NODE, id="b", folder="b"))
    with database.write_transaction() as connection:
        nodes.delete(connection, "a")
    assert list(list_nodes(database)) == ["b"]
