"""Heartbeats: they register a node, read whether it drains, and return the database's time whatever its own clock says."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.db.system import nodes
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeState
from ccfs.server.node import Node
from ccfs.server.worker_process import build_heartbeat
from ccfs.workers.heartbeat import Heartbeat


@pytest.fixture
def node(tmp_path: Path, database_url: str) -> Iterator[Node]:
    """A node on a fresh database of each engine."""
    node = Node(settings.load_settings({}, data=tmp_path / "one", database_url=database_url, node="one"))
    yield node
    node.database.close()


def get_state(node: Node) -> NodeState | None:
    with node.database.read_transaction() as connection:
        record = nodes.find_by_id(connection, node.id)
    return record.state if record else None


def test_a_heartbeat_registers_a_node_again_whose_row_was_deleted(node: Node) -> None:
    heartbeat = build_heartbeat(node, "http://192.0.2.1:8480")
    heartbeat.register()
    with node.database.write_transaction() as connection:
        nodes.delete(connection, "one")
    assert get_state(node) is None
    heartbeat.beat()
    assert get_state(node) is NodeState.ACTIVE


def test_a_heartbeat_reads_that_the_node_is_drained_and_resumed(node: Node) -> None:
    heartbeat = build_heartbeat(node, "")
    heartbeat.register()
    for state in (NodeState.DRAINING, NodeState.ACTIVE):
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, "one", state)
        heartbeat.beat()
        assert heartbeat.is_draining == node.is_draining() == (state is NodeState.DRAINING)


def test_time_goes_on_as_it_passes_whatever_the_clock_of_the_node_does(node: Node) -> None:
    passed = 1000.0
    heartbeat = Heartbeat(node.database, node.build_node_record(""), node.liveness_timeout, lambda: passed)
    heartbeat.register()
    with node.database.read_transaction() as connection:
        database_time = nodes.get_database_time(connection)
    first = heartbeat.now()
    assert abs(database_time - first) < timedelta(seconds=60)
    passed += 5
    assert heartbeat.now() - first == timedelta(seconds=5)


def test_a_node_with_the_name_of_another_data_folder_does_not_start(node: Node, tmp_path: Path) -> None:
    other = Node(
        settings.load_settings({}, data=tmp_path / "two", database_url=node.settings.effective_database_url, node="one")
    )
    build_heartbeat(node, "").register()
    with pytest.raises(OperatorError, match="CCFS_NODE must differ"):
        build_heartbeat(other, "").register()
    other.database.close()


def test_a_data_folder_keeps_its_node_name(tmp_path: Path) -> None:
    def named(folder: Path, **given: str) -> str:
        return Node(settings.load_settings({}, data=folder, **given)).id

    common = f"sqlite:///{tmp_path / 'common.db'}"
    (name,) = {named(tmp_path / "one", database_url=common) for _ in range(3)}
    assert len(name) == 8
    assert named(tmp_path / "other", database_url=common, node="north-1") == "north-1"
    assert named(tmp_path / "other", database_url=common) == "north-1"
    with pytest.raises(OperatorError, match="this data folder is node north-1's"):
        named(tmp_path / "other", database_url=common, node="north-2")
    assert named(tmp_path / "one") == named(tmp_path / "other") == "local"
