"""Jobs of a killed node pass to another node once their leases expire; a draining node claims none."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ccfs.db.job_queue import DELIVERIES, EXPORTS
from ccfs.db.system import tenants
from ccfs.model.exports.delivery import DeliveryState as Sent
from ccfs.model.exports.export import ExportKind, ExportState
from tests import databases
from tests.api.api_client import Reply, create_client
from tests.nodes.node_cluster import SHORT_LEASE_PROGRAM, NodeCluster, get_readiness, run_node_cluster
from tests.receivers import HANG, OK, run_receiver
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants, create_two_tenants
from tests.waiting import wait_until

EXPORT_LEASE, DELIVERY_LEASE = 2, 3  # seconds, of SHORT_LEASE_PROGRAM
SLACK_SECONDS = 25  # workers claim every second, and the machine may be busy; the default leases are longer
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59"}


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL database."""
    with databases.create_database(postgres_url) as database_url:
        yield database_url


@pytest.fixture
def node_cluster(url: str, tmp_path: Path) -> Iterator[NodeCluster]:
    """Nodes with short leases."""
    with run_node_cluster(tmp_path, url, SHORT_LEASE_PROGRAM, callback_retry_seconds=1) as cluster:
        yield cluster


def request_export(server: CcfsServer, tenant_pair: TwoTenants, url: str) -> str:
    """Request an export; return its responseId."""
    reply = create_client(server, tenant_pair.acme).request("queryBillData", {**DAY_PERIOD, "callBackURL": url})
    return str(reply.json["resultData"]["responseId"])


def read_export_counts(server: CcfsServer) -> dict[str, int]:
    with server.node.database.read_transaction() as connection:
        return EXPORTS.count_by_state(connection)


def read_delivery_counts(server: CcfsServer) -> dict[str, int]:
    with server.node.database.read_transaction() as connection:
        return DELIVERIES.count_by_state(connection)


def bind_callback(server: CcfsServer, tenant_pair: TwoTenants, prefix: str) -> None:
    with server.node.database.write_transaction() as connection:
        tenants.bind_callback(connection, tenant_pair.acme.app, prefix)
    time.sleep(1.1)  # maximal age of a tenant snapshot


def download_export(server: CcfsServer, tenant_pair: TwoTenants, response_id: str) -> Reply:
    with server.node.database.read_transaction() as connection:
        (name,) = connection.exec_driver_sql(f"SELECT file_name FROM exports WHERE response_id = '{response_id}'").one()
    return create_client(server, tenant_pair.acme).request("downloadBillFile", {"billFileName": name})


def test_an_export_of_a_killed_node_is_generated_by_another(node_cluster: NodeCluster, url: str) -> None:
    a = node_cluster["a"]
    tenant_pair = create_two_tenants(a.node)
    ready = read_export_counts(a)[ExportState.READY]
    with psycopg.connect(url.replace("+psycopg", "")) as lock:
        lock.execute("LOCK TABLE recordings IN ACCESS EXCLUSIVE MODE")  # the export worker waits for this lock
        response_id = request_export(a, tenant_pair, "http://127.0.0.1:9/")
        with a.node.database.engine.connect() as connection:
            wait_until(lambda: bool(connection.exec_driver_sql("SELECT 1 FROM exports WHERE lease <> ''").all()))
        b = node_cluster["b"]
        a.kill()
        died_at = time.monotonic()
    wait_until(lambda: read_export_counts(b)[ExportState.READY] == ready + 1)
    took = time.monotonic() - died_at
    assert took < EXPORT_LEASE + SLACK_SECONDS, took
    assert download_export(b, tenant_pair, response_id).body.startswith(b"PK")
    assert ExportKind.BILL in tenant_pair.acme.export_names


def test_a_callback_of_a_killed_node_is_sent_by_another(node_cluster: NodeCluster) -> None:
    a = node_cluster["a"]
    tenant_pair = create_two_tenants(a.node)
    with run_receiver(HANG, OK) as receiver:
        bind_callback(a, tenant_pair, receiver.prefix)
        request_export(a, tenant_pair, receiver.url)
        wait_until(lambda: len(receiver.received) == 1)
        b = node_cluster["b"]
        a.kill()
        died_at = time.monotonic()
        wait_until(lambda: read_delivery_counts(b).get(Sent.DELIVERED) == 1)
        took = time.monotonic() - died_at
        assert took < DELIVERY_LEASE + SLACK_SECONDS, took
        assert receiver.received[0].headers["webhook-id"] == receiver.received[1].headers["webhook-id"]


def test_a_draining_node_leaves_exports_and_callbacks_to_another(node_cluster: NodeCluster) -> None:
    a = node_cluster["a"]
    tenant_pair = create_two_tenants(a.node)
    with run_receiver() as receiver:
        bind_callback(a, tenant_pair, receiver.prefix)
        node_cluster.run_command("node", "drain", "a")
        wait_until(lambda: get_readiness(a) == (503, "draining"))
        a.wait_for_log_line("node_state", event="node draining")  # its workers are draining, too
        ready = read_export_counts(a)[ExportState.READY]
        response_id = request_export(a, tenant_pair, receiver.url)
        time.sleep(1.5)
        assert read_export_counts(a)[ExportState.READY] == ready
        b = node_cluster["b"]
        wait_until(lambda: read_delivery_counts(b).get(Sent.DELIVERED) == 1)
        assert download_export(a, tenant_pair, response_id).body == download_export(b, tenant_pair, response_id).body
