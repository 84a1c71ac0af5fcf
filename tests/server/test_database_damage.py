"""A real server on a damaged SQLite file: it is not ready, and its log says why and what to do."""

import sqlite3
from pathlib import Path

from tests.api.api_client import create_client, send_request
from tests.server.ccfs_server import run_server
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

PAGE = 4096


def damage_index(file: Path, name: str) -> None:
    """Zero the root page of an index, as a disk that has lost a block returns it."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchone()
    connection.close()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * PAGE)
        opened.write(bytes(PAGE))


def test_a_damaged_database_makes_the_node_not_ready_and_is_logged(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        tenant = create_two_tenants(server.node).acme
        assert send_request(server, "GET", "/readyz").status == 200
    damage_index(tmp_path / "ccfs.db", "ix_recordings_app_call_id")
    with run_server(tmp_path) as server:
        line = server.wait_for_log_line("database_damaged")
        assert "restore a backup" in line["advice"]
        wait_until(lambda: send_request(server, "GET", "/readyz").status == 503, 10)
        assert send_request(server, "GET", "/readyz").json == {"status": "database is damaged"}
        assert send_request(server, "GET", "/healthz").status == 200
        client = create_client(server, tenant)
        reply = client.request("downloadRecord", {"callId": tenant.only_recording.call_id})
        assert reply.result_code == "0390005"
        failed = server.wait_for_log_line("database_failed", cause="damaged")
        assert "malformed" in failed["reason"]
        metrics = send_request(server, "GET", "/metrics").body.decode()
        assert 'ccfs_read_failures_total{cause="damaged",location="database"}' in metrics


def test_a_request_that_meets_damage_makes_the_node_not_ready_at_once(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        tenant = create_two_tenants(server.node).acme
        client = create_client(server, tenant)
        server.node.database.close()
        damage_index(tmp_path / "ccfs.db", "ix_recordings_app_call_id")
        replies = [client.request("downloadRecord", {"callId": tenant.only_recording.call_id}) for _ in range(2)]
        assert replies[-1].headers["content-type"].startswith("application/json")
        assert replies[-1].result_code == "0390005"
        wait_until(lambda: send_request(server, "GET", "/readyz").status == 503, 10)
        assert send_request(server, "GET", "/readyz").json == {"status": "database is damaged"}
