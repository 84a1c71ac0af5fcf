"""The cluster page: nodes and locations, draining and resuming them."""

import pytest

from tests.console.conftest import SignIn
from tests.server.ccfs_server import CcfsServer


@pytest.fixture(scope="module")
def other_nodes(console_server: CcfsServer) -> None:
    """Add a dead node, a live one, and two locations."""
    live = "strftime('%s', 'now') * 1000000"
    with console_server.node.database.write_transaction() as connection:
        for name, beat in (("dead-node", "0"), ("live-node", live)):
            values = f"'{name}', 'f', 'http://{name}:1', '0.1', '0001', 'active', 0, {beat}"
            columns = "id, folder, address, version, revision, state, started_at, heartbeat_at"
            connection.exec_driver_sql(f"INSERT INTO nodes ({columns}) VALUES ({values})")
        connection.exec_driver_sql(
            "INSERT INTO locations SELECT '77', 'disk', '/mnt/more', prefix, endpoint, region, is_virtual_hosted, "
            "is_conditional, '', false, false, created_at FROM locations WHERE id = '0'"
        )
        connection.exec_driver_sql("UPDATE change_counters SET value = value + 1 WHERE name = 'locations'")


def test_the_cluster_page_shows_nodes_and_locations(signed_in: SignIn, other_nodes: None) -> None:
    text = signed_in("olga").get_text("/console/cluster")
    assert "dead-node not responding" in text
    assert "live-node active 0:0" in text
    assert "77 ready disk /mnt/more" in text
    assert "0 accepting new files disk" in text


def test_a_location_is_drained_and_resumed_but_not_the_primary_one(signed_in: SignIn, other_nodes: None) -> None:
    olga, path = signed_in("olga"), "/console/cluster/location"
    assert olga.post(path, location="77", state="draining").status == 303
    assert "77 draining disk" in olga.get_text("/console/cluster")
    assert olga.post(path, location="77", state="active").status == 303
    assert "77 ready disk" in olga.get_text("/console/cluster")
    assert olga.post(path, location="0", state="draining").status == 400
    assert olga.post(path, location="78", state="draining").status == 404
    assert olga.post(path, location="77", state="gone").status == 404
    assert "Drained a location 77" in olga.get_text("/console/audit")


def test_a_node_is_drained_and_resumed_but_not_the_last_active_one(
    signed_in: SignIn, console_server: CcfsServer, other_nodes: None
) -> None:
    olga, path = signed_in("olga"), "/console/cluster/node"
    names = _list_node_ids(console_server) - {"dead-node", "live-node"}
    for name in names:  # of this server itself
        assert olga.post(path, node=name, state="draining").status == 303
    assert olga.post(path, node="live-node", state="draining").status == 400
    for name in names:
        assert olga.post(path, node=name, state="active").status == 303
    assert olga.post(path, node="live-node", state="draining").status == 303
    assert "live-node draining" in olga.get_text("/console/cluster")
    assert olga.post(path, node="live-node", state="active").status == 303
    assert olga.post(path, node="no-node", state="draining").status == 404
    assert "Resumed a node live-node" in olga.get_text("/console/audit")


def _list_node_ids(console: CcfsServer) -> set[str]:
    with console.node.database.read_transaction() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM nodes").scalars())
