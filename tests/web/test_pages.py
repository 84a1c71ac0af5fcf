"""What operators and their systems look at: health, metrics, documentation and the log."""

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
from ccfs.db.system import tenants, users
from ccfs.db.tenant import bulk_downloads
from ccfs.model.bulk.bulk_download import BulkDownload, BulkRequest
from ccfs.protocol.error_codes import RESULT_CODES
from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests import servers
from tests.cast import Cast, Member, add_app, fill
from tests.web.callers import Caller, caller, send
from tests.web.serving import Server, serving

HOUR = timedelta(hours=1)
PAGES = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of which every request is known, so that it can be counted."""
    with serving(
        tmp_path_factory.mktemp("watched"), lock_failures=2, lock_seconds=60, trusted_proxies="127.0.0.1"
    ) as one:
        yield one


@pytest.fixture(scope="module")
def member(watched: Server) -> Member:
    """An app of it."""
    return fill(watched.node).acme


def metrics(server: Server) -> dict[str, float]:
    """Every sample by its name with labels."""
    lines = send(server, "GET", "/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_a_server_that_lives_says_so(server: Server) -> None:
    assert send(server, "GET", "/healthz").json == {"status": "ok"}
    assert send(server, "GET", "/readyz").json == {"status": "ready"}


def test_a_server_without_its_database_lives_but_is_not_ready(postgres_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with servers.database(postgres_url) as url:
            server = stack.enter_context(serving(tmp_path, database_url=url))
            add_app(server.node, "pg", "secret", 1)
            client = Caller(server=server, ak="PGAK0001", sk="secret")
            assert send(server, "GET", "/readyz").status == 200
            assert client.ask("downloadRecord", {"callId": "none"}).code == "0300012"
        ready = send(server, "GET", "/readyz")  # the database is dropped now
        assert (ready.status, ready.json) == (503, {"status": "database does not answer"})
        assert send(server, "GET", "/healthz").status == 200
        assert send(server, "GET", "/metrics").status == 200
        assert client.ask("downloadRecord", {"callId": "none"}).code == "0390005"
        assert send(server, "GET", f"{BASE_PATH}playVoice?st=x").code == "0390005"
        assert "Traceback" not in server.log_text()


def test_requests_bytes_and_refusals_are_counted(watched: Server, member: Member) -> None:
    acme = caller(watched, member)
    one = ("downloadRecordFile", {"fileName": member.one.file_name})
    before = metrics(watched)
    assert acme.ask(*one).status == 200
    assert acme.ask(*one, range="bytes=0-99").status == 206
    assert acme.ask("downloadRecord", {"callId": "none"}).code == "0300012"
    send(watched, "GET", BASE_PATH + "downloadRecord")
    send(watched, "GET", "/nowhere/" + "x" * 50)
    after = metrics(watched)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more('ccfs_requests_total{code="0",operation="downloadRecordFile",status="200"}') == 1
    assert more('ccfs_requests_total{code="0",operation="downloadRecordFile",status="206"}') == 1
    assert more('ccfs_requests_total{code="0300012",operation="downloadRecord",status="200"}') == 1
    assert more('ccfs_requests_total{code="",operation="downloadRecord",status="405"}') == 1
    assert more('ccfs_requests_total{code="",operation="other",status="404"}') == 1
    assert more('ccfs_sent_bytes_total{operation="downloadRecordFile"}') == member.one.blob.size + 100
    assert more('ccfs_request_seconds_count{operation="downloadRecordFile"}') == 2


def test_refusals_are_counted_by_reason(watched: Server, member: Member) -> None:
    acme = caller(watched, member)
    body = acme.body({})

    def behind(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{number}"}

    before = metrics(watched)
    send(watched, "POST", BASE_PATH + "downloadRecord", behind(1), body)
    send(watched, "POST", BASE_PATH + "downloadRecord", {**behind(2), "Authorization": "nonsense"}, body)
    for number, stranger in enumerate([replace(acme, sk="x"), replace(acme, ak="x"), replace(acme, age=HOUR)], 3):
        replace(stranger, headers=behind(number)).ask("downloadRecord", {})
    for _ in range(3):
        replace(acme, sk="x", headers=behind(9)).ask("downloadRecord", {})
    after = metrics(watched)
    name = 'ccfs_refusals_total{{reason="{}"}}'
    found = {
        reason: after.get(name.format(reason), 0) - before.get(name.format(reason), 0)
        for reason in ("no signature", "malformed", "signature", "unknown key", "clock", "locked")
    }
    assert found == {"no signature": 1, "malformed": 1, "signature": 3, "unknown key": 1, "clock": 1, "locked": 1}


def test_what_waits_to_be_made_is_counted_and_so_is_since_when(watched: Server, member: Member) -> None:
    node, now = watched.node, datetime.now(UTC)
    with node.database.write_transaction() as connection:
        user = users.add(connection, "emil", "", now)
        for number, state in enumerate(("due", "due", "ready", "failed")):
            asked_at = now - timedelta(minutes=5 - number)
            wanted = BulkDownload(
                id=f"{number:032x}",
                user_id=user.id,
                account_id="x",
                zone="UTC",
                request=BulkRequest(),
                requested_at=asked_at,
            )
            bulk_downloads.add(connection, tenants.get_app_by_ak(connection, member.ak), wanted)
            table = schema.bulk_downloads
            later = {"state": state, "due_at": now + HOUR}  # no worker takes it up
            connection.execute(table.update().where(table.c.id == wanted.id).values(**later))
    found = metrics(watched)
    states = {state: found[f'ccfs_selections{{state="{state}"}}'] for state in ("due", "ready", "failed")}
    assert states == {"due": 2, "ready": 1, "failed": 1}
    assert 300 <= found['ccfs_oldest_due_seconds{of="selections"}'] < 330
    assert found['ccfs_oldest_due_seconds{of="exports"}'] == 0


def test_no_metric_names_a_file_or_a_caller(watched: Server, member: Member) -> None:
    caller(watched, member).ask("downloadRecordFile", {"fileName": member.one.file_name})
    text = send(watched, "GET", "/metrics").body.decode()
    assert not any(word in text for word in (member.ak, member.one.file_name, "127.0.0.1", "203.0.113", "nowhere"))


def test_the_documentation_needs_no_network(server: Server) -> None:
    for path in ("/docs", "/openapi.json"):
        text = send(server, "GET", path).body.decode()
        assert "://" not in text
        assert not re.search(r"""(?:src|href|url)\s*[=(]\s*['"]?//""", text)
        assert "<script" not in text


def test_every_operation_and_every_code_is_described_for_people(server: Server) -> None:
    page = send(server, "GET", "/docs")
    assert page.headers["content-type"] == "text/html;charset=UTF-8"
    text = page.body.decode()
    for operation in OPERATIONS:
        assert f"<h2 id='{operation.name}'>" in text
        for field in operation.request_model.model_fields if operation.request_model else ():
            assert f"<code>{field}</code>" in text
    assert all(row.code in text for row in RESULT_CODES.values())


def test_every_operation_and_page_is_described_for_machines(server: Server) -> None:
    document = send(server, "GET", "/openapi.json").json
    assert document["openapi"].startswith("3.")
    named = {BASE_PATH + operation.name for operation in OPERATIONS}
    assert named | {"/healthz", "/readyz", "/metrics"} <= document["paths"].keys()
    for path in named:
        [(method, described)] = document["paths"][path].items()
        assert method == ("get" if path.endswith("playVoice") else "post")
        assert described["summary"]
        assert described["responses"]["200"]["content"]
    assert "$ref" not in json.dumps(document)


def test_a_request_is_one_line_of_json_with_its_id(acme: Caller, cast: Cast) -> None:
    reply = acme.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name})
    line = acme.server.logged("request_answered", request=reply.headers["x-request-id"])
    assert (line["operation"], line["status"], line["code"]) == ("downloadRecordFile", 200, "0")
    assert line["bytes"] == cast.acme.one.blob.size
    assert line["ms"] >= 0


def secrets_of(member: Member) -> list[str]:
    """What no log may hold."""
    numbers = [member.one.caller_no, member.one.callee_no]
    return [member.sk, member.token, member.old_token, *numbers]


def test_the_log_holds_no_secret_and_no_number(acme: Caller, bolt: Caller, cast: Cast) -> None:
    server = acme.server
    token = acme.ask("requestPlayVoice", {"fileName": cast.acme.one.original_file_name}).json["resultData"]["token"]
    for st in (token, cast.acme.token, cast.acme.old_token):
        send(server, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={st}")
        send(server, "POST", f"{BASE_PATH}playVoice?st={st}")
        send(server, "GET", f"/nowhere/{st}?st={st}")
    replace(acme, ak=cast.acme.sk).ask("downloadRecord", {"callId": "none"})
    signature = acme.signed(BASE_PATH + "downloadRecord", b"x")["Authorization"]
    send(server, "POST", BASE_PATH + "downloadRecord", {"Authorization": signature}, b"y")
    server.logged("request_answered", request=send(server, "GET", "/healthz").headers["x-request-id"])
    text = server.log_text()
    held = [word for word in (*secrets_of(cast.acme), *secrets_of(cast.bolt), token, signature[-64:]) if word in text]
    assert held == []
    assert bolt.sk not in text


def test_every_request_line_is_json(server: Server) -> None:
    for path in PAGES:
        server.logged("request_answered", request=send(server, "GET", path).headers["x-request-id"])
    plain = [line for line in server.log_text().splitlines() if not line.startswith("{")]
    to_people = ("ccfs listens on ", "The console has nobody yet.", "  http://127.0.0.1:")
    assert all(line.startswith((*to_people, "[INFO] ")) for line in plain if line)  # ours to people, and Granian's
    lines: list[dict[str, Any]] = server.log_lines("request_answered")
    assert {*PAGES} <= {line["operation"] for line in lines}
    assert all({"request", "operation", "status", "ms", "timestamp", "level"} <= line.keys() for line in lines)
    assert len({line["request"] for line in lines}) == len(lines)
