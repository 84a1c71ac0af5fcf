"""Work of a node that is killed goes to another one when its leases end; a node that drains takes none."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ccfs.db.system import tenants
from ccfs.db.tenant import deliveries, exports
from ccfs.model.exports.delivery import DeliveryState as Sent
from ccfs.model.exports.export import ExportKind, ExportState
from tests import servers
from tests.cast import Cast, fill
from tests.nodes.cluster import QUICK, Cluster, cluster, readiness, until
from tests.receivers import HANGS, OK, receiver
from tests.web.callers import Reply, caller
from tests.web.serving import Server

EXPORT_LEASE, DELIVERY_LEASE = 2, 3  # seconds, of cluster.QUICK
SLACK = 25  # seconds: claims come every second, and the machine may be busy; the leases as a node has them are longer
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """Of a PostgreSQL database."""
    with servers.database(postgres_url) as one:
        yield one


@pytest.fixture
def nodes(url: str, tmp_path: Path) -> Iterator[Cluster]:
    """Nodes with short leases."""
    with cluster(tmp_path, url, QUICK, callback_retry_seconds=1) as found:
        yield found


def ask(server: Server, cast: Cast, url: str) -> str:
    """Ask for an export; its responseId."""
    reply = caller(server, cast.acme).ask("queryBillData", {**DAY, "callBackURL": url})
    return str(reply.json["resultData"]["responseId"])


def made(server: Server) -> dict[str, int]:
    with server.node.database.read_transaction() as connection:
        return exports.count_by_state(connection)


def sent(server: Server) -> dict[str, int]:
    with server.node.database.read_transaction() as connection:
        return deliveries.count_by_state(connection)


def bind(server: Server, cast: Cast, prefix: str) -> None:
    with server.node.database.write_transaction() as connection:
        tenants.bind_callback(connection, cast.acme.app, prefix)
    time.sleep(1.1)  # a picture of tenancy may be so old


def download(server: Server, cast: Cast, response_id: str) -> Reply:
    with server.node.database.read_transaction() as connection:
        (name,) = connection.exec_driver_sql(f"SELECT file_name FROM exports WHERE response_id = '{response_id}'").one()
    return caller(server, cast.acme).ask("downloadBillFile", {"billFileName": name})


def test_an_export_of_a_killed_node_is_made_by_another(nodes: Cluster, url: str) -> None:
    a = nodes["a"]
    cast = fill(a.node)
    ready = made(a)[ExportState.READY]
    with psycopg.connect(url.replace("+psycopg", "")) as lock:
        lock.execute("LOCK TABLE recordings IN ACCESS EXCLUSIVE MODE")  # whoever makes the export waits here
        response_id = ask(a, cast, "http://127.0.0.1:9/")
        with a.node.database.engine.connect() as connection:
            until(lambda: bool(connection.exec_driver_sql("SELECT 1 FROM exports WHERE lease <> ''").all()))
        b = nodes["b"]
        a.kill()
        died_at = time.monotonic()
    until(lambda: made(b)[ExportState.READY] == ready + 1)
    took = time.monotonic() - died_at
    assert took < EXPORT_LEASE + SLACK, took
    assert download(b, cast, response_id).body.startswith(b"PK")
    assert ExportKind.BILL in cast.acme.exports


def test_a_callback_of_a_killed_node_is_sent_by_another(nodes: Cluster) -> None:
    a = nodes["a"]
    cast = fill(a.node)
    with receiver(HANGS, OK) as there:
        bind(a, cast, there.prefix)
        ask(a, cast, there.url)
        until(lambda: len(there.received) == 1)
        b = nodes["b"]
        a.kill()
        died_at = time.monotonic()
        until(lambda: sent(b).get(Sent.DELIVERED) == 1)
        took = time.monotonic() - died_at
        assert took < DELIVERY_LEASE + SLACK, took
        assert there.received[0].headers["webhook-id"] == there.received[1].headers["webhook-id"]


def test_a_node_that_drains_makes_and_sends_nothing_and_another_does(nodes: Cluster) -> None:
    a = nodes["a"]
    cast = fill(a.node)
    with receiver() as there:
        bind(a, cast, there.prefix)
        nodes.command("node", "drain", "a")
        until(lambda: readiness(a) == (503, "draining"))
        a.logged("node_state", event="drains")  # its work heard it, too
        ready = made(a)[ExportState.READY]
        response_id = ask(a, cast, there.url)
        time.sleep(1.5)
        assert made(a)[ExportState.READY] == ready
        b = nodes["b"]
        until(lambda: sent(b).get(Sent.DELIVERED) == 1)
        assert download(a, cast, response_id).body == download(b, cast, response_id).body
