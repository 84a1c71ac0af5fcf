"""A node's heart: it beats, hears that it is drained, and tells the database's time however wrong its own clock is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.db.system import nodes
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeState
from ccfs.server.node import Node
from ccfs.server.worker_process import build_heartbeat as heart_of
from ccfs.workers.heartbeat import Heartbeat


@pytest.fixture
def node(tmp_path: Path, database_url: str) -> Iterator[Node]:
    """A node on a fresh database of each kind."""
    one = Node(settings.load_settings({}, data=tmp_path / "one", database_url=database_url, node="one"))
    yield one
    one.database.close()


def get_state(node: Node) -> NodeState | None:
    with node.database.read_transaction() as connection:
        found = nodes.find_by_id(connection, node.id)
    return found.state if found else None


def test_it_beats_and_is_made_anew_where_it_was_removed(node: Node) -> None:
    heart = heart_of(node, "http://192.0.2.1:8480")
    heart.register()
    with node.database.write_transaction() as connection:
        nodes.delete(connection, "one")
    assert get_state(node) is None
    heart.beat()
    assert get_state(node) is NodeState.ACTIVE


def test_it_hears_that_it_is_drained_and_resumed(node: Node) -> None:
    heart = heart_of(node, "")
    heart.register()
    for state in (NodeState.DRAINING, NodeState.ACTIVE):
        with node.database.write_transaction() as connection:
            nodes.set_state(connection, "one", state)
        heart.beat()
        assert heart.is_draining == node.is_draining() == (state is NodeState.DRAINING)


@pytest.mark.parametrize("wrong", [timedelta(hours=-3), timedelta(minutes=2)])
def test_a_wrong_clock_does_not_matter(node: Node, wrong: timedelta) -> None:
    right = heart_of(node, "")
    heart = Heartbeat(node.database, right._node, node.liveness_timeout, lambda: datetime.now(UTC) + wrong)
    heart.register()
    right.register()
    difference = abs(heart.now() - right.now())
    assert difference < timedelta(seconds=60) if not node.database.is_sqlite else difference <= abs(wrong)


def test_the_same_name_on_another_data_folder_does_not_begin(node: Node, tmp_path: Path) -> None:
    other = Node(
        settings.load_settings({}, data=tmp_path / "two", database_url=node.settings.effective_database_url, node="one")
    )
    heart_of(node, "").register()
    with pytest.raises(OperatorError, match="CCFS_NODE must differ"):
        heart_of(other, "").register()
    other.database.close()


def test_a_data_folder_has_one_name_for_good(tmp_path: Path) -> None:
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
