"""Time-outs: of the first byte, the head, the body, the response and the idle connection."""

import socket
import time

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, send_request
from tests.http_server.hostile_clients import UPLOAD_PATH, connect_from, sign_head, wait_for_end
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import Tenant, add_recording

LARGE_BYTES = 40 << 20  # more than the kernel buffers for a client that does not read
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
LATE_SECONDS = 8.0  # on a busy machine; every time-out of the server is below one second


def test_a_connection_without_a_byte_is_closed(strict_server: CcfsServer) -> None:
    with strict_server.connect() as silent:
        received, seconds = wait_for_end(silent)
    assert received == b""
    assert 0.3 < seconds < LATE_SECONDS


@pytest.mark.parametrize(
    "sent", [b"G", b"\r\n", b"PRI", b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"GET /healthz HTTP/1.1\r\nx: "]
)
def test_a_half_head_gets_408(strict_server: CcfsServer, sent: bytes) -> None:
    with strict_server.connect() as slow:
        slow.sendall(sent)
        received, seconds = wait_for_end(slow)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert 0.5 < seconds < LATE_SECONDS


def test_a_head_that_drips_gets_408(strict_server: CcfsServer) -> None:
    began = time.monotonic()
    with strict_server.connect() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nx: ")
        slow.settimeout(0.05)
        received = b""
        while not received and time.monotonic() - began < LATE_SECONDS:
            slow.sendall(b"y")
            try:
                received = slow.recv(100)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed(strict_server: CcfsServer) -> None:
    with strict_server.connect() as idle:
        idle.sendall(HEALTH)
        received, seconds = wait_for_end(idle)
    assert received.endswith(b'{"status":"ok"}')
    assert 0.7 < seconds < LATE_SECONDS


def test_an_idle_connection_may_be_used_again_in_time(strict_server: CcfsServer) -> None:
    with strict_server.connect() as idle:
        for _ in range(4):
            idle.sendall(HEALTH)
            assert idle.recv(1 << 12).endswith(b'{"status":"ok"}')
            time.sleep(0.3)


@pytest.mark.parametrize("sent", [b"", b"ten bytes!", b"x" * 100_000])
def test_a_body_that_stops_gets_408(strict_server: CcfsServer, client: ApiClient, sent: bytes) -> None:
    with strict_server.connect() as slow:
        slow.sendall(sign_head(client, UPLOAD_PATH, 200_000) + sent)
        received, seconds = wait_for_end(slow)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert 0.3 < seconds < LATE_SECONDS
    strict_server.wait_for_log_line("request_completed", operation="ivr/uploadFile", status=408)


def test_a_body_that_drips_below_the_least_rate_gets_408(strict_server: CcfsServer, client: ApiClient) -> None:
    began, received = time.monotonic(), b""
    with strict_server.connect() as slow:
        slow.sendall(sign_head(client, UPLOAD_PATH, 200_000))
        slow.settimeout(0.05)
        while not received and time.monotonic() - began < LATE_SECONDS:
            slow.sendall(b"y" * 20)
            try:
                received = slow.recv(100)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("kind", ["file", "zip"])
def test_a_client_that_does_not_read_its_response_is_disconnected(
    strict_server: CcfsServer, client: ApiClient, tenant: Tenant, kind: str
) -> None:
    call = f"1602728619-{kind}"
    blob = add_recording(
        strict_server.node, tenant.app, bytes(LARGE_BYTES), f"/0/1/r/{kind}", "Y:/4/0", call_id=call
    ).blob
    add_recording(strict_server.node, tenant.app, blob, f"/0/1/r/{kind}-2", "Y:/4/1", call_id=call)
    target = (
        ("downloadRecordFile", {"fileName": f"/0/1/r/{kind}"})
        if kind == "file"
        else ("downloadRecord", {"callId": call})
    )
    path, body = BASE_PATH + target[0], client.build_body(target[1])
    head = "".join(f"{name}: {value}\r\n" for name, value in client.sign_headers(path, body).items())
    with connect_from(strict_server, "127.0.0.1", 1 << 16) as stalled:
        stalled.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        strict_server.wait_for_log_line("request_completed", operation=target[0], status=499)
        received, _ = wait_for_end(stalled)
    assert len(received) < LARGE_BYTES


def test_a_slow_client_that_keeps_the_least_rate_gets_everything(
    strict_server: CcfsServer, client: ApiClient, tenant: Tenant
) -> None:
    name = "/0/1/r/slowly"
    add_recording(strict_server.node, tenant.app, bytes(12 << 20), name, "Y:/4/s", call_id="1602728619-slowly")
    path, body = f"{BASE_PATH}downloadRecordFile", client.build_body({"fileName": name})
    head = "".join(f"{header}: {value}\r\n" for header, value in client.sign_headers(path, body).items())
    size, began = 0, time.monotonic()
    with connect_from(strict_server, "127.0.0.1", 1 << 16) as slow:
        slow.sendall(f"POST {path} HTTP/1.1\r\n{head}connection: close\r\n\r\n".encode() + body)
        while piece := slow.recv(1 << 17):
            size += len(piece)
            time.sleep(0.02)
    assert size > 12 << 20
    assert time.monotonic() - began > 1.0  # several periods


def test_an_honest_client_is_served_beside_slow_ones(strict_server: CcfsServer) -> None:
    slow: list[socket.socket] = []
    try:
        for number in range(60):
            slow.append(strict_server.connect())
            slow[-1].sendall((b"", b"G", HEALTH)[number % 3])
        assert [send_request(strict_server, "GET", "/healthz").status for _ in range(20)] == [200] * 20
    finally:
        for one in slow:
            one.close()
