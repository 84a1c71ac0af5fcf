"""Bodies: read only as far as their sender has been judged, and never more of them than the budget allows."""

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, create_client, send_request
from tests.http_server.hostile_clients import UPLOAD_PATH, connect_from, measure_memory_mb, sign_head, wait_for_end
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import Tenant, create_two_tenants, make_a_law_wav

BODY_BYTES = 7_900_000
STRANGERS = ["no signature", "malformed", "unknown key", "too old", "too new", "a signed header is missing"]


@pytest.fixture(scope="module")
def roomy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server without lock-out."""
    with run_server(tmp_path_factory.mktemp("roomy"), lock_failures=0) as server:
        yield server


@pytest.fixture(scope="module")
def tenant(roomy_server: CcfsServer) -> Tenant:
    """An app of that server."""
    return create_two_tenants(roomy_server.node).acme


def build_stranger_head(client: ApiClient, kind: str, length: int = BODY_BYTES) -> bytes:
    """Return the head of an upload that its sender is not entitled to."""
    match kind:
        case "no signature":
            return f"POST {UPLOAD_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode()
        case "malformed":
            return sign_head(client, UPLOAD_PATH, length).replace(b"auth-v2/", b"auth-v3/")
        case "unknown key":
            return sign_head(replace(client, ak="nobody"), UPLOAD_PATH, length)
        case "too old":
            return sign_head(replace(client, age=timedelta(hours=1)), UPLOAD_PATH, length)
        case "too new":
            return sign_head(replace(client, age=timedelta(hours=-1)), UPLOAD_PATH, length)
        case _:
            return sign_head(client, UPLOAD_PATH, length).replace(b"/host/", b"/host;x-absent/")


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_rejected_before_its_body(roomy_server: CcfsServer, tenant: Tenant, kind: str) -> None:
    head = build_stranger_head(create_client(roomy_server, tenant), kind)
    with connect_from(roomy_server, "127.0.0.1") as stranger:
        stranger.sendall(head)
        assert stranger.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_that_expects_100_gets_401_at_once(roomy_server: CcfsServer, tenant: Tenant, kind: str) -> None:
    head = build_stranger_head(create_client(roomy_server, tenant), kind)
    with connect_from(roomy_server, "127.0.0.1") as stranger:
        stranger.sendall(head.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
        received, _ = wait_for_end(stranger)
    assert received.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in received


def test_a_stranger_that_sends_everything_first_sees_the_response(roomy_server: CcfsServer) -> None:
    assert send_request(roomy_server, "POST", UPLOAD_PATH, body=b"x" * (30 << 20)).status == 401


def test_a_connection_is_kept_after_a_small_body_of_a_stranger(roomy_server: CcfsServer) -> None:
    post = f"POST {UPLOAD_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabcde".encode()
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with connect_from(roomy_server, "127.0.0.1") as stranger:
        stranger.sendall(post * 3 + last)
        received, _ = wait_for_end(stranger)
    assert received.count(b"HTTP/1.1 401 ") == 3
    assert received.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("kind", ["no signature", "signed"])
def test_memory_does_not_grow_with_the_bodies_of_strangers(roomy_server: CcfsServer, tenant: Tenant, kind: str) -> None:
    client = create_client(roomy_server, tenant)
    head = sign_head(client, UPLOAD_PATH, BODY_BYTES) if kind == "signed" else build_stranger_head(client, kind)
    before = measure_memory_mb(roomy_server)
    with ExitStack() as stack:
        held = [stack.enter_context(connect_from(roomy_server, f"127.0.0.{2 + number % 5}")) for number in range(100)]
        threads = [Thread(target=send_most, args=(one, head)) for one in held]
        for thread in threads:
            thread.start()
        assert send_request(roomy_server, "GET", "/healthz").status == 200
        for thread in threads:
            thread.join()
        assert send_request(roomy_server, "GET", "/healthz").status == 200
        assert measure_memory_mb(roomy_server) - before < 150  # 100 bodies have 790 MB


def send_most(connection: socket.socket, head: bytes) -> None:
    """Send the head and all of the body but one byte, as far as the server takes it."""
    connection.settimeout(2)
    try:
        connection.sendall(head + b"a" * (BODY_BYTES - 1))
    except OSError:
        return


def test_uploads_wait_for_the_budget(tmp_path: Path) -> None:
    with run_server(tmp_path, http_body_budget_mb=8, http_body_budget_per_client_mb=8) as server:
        tenant = create_two_tenants(server.node).acme
        client = create_client(server, tenant)
        sound = base64.b64encode(make_a_law_wav(77, 600)[: 4 << 20]).decode()
        body, codes = client.build_body({"data": sound}), list[str]()
        target = f"{UPLOAD_PATH}?vdnId={tenant.vdn}"
        threads = [Thread(target=lambda: codes.append(client.post(target, body).result_code)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == ["0"] * 6


def test_an_upload_that_waits_too_long_for_the_budget_gets_503(tmp_path: Path) -> None:
    budget: dict[str, Any] = {
        "http_body_budget_mb": 8,
        "http_body_budget_per_client_mb": 8,
        "http_body_wait_seconds": 0.3,
    }
    with run_server(tmp_path, http_body_stall_seconds=60, **budget) as server, ExitStack() as stack:
        client = create_client(server, create_two_tenants(server.node).acme)
        held = stack.enter_context(connect_from(server, "127.0.0.2"))
        held.sendall(sign_head(client, UPLOAD_PATH, 7_900_000) + b"x")
        send_request(server, "GET", "/healthz")
        late = stack.enter_context(connect_from(server, "127.0.0.3"))
        late.sendall(sign_head(client, UPLOAD_PATH, 7_900_000))
        received, _ = wait_for_end(late)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in received
        small = client.request("downloadRecord", {"callId": "none"})  # a small body needs no budget
        assert small.result_code == "0300012"


def test_one_address_cannot_use_up_the_budget(tmp_path: Path) -> None:
    budget: dict[str, Any] = {
        "http_body_budget_mb": 24,
        "http_body_budget_per_client_mb": 8,
        "http_body_wait_seconds": 0.3,
    }
    with run_server(tmp_path, http_body_stall_seconds=60, **budget) as server, ExitStack() as stack:
        pair = create_two_tenants(server.node)
        client, other = create_client(server, pair.acme), create_client(server, pair.bolt)
        for _ in range(4):
            held = stack.enter_context(connect_from(server, "127.0.0.2"))
            held.sendall(sign_head(client, UPLOAD_PATH, 7_900_000) + b"x")
        send_request(server, "GET", "/healthz")
        sound = base64.b64encode(make_a_law_wav(3, 100)).decode()
        target = f"{BASE_PATH}ivr/uploadFile?vdnId={pair.bolt.vdn}"
        assert other.post(target, other.build_body({"data": sound})).result_code == "0"
