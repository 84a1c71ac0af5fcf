"""Node states: ten nodes that start at once, draining, death, removal, and the reports of /readyz and /metrics."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.db.engine import open_database
from tests.api.api_client import send_request
from tests.nodes.node_cluster import NodeCluster, get_readiness, run_node_cluster
from tests.server.ccfs_server import PROGRAM, CcfsServer
from tests.waiting import wait_until

NODES_AT_ONCE = {"sqlite": 3, "postgresql": 10}  # on SQLite: a server and concurrent ingests


@pytest.fixture
def node_cluster(tmp_path: Path) -> Iterator[NodeCluster]:
    """Nodes on a fresh database."""
    with run_node_cluster(tmp_path, f"sqlite:///{tmp_path / 'common.db'}") as cluster:
        yield cluster


@pytest.fixture
def each_node_cluster(database_url: str, tmp_path: Path) -> Iterator[NodeCluster]:
    """Nodes on a fresh database of each kind."""
    with run_node_cluster(tmp_path, database_url) as cluster:
        yield cluster


def read_metric(server: CcfsServer, name: str) -> float:
    text = send_request(server, "GET", "/metrics").body.decode()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_nodes_that_start_at_once_create_the_tables_once(empty_database_url: str, tmp_path: Path) -> None:
    together = NODES_AT_ONCE[empty_database_url.partition(":")[0].partition("+")[0]]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "CCFS_DATABASE_URL": empty_database_url,
    }
    command = [sys.executable, "-c", PROGRAM, "serve", "--listen", "127.0.0.1:0"]
    log = tmp_path / "log"
    with log.open("wb") as file:
        processes = [
            subprocess.Popen(
                command,
                env={**environment, "CCFS_NODE": f"n{number}", "CCFS_DATA": str(tmp_path / str(number))},
                stderr=file,
                start_new_session=True,
            )
            for number in range(together)
        ]
    database = open_database(empty_database_url)

    def begun() -> bool:
        assert all(node.poll() is None for node in processes), log.read_text()
        with database.read_transaction() as connection:
            return sa.inspect(connection).has_table("nodes") and _count_rows(connection, "nodes") == together

    try:
        wait_until(begun, 180)
        with database.read_transaction() as connection:
            assert _count_rows(connection, "alembic_version") == _count_rows(connection, "compatible_revision") == 1
    finally:
        for node in processes:
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()
        database.close()


def _count_rows(connection: sa.Connection, table: str) -> int:
    return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_nodes_are_listed_drained_resumed_and_removed_once_dead(each_node_cluster: NodeCluster) -> None:
    nodes = each_node_cluster
    a, b = nodes["a"], nodes["b"]
    rows = nodes.list_nodes()
    assert {name: (node["state"], node["alive"], node["address"]) for name, node in rows.items()} == {
        name: ("active", True, f"http://{server.host}") for name, server in (("a", a), ("b", b))
    }
    assert nodes.run_command("node", "drain", "b", "--json").json == {"node": "b", "state": "draining"}
    assert (get_readiness(a), get_readiness(b)) == ((200, "ready"), (503, "draining"))
    assert read_metric(a, 'ccfs_nodes{state="draining"}') == 1
    nodes.run_command("node", "resume", "b")
    wait_until(lambda: get_readiness(b) == (200, "ready"))
    assert "alive: stop it first" in nodes.run_command("node", "remove", "b").err
    b.kill()
    wait_until(lambda: read_metric(a, 'ccfs_nodes{state="dead"}') == 1)
    assert not nodes.list_nodes()["b"]["alive"]
    assert nodes.run_command("node", "remove", "b", "--json").json == {"removed": "b"}
    assert list(nodes.list_nodes()) == ["a"]
    assert nodes.run_command("node", "drain", "b").code == 1


def test_a_node_that_is_cut_off_from_its_disk_is_not_ready(node_cluster: NodeCluster) -> None:
    a = node_cluster["a"]
    assert get_readiness(a) == (200, "ready")
    temporary = a.node.settings.data / "files" / ".tmp"
    temporary.rmdir()
    wait_until(lambda: get_readiness(a) == (503, "primary location stores no bytes"))
    temporary.mkdir()
    wait_until(lambda: get_readiness(a) == (200, "ready"))


def test_web_processes_end_with_their_node(node_cluster: NodeCluster) -> None:
    a = node_cluster["a"]
    a.process.kill()  # the main process alone, as when memory runs out

    def is_gone() -> bool:
        with suppress(OSError), a.connect():
            return False
        return True

    wait_until(is_gone)
    assert a.process.wait(timeout=10) != 0
