"""Rows of nodes on both engines: whoever beats lives, by the database's clock; one id is one data folder's."""

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
ONE = NodeRecord(
    id="a",
    folder="0a1b2c3d",
    address="http://192.0.2.1:8480",
    version="0.1.0",
    revision="0001",
    started_at=NOW,
    heartbeat_at=NOW,
)


def register_node(database: Database, *found: NodeRecord) -> None:
    with database.write_transaction() as connection:
        for one in found:
            nodes.register(connection, one, LIVENESS_TIMEOUT)


def backdate_heartbeat(database: Database, node_id: str, since: timedelta) -> None:
    with database.write_transaction() as connection:
        then = nodes.get_database_time(connection) - since
        connection.execute(sa.update(schema.nodes).where(schema.nodes.c.id == node_id).values(heartbeat_at=then))


def list_nodes(database: Database) -> dict[str, NodeRecord]:
    with database.read_transaction() as connection:
        return {one.id: one for one in nodes.list_all(connection)}


def test_a_node_that_began_is_listed_as_it_is_by_the_databases_clock(database: Database) -> None:
    register_node(database, ONE)
    found = list_nodes(database)["a"]
    assert replace(found, started_at=NOW, heartbeat_at=NOW) == ONE
    with database.read_transaction() as connection:
        now = nodes.get_database_time(connection)
    assert now - 10 * SECOND < found.started_at == found.heartbeat_at <= now
    assert found.is_alive(now, LIVENESS_TIMEOUT)
    assert not found.is_alive(now + LIVENESS_TIMEOUT + SECOND, LIVENESS_TIMEOUT)


def test_a_beat_moves_the_heartbeat_alone(database: Database) -> None:
    register_node(database, ONE)
    backdate_heartbeat(database, "a", timedelta(hours=1))
    with database.write_transaction() as connection:
        now, state = nodes.record_heartbeat(connection, "a")
        assert nodes.record_heartbeat(connection, "nobody")[1] is None
    found = list_nodes(database)["a"]
    assert (found.heartbeat_at, state) == (now, NodeState.ACTIVE)
    assert found.started_at < now


def test_a_node_that_begins_again_stays_drained(database: Database) -> None:
    register_node(database, ONE)
    with database.write_transaction() as connection:
        nodes.set_state(connection, "a", NodeState.DRAINING)
    register_node(database, replace(ONE, address="http://192.0.2.9:1", version="0.2.0"))
    found = list_nodes(database)["a"]
    assert (found.state, found.address, found.version) == (NodeState.DRAINING, "http://192.0.2.9:1", "0.2.0")


def test_an_id_is_one_folders_while_that_lives(database: Database) -> None:
    register_node(database, ONE)
    with pytest.raises(OperatorError, match="CCFS_NODE must differ"):
        register_node(database, replace(ONE, folder="another"))
    backdate_heartbeat(database, "a", LIVENESS_TIMEOUT + SECOND)
    register_node(database, replace(ONE, folder="another"))
    assert list_nodes(database)["a"].folder == "another"


def test_nodes_are_counted_by_state_and_the_dead_apart(database: Database) -> None:
    register_node(database, *(replace(ONE, id=name, folder=name) for name in "abcd"))
    with database.write_transaction() as connection:
        for name in "ab":
            nodes.set_state(connection, name, NodeState.DRAINING)
    backdate_heartbeat(database, "a", LIVENESS_TIMEOUT + SECOND)
    with database.read_transaction() as connection:
        assert nodes.count_by_state(connection, LIVENESS_TIMEOUT) == {"active": 2, "draining": 1, "dead": 1}


def test_a_node_that_is_not_there_is_neither_drained_nor_found(database: Database) -> None:
    with database.write_transaction() as connection:
        with pytest.raises(OperatorError, match="there is no node a"):
            nodes.set_state(connection, "a", NodeState.DRAINING)
        assert nodes.find_by_id(connection, "a") is None


def test_a_node_that_is_forgotten_is_gone(database: Database) -> None:
    register_node(database, ONE, replace(ONE, id="b", folder="b"))
    with database.write_transaction() as connection:
        nodes.delete(connection, "a")
    assert list(list_nodes(database)) == ["b"]
