"""One connection, its requests and responses: order, bodies, lengths, the end."""

import asyncio
import os
import threading
import time
import tracemalloc
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ccfs.http_server.connections.connection import Connection
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import MAX_READ_AHEAD_BYTES
from ccfs.http_server.requests import body as body_module
from ccfs.http_server.requests.body import IncomingBody
from ccfs.web.request import build_request
from tests.http_server.small_server import receive_all, run_small_server

GET = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
POST = b"POST /%s HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
MAX_BODY_BYTES = 1 << 20


async def echo(exchange: Exchange) -> None:
    """Respond with the path and the body; reject what is sent to /rejected without reading it."""
    if exchange.head.path == "/rejected":
        exchange.send_empty(401, [])
        return
    body = exchange.head.path.encode() + await exchange.read_body(MAX_BODY_BYTES)
    exchange.send_bytes(200, [("content-length", str(len(body)))], body)


async def stream_wrongly(exchange: Exchange) -> None:
    """Respond with a stream of as many bytes as the path says, and announce ten."""
    if exchange.head.path == "/last":
        exchange.send_empty(404, [])
        return
    try:
        await exchange.start_stream(200, [("content-length", "10")])
        await exchange.write(b"a" * int(exchange.head.path[1:]))
        await exchange.end_stream()
    except ValueError:
        exchange.abort()


def test_a_client_that_ends_its_half_gets_all_responses() -> None:
    with run_small_server(echo) as server:
        received = server.send(b"".join(GET % number for number in range(50)), ends=True)
    assert [part.split(b"\r\n\r\n")[1] for part in received.split(b"HTTP/1.1 200 ")[1:]] == [
        b"/%d" % number for number in range(50)
    ]


@pytest.mark.parametrize("size", [0, 9, 11, 20])
def test_nothing_follows_a_stream_of_another_length_than_announced(size: int) -> None:
    with run_small_server(stream_wrongly) as server, server.connect() as connection:
        connection.sendall(GET % size + LAST)
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionResetError:
            pass
    assert received.count(b"HTTP/1.1 ") <= 1
    assert len(received.partition(b"\r\n\r\n")[2]) < 10


def test_a_stream_of_the_announced_length_is_followed_by_the_next_response() -> None:
    with run_small_server(stream_wrongly) as server:
        received = server.send(GET % 10 + LAST)
    assert received.count(b"a" * 10 + b"HTTP/1.1 404 ") == 1


def test_a_body_that_is_wanted_is_asked_for_once() -> None:
    with run_small_server(echo) as server, server.connect() as connection:
        connection.sendall(POST % b"wanted")
        assert connection.recv(1 << 10) == CONTINUE
        connection.sendall(b"abcde" + LAST)
        received = receive_all(connection)
    assert CONTINUE not in received
    assert b"\r\n\r\n/wantedabcde" in received
    assert received.endswith(b"/last")


def test_a_body_that_is_there_is_not_asked_for() -> None:
    with run_small_server(echo) as server:
        received = server.send(POST % b"wanted" + b"abcde" + LAST)
    assert CONTINUE not in received
    assert received.count(b"HTTP/1.1 200 ") == 2


def test_a_client_that_sends_its_body_unasked_sees_the_rejection() -> None:
    post = (POST % b"rejected").replace(b": 5\r", b": 3000000\r")
    with run_small_server(echo) as server, server.connect() as connection:
        connection.sendall(post)
        time.sleep(0.1)  # the response is under way
        connection.sendall(b"a" * 1_000_000)
        received = receive_all(connection)
    assert received.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_in_tiny_pieces_takes_no_more_memory_than_its_size(*, is_chunked: bool) -> None:
    count = 200_000
    body = IncomingBody(0 if is_chunked else 2 * count, is_chunked, lambda: None)
    piece = b"2\r\nab\r\n" if is_chunked else b"ab"
    tracemalloc.start()
    try:
        for _ in range(count):
            assert body.feed(piece) == b""
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    taken = snapshot.filter_traces([tracemalloc.Filter(True, body_module.__file__)])  # other threads allocate, too
    assert body.size == 2 * count
    assert body.size <= sum(trace.size for trace in taken.traces) < 2 * body.size


def test_a_file_follows_a_response_that_waits_for_a_slow_client(tmp_path: Path) -> None:
    path, content = tmp_path / "file", os.urandom(2_000_000)
    path.write_bytes(content)

    async def respond(exchange: Exchange) -> None:
        if exchange.head.path != "/last":
            exchange.send_bytes(200, [("content-length", "50000")], b"a" * 50_000)
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            await exchange.send_file(200, [("content-length", str(len(content)))], descriptor, 0, len(content))
        finally:
            os.close(descriptor)

    with run_small_server(respond) as server, server.connect(receive_bytes=1 << 12) as connection:
        connection.sendall(b"".join(GET % number for number in range(200)) + LAST)
        time.sleep(0.5)  # until the responses fill the buffers
        received = receive_all(connection)
    assert received.count(b"HTTP/1.1 200 ") == 201
    assert received.endswith(b"\r\n\r\n" + content)


def test_a_client_of_ipv6_counts_by_its_network() -> None:
    async def respond(exchange: Exchange) -> None:
        address = build_request(exchange, "").get_client_address(()).encode()
        exchange.send_bytes(200, [("content-length", str(len(address)))], address)

    with run_small_server(respond, "::1") as server:
        assert server.send(LAST).endswith(b"\r\n\r\n::/64")


def test_connections_that_the_kernel_has_accepted_are_served_before_the_drain_ends() -> None:
    is_busy, may_go_on = threading.Event(), threading.Event()

    async def respond(exchange: Exchange) -> None:
        if exchange.head.path == "/first":
            is_busy.set()
            may_go_on.wait(30)  # the event loop accepts nothing meanwhile
            server.stopping.set()
        exchange.send_empty(204, [])

    with run_small_server(respond) as server, server.connect() as first, ExitStack() as stack:
        first.sendall(LAST.replace(b"last", b"first"))
        assert is_busy.wait(30)
        waiting = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in waiting:
            connection.sendall(GET % 2)
        may_go_on.set()
        for connection in waiting:
            assert receive_all(connection).startswith(b"HTTP/1.1 204 ")


def test_pipelined_requests_wait_in_the_network_not_in_memory() -> None:
    async def handle(exchange: Exchange) -> None:
        await asyncio.sleep(0.001)
        exchange.send_empty(200, [])

    pending = []
    with run_small_server(handle) as server, server.connect() as connection:
        connection.setblocking(False)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            with suppress(BlockingIOError):
                connection.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
            with suppress(BlockingIOError):  # a client that reads, so that the server goes on
                connection.recv(1 << 16)
            pending += [len(entry._pending) for entry in server.http_server.table if isinstance(entry, Connection)]
            time.sleep(0.001)
    assert 0 < max(pending) <= 4 * MAX_READ_AHEAD_BYTES
