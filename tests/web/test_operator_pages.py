"""Pages and logs for operators and their systems: health, metrics, documentation, the request log."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.system.console import users
from ccfs.db.tenant import bulk_downloads
from ccfs.model.bulk.bulk_download import BulkDownload, BulkRequest
from ccfs.protocol.error_codes import RESULT_CODES
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests import databases
from tests.api.api_client import ApiClient, create_client, send_request
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import Tenant, TwoTenants, add_app, create_two_tenants
from tests.waiting import wait_until

HOUR = timedelta(hours=1)
PAGES = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def counted_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server of its own, so that tests know every request that it counts."""
    with run_server(
        tmp_path_factory.mktemp("watched"), lock_failures=2, lock_seconds=60, trusted_proxies="127.0.0.1"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def tenant(counted_server: CcfsServer) -> Tenant:
    """An app of that server."""
    return create_two_tenants(counted_server.node).acme


def read_metrics(server: CcfsServer) -> dict[str, float]:
    """Return every sample by its name with labels."""
    lines = send_request(server, "GET", "/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_a_live_server_is_healthy(server: CcfsServer) -> None:
    assert send_request(server, "GET", "/healthz").json == {"status": "ok"}
    assert send_request(server, "GET", "/readyz").json == {"status": "ready"}


def test_a_server_without_its_database_is_live_but_not_ready(postgres_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with databases.create_database(postgres_url) as url:
            server = stack.enter_context(run_server(tmp_path, database_url=url))
            add_app(server.node, "pg", "secret", 1)
            client = ApiClient(server=server, ak="PGAK0001", sk="secret")
            assert send_request(server, "GET", "/readyz").status == 200
            assert client.request("downloadRecord", {"callId": "none"}).result_code == "0300012"
        wait_until(lambda: send_request(server, "GET", "/readyz").status == 503, 10)  # a result counts for a second
        ready = send_request(server, "GET", "/readyz")  # the database is dropped by now
        assert (ready.status, ready.json) == (503, {"status": "database does not respond"})
        assert send_request(server, "GET", "/healthz").status == 200
        assert send_request(server, "GET", "/metrics").status == 200
        assert client.request("downloadRecord", {"callId": "none"}).result_code == "0390005"
        assert send_request(server, "GET", f"{BASE_PATH}playVoice?st=x").result_code == "0390005"
        assert "Traceback" not in server.read_log()


def test_requests_and_bytes_are_counted(counted_server: CcfsServer, tenant: Tenant) -> None:
    acme = create_client(counted_server, tenant)
    request = ("downloadRecordFile", {"fileName": tenant.only_recording.file_name})
    before = read_metrics(counted_server)
    assert acme.request(*request).status == 200
    assert acme.request(*request, range="bytes=0-99").status == 206
    assert acme.request("downloadRecord", {"callId": "none"}).result_code == "0300012"
    send_request(counted_server, "GET", BASE_PATH + "downloadRecord")
    send_request(counted_server, "GET", "/nowhere/" + "x" * 50)
    after = read_metrics(counted_server)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more('ccfs_requests_total{code="0",operation="downloadRecordFile",status="200"}') == 1
    assert more('ccfs_requests_total{code="0",operation="downloadRecordFile",status="206"}') == 1
    assert more('ccfs_requests_total{code="0300012",operation="downloadRecord",status="200"}') == 1
    assert more('ccfs_requests_total{code="",operation="downloadRecord",status="405"}') == 1
    assert more('ccfs_requests_total{code="",operation="other",status="404"}') == 1
    assert more('ccfs_sent_bytes_total{operation="downloadRecordFile"}') == tenant.only_recording.blob.size + 100
    assert more('ccfs_request_seconds_count{operation="downloadRecordFile"}') == 2


def test_unauthorised_requests_are_counted_by_reason(counted_server: CcfsServer, tenant: Tenant) -> None:
    acme = create_client(counted_server, tenant)
    body = acme.build_body({})

    def behind(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{number}"}

    before = read_metrics(counted_server)
    send_request(counted_server, "POST", BASE_PATH + "downloadRecord", behind(1), body)
    send_request(counted_server, "POST", BASE_PATH + "downloadRecord", {**behind(2), "Authorization": "nonsense"}, body)
    for number, client in enumerate([replace(acme, sk="x"), replace(acme, ak="x"), replace(acme, age=HOUR)], 3):
        replace(client, headers=behind(number)).request("downloadRecord", {})
    for _ in range(3):
        replace(acme, sk="x", headers=behind(9)).request("downloadRecord", {})
    after = read_metrics(counted_server)
    name = 'ccfs_unauthorized_requests_total{{reason="{}"}}'
    counts = {
        reason: after.get(name.format(reason), 0) - before.get(name.format(reason), 0)
        for reason in ("no signature", "malformed", "signature", "unknown key", "clock", "locked")
    }
    assert counts == {"no signature": 1, "malformed": 1, "signature": 3, "unknown key": 1, "clock": 1, "locked": 1}


def test_bulk_downloads_are_counted_by_state_with_the_oldest_due(counted_server: CcfsServer, tenant: Tenant) -> None:
    node, now = counted_server.node, datetime.now(UTC)
    with node.database.write_transaction() as connection:
        user = users.add(connection, "emil", "", now)
        for number, state in enumerate(("due", "due", "ready", "failed")):
            requested_at = now - timedelta(minutes=5 - number)
            bulk_download = BulkDownload(
                id=f"{number:032x}",
                user_id=user.id,
                account_id="x",
                zone="UTC",
                request=BulkRequest(),
                requested_at=requested_at,
            )
            bulk_downloads.add(connection, tenants.get_app_by_ak(connection, tenant.ak), bulk_download)
            table = schema.bulk_downloads
            later = {"state": state, "due_at": now + HOUR}  # no worker claims it
            connection.execute(table.update().where(table.c.id == bulk_download.id).values(**later))
    counts = read_metrics(counted_server)
    states = {state: counts[f'ccfs_bulk_downloads{{state="{state}"}}'] for state in ("due", "ready", "failed")}
    assert states == {"due": 2, "ready": 1, "failed": 1}
    assert 300 <= counts['ccfs_oldest_due_seconds{job="bulk_downloads"}'] < 330
    assert counts['ccfs_oldest_due_seconds{job="exports"}'] == 0


def test_no_metric_names_a_file_or_a_client(counted_server: CcfsServer, tenant: Tenant) -> None:
    create_client(counted_server, tenant).request("downloadRecordFile", {"fileName": tenant.only_recording.file_name})
    text = send_request(counted_server, "GET", "/metrics").body.decode()
    assert not any(
        word in text for word in (tenant.ak, tenant.only_recording.file_name, "127.0.0.1", "203.0.113", "nowhere")
    )


def test_the_documentation_needs_no_network(server: CcfsServer) -> None:
    for path in ("/docs", "/openapi.json"):
        text = send_request(server, "GET", path).body.decode()
        assert "://" not in text
        assert not re.search(r"""(?:src|href|url)\s*[=(]\s*['"]?//""", text)
        assert "<script" not in text


def test_the_docs_page_describes_every_operation_and_code(server: CcfsServer) -> None:
    page = send_request(server, "GET", "/docs")
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert page.headers["content-type"] == "text/html;charset=UTF-8"
    text = page.body.decode()
    for operation in OPERATIONS:
        assert f"<h2 id='{operation.name}'>" in text
        for field in operation.request_model.model_fields if operation.request_model else ():
            assert f"<code>{field}</code>" in text
    assert all(row.code in text for row in RESULT_CODES.values())


def test_the_openapi_document_describes_every_operation_and_page(server: CcfsServer) -> None:
    document = send_request(server, "GET", "/openapi.json").json
    assert document["openapi"].startswith("3.")
    named = {BASE_PATH + operation.name for operation in OPERATIONS}
    assert named | {"/healthz", "/readyz", "/metrics"} <= document["paths"].keys()
    for path in named:
        [(method, described)] = document["paths"][path].items()
        assert method == ("get" if path.endswith("playVoice") else "post")
        assert described["summary"]
        assert described["responses"]["200"]["content"]
    assert "$ref" not in json.dumps(document)


def test_a_request_is_one_line_of_json_with_its_id(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    reply = acme_client.request("downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name})
    line = acme_client.server.wait_for_log_line("request_completed", request=reply.headers["x-request-id"])
    assert (line["operation"], line["status"], line["code"]) == ("downloadRecordFile", 200, "0")
    assert line["bytes"] == tenant_pair.acme.only_recording.blob.size
    assert line["ms"] >= 0


def list_secrets(member: Tenant) -> list[str]:
    """Return what no log may contain."""
    numbers = [member.only_recording.caller_no, member.only_recording.callee_no]
    return [member.sk, member.play_token, member.expired_play_token, *numbers]


def test_the_log_holds_no_secret_and_no_number(
    acme_client: ApiClient, bolt_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    server = acme_client.server
    token = acme_client.request(
        "requestPlayVoice", {"fileName": tenant_pair.acme.only_recording.original_file_name}
    ).json["resultData"]["token"]
    for st in (token, tenant_pair.acme.play_token, tenant_pair.acme.expired_play_token):
        send_request(server, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={st}")
        send_request(server, "POST", f"{BASE_PATH}playVoice?st={st}")
        send_request(server, "GET", f"/nowhere/{st}?st={st}")
    replace(acme_client, ak=tenant_pair.acme.sk).request("downloadRecord", {"callId": "none"})
    signature = acme_client.sign_headers(BASE_PATH + "downloadRecord", b"x")["Authorization"]
    send_request(server, "POST", BASE_PATH + "downloadRecord", {"Authorization": signature}, b"y")
    server.wait_for_log_line(
        "request_completed", request=send_request(server, "GET", "/healthz").headers["x-request-id"]
    )
    text = server.read_log()
    leaked = [
        word
        for word in (*list_secrets(tenant_pair.acme), *list_secrets(tenant_pair.bolt), token, signature[-64:])
        if word in text
    ]
    assert leaked == []
    assert bolt_client.sk not in text


def test_every_request_line_is_json(server: CcfsServer) -> None:
    for path in PAGES:
        server.wait_for_log_line("request_completed", request=send_request(server, "GET", path).headers["x-request-id"])
    plain = [line for line in server.read_log().splitlines() if not line.startswith("{")]
    to_people = ("ccfs listens on ", "The console has no users yet.", "  http://127.0.0.1:")
    assert all(line.startswith(to_people) for line in plain if line)
    lines: list[dict[str, Any]] = server.read_log_lines("request_completed")
    assert {*PAGES} <= {line["operation"] for line in lines}
    assert all({"request", "operation", "status", "ms", "timestamp", "level"} <= line.keys() for line in lines)
    assert len({line["request"] for line in lines}) == len(lines)
