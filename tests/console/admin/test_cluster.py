"""The cluster page: nodes and locations, draining and resuming them."""

from pathlib import Path

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
    assert "live-node active" in text
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


def test_a_location_is_added_once_a_file_can_be_stored_there_and_removed_once_it_is_empty(
    signed_in: SignIn, console_server: CcfsServer, tmp_path: Path
) -> None:
    olga, path = signed_in("olga"), "/console/cluster/location"
    folder = tmp_path / "more"
    folder.mkdir()
    disk = {"location": "88", "kind": "disk", "root": str(folder)}
    (tmp_path / "file").write_text("")
    for wrong in ({"location": "x"}, {"kind": "peer"}, {"root": "more"}, {"root": str(tmp_path / "file")}):
        assert olga.post(f"{path}/add", **disk | wrong).status == 400
    assert olga.post(f"{path}/add", **disk, password="a wrong password").status in (400, 401)
    assert olga.post(f"{path}/add", **disk).status == 303
    assert olga.post(f"{path}/add", **disk).status == 400
    assert f"88 ready disk {folder}" in olga.get_text("/console/cluster")
    assert olga.post(f"{path}/remove", location="88").status == 400  # it does not drain
    assert olga.post(path, location="88", state="draining").status == 303
    statement = 'INSERT INTO orphaned_blobs (location_id, "key", owner_table, owner_row, app, lease, due_at) '
    with console_server.node.database.write_transaction() as connection:
        connection.exec_driver_sql(f"{statement} VALUES ('88', 'k', 'recordings', '1 x', 1, '', 4102444800000000)")
    assert olga.post(f"{path}/remove", location="88").status == 400  # a file is still to be deleted there
    with console_server.node.database.write_transaction() as connection:
        connection.exec_driver_sql("DELETE FROM orphaned_blobs WHERE location_id = '88'")
    assert olga.post(f"{path}/remove", location="88").status == 303
    assert olga.post(f"{path}/remove", location="88").status == 404
    assert "Removed a location 88" in olga.get_text("/console/audit?action=changes")


def test_a_dead_node_is_removed_but_no_live_one_and_none_with_files(
    signed_in: SignIn, console_server: CcfsServer, other_nodes: None
) -> None:
    olga, path = signed_in("olga"), "/console/cluster/node/remove"
    own = _list_node_ids(console_server) - {"dead-node", "live-node"}
    for name in own:
        assert olga.post(path, node=name).status == 400
    assert olga.post(path, node="no-node").status == 404
    with console_server.node.database.write_transaction() as connection:
        connection.exec_driver_sql("UPDATE locations SET node = 'dead-node' WHERE id = '77'")
        connection.exec_driver_sql(
            'INSERT INTO orphaned_blobs (location_id, "key", owner_table, owner_row, app, lease, due_at)'
            " VALUES ('77', 'k', 'recordings', '1 x', 1, '', 4102444800000000)"
        )
    assert olga.post(path, node="dead-node").status == 400
    with console_server.node.database.write_transaction() as connection:
        connection.exec_driver_sql("DELETE FROM orphaned_blobs WHERE location_id = '77'")
    assert olga.post(path, node="dead-node").status == 303
    assert "dead-node" not in olga.get_text("/console/cluster").partition("Locations")[0]


def _list_node_ids(console: CcfsServer) -> set[str]:
    with console.node.database.read_transaction() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM nodes").scalars())
