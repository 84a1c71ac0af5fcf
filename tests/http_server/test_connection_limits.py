"""Limits of connections: of an address, of a process, and what a full server still does."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import HttpLimits
from tests.api.api_client import create_client, send_request
from tests.http_server.hostile_clients import UPLOAD_PATH, connect_from, is_ended, sign_head, wait_for_end
from tests.http_server.small_server import receive_all, run_small_server
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import create_two_tenants
from tests.waiting import wait_until

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def hold_connections(server: CcfsServer, count: int, source: str, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Hold so many connections of an address, each of which has sent these bytes."""
    with ExitStack() as stack:
        held = []
        for _ in range(count):
            held.append(stack.enter_context(connect_from(server, source)))
            held[-1].sendall(sent)
        yield held


def test_silent_connections_make_room_for_each_other_at_the_limit_of_an_address(tmp_path: Path) -> None:
    with (
        run_server(tmp_path, http_max_connections_per_address=5) as server,
        hold_connections(server, 12, "127.0.0.2") as held,
    ):
        wait_until(lambda: sum(map(is_ended, held)) >= 7)
        assert [is_ended(one) for one in held] == [True] * 7 + [False] * 5  # the oldest end first
        assert send_request(server, "GET", "/healthz", source="127.0.0.2").status == 200
        assert send_request(server, "GET", "/healthz", source="127.0.0.3").status == 200


def test_a_proxy_may_have_more_connections_than_an_address(tmp_path: Path) -> None:
    with (
        run_server(tmp_path, http_max_connections_per_address=5, trusted_proxies="127.0.0.2") as server,
        hold_connections(server, 12, "127.0.0.2", HEALTH) as held,
    ):
        assert all(one.recv(1 << 12).endswith(b'{"status":"ok"}') for one in held)
        assert not any(map(is_ended, held))


def test_busy_connections_at_the_limit_of_an_address_are_kept_and_a_new_one_gets_503(tmp_path: Path) -> None:
    with run_server(tmp_path, http_max_connections_per_address=3, http_body_stall_seconds=60) as server:
        client = create_client(server, create_two_tenants(server.node).acme)
        with hold_connections(server, 3, "127.0.0.2", sign_head(client, UPLOAD_PATH, 100_000) + b"x" * 20_000) as busy:
            send_request(server, "GET", "/healthz")  # by now the server knows that they are busy
            with connect_from(server, "127.0.0.2") as another:
                received, _ = wait_for_end(another)
            assert received.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: " in received
            assert not any(map(is_ended, busy))
            assert send_request(server, "GET", "/healthz", source="127.0.0.3").status == 200


def test_a_server_full_of_silent_connections_serves_honest_clients(tmp_path: Path) -> None:
    with run_server(tmp_path, http_max_connections=20) as server, hold_connections(server, 60, "127.0.0.2"):
        for _ in range(10):
            assert send_request(server, "GET", "/docs", source="127.0.0.3").status == 200


def test_an_idle_connection_of_another_client_outlives_those_of_the_client_with_the_most(tmp_path: Path) -> None:
    with run_server(tmp_path, http_max_connections=20) as server, connect_from(server, "127.0.0.3") as honest:
        honest.sendall(HEALTH)
        assert honest.recv(1 << 12).endswith(b'{"status":"ok"}')
        with hold_connections(server, 40, "127.0.0.2"):
            honest.sendall(HEALTH)
            assert honest.recv(1 << 12).endswith(b'{"status":"ok"}')


def test_a_server_full_of_requests_answers_health_checks_and_503_to_others(tmp_path: Path) -> None:
    with run_server(tmp_path, http_max_connections=32, http_body_stall_seconds=60) as server, ExitStack() as stack:
        client = create_client(server, create_two_tenants(server.node).acme)
        sent = sign_head(client, UPLOAD_PATH, 100_000) + b"x" * 20_000
        busy: list[socket.socket] = []
        for number in range(16):
            busy += stack.enter_context(hold_connections(server, 2, f"127.0.0.{10 + number}", sent))
        for path in ("/healthz", "/readyz", "/metrics"):
            assert send_request(server, "GET", path).status == 200
        refused = send_request(server, "GET", "/docs")
        assert (refused.status, refused.headers["connection"]) == (503, "close")
        assert int(refused.headers["retry-after"]) > 0
        assert not any(map(is_ended, busy))
        stack.close()
        wait_until(lambda: send_request(server, "GET", "/docs").status == 200)


def test_a_client_with_most_of_the_connections_loses_slow_requests_first(tmp_path: Path) -> None:
    with (
        run_server(tmp_path, http_max_connections=32, http_body_stall_seconds=60) as server,
        connect_from(server, "127.0.0.3") as honest,
    ):
        client = create_client(server, create_two_tenants(server.node).acme)
        honest.sendall(HEALTH)
        assert honest.recv(1 << 12).endswith(b'{"status":"ok"}')
        with hold_connections(server, 50, "127.0.0.2", sign_head(client, UPLOAD_PATH, 100_000) + b"x" * 20_000):
            assert send_request(server, "GET", "/docs", source="127.0.0.4").status == 200
            honest.sendall(HEALTH)  # idle since then, and not closed
            assert honest.recv(1 << 12).endswith(b'{"status":"ok"}')


FEW = HttpLimits(max_connections=16)


async def answer_or_work(exchange: Exchange) -> None:
    """Respond; to one client not before a time in which the server works at its requests."""
    if exchange.peer_address.startswith("127.0.0.2:"):
        await asyncio.sleep(3)
    exchange.send_empty(204, [])


def test_a_client_with_many_connections_gets_no_room_at_the_cost_of_one_with_few() -> None:
    with run_small_server(answer_or_work, limits=FEW) as server, ExitStack() as stack:
        honest = stack.enter_context(server.connect(source="127.0.0.3"))
        honest.sendall(HEALTH)
        assert honest.recv(1 << 12).startswith(b"HTTP/1.1 204 ")
        for _ in range(15):
            stack.enter_context(server.connect(source="127.0.0.2")).sendall(HEALTH)
        wait_until(lambda: len(server.http_server.table) == 16)
        for _ in range(5):
            another = stack.enter_context(server.connect(source="127.0.0.2"))
            assert receive_all(another).startswith(b"HTTP/1.1 503 ")
        honest.sendall(HEALTH)
        assert honest.recv(1 << 12).startswith(b"HTTP/1.1 204 ")


def test_a_rejected_connection_that_lingers_makes_room_before_an_idle_one_of_another_client() -> None:
    with run_small_server(answer_or_work, limits=FEW) as server, ExitStack() as stack:
        idle = stack.enter_context(server.connect(source="127.0.0.3"))
        idle.sendall(HEALTH)
        assert idle.recv(1 << 12).startswith(b"HTTP/1.1 204 ")
        for _ in range(15):
            garbage = stack.enter_context(server.connect(source="127.0.0.2"))
            garbage.sendall(b"\0\r\n\r\n")
            assert garbage.recv(1 << 12).startswith(b"HTTP/1.1 400 ")
        with server.connect(source="127.0.0.4") as newcomer:
            newcomer.sendall(HEALTH)
            assert newcomer.recv(1 << 12).startswith(b"HTTP/1.1 204 ")
        assert not is_ended(idle)


def test_a_client_with_most_of_the_connections_loses_requests_under_way_before_others_lose_idle_ones() -> None:
    with run_small_server(answer_or_work, limits=FEW) as server, ExitStack() as stack:
        idle = stack.enter_context(server.connect(source="127.0.0.3"))
        idle.sendall(HEALTH)
        assert idle.recv(1 << 12).startswith(b"HTTP/1.1 204 ")
        for _ in range(15):
            stack.enter_context(server.connect(source="127.0.0.2")).sendall(HEALTH)
        wait_until(lambda: len(server.http_server.table) == 16)
        with server.connect(source="127.0.0.4") as newcomer:
            newcomer.sendall(HEALTH)
            assert newcomer.recv(1 << 12).startswith(b"HTTP/1.1 204 ")
        assert not is_ended(idle)


def test_new_connections_do_not_wait_for_a_step_of_the_event_loop_each() -> None:
    steps = 0
    answered = 0

    async def handle(exchange: Exchange) -> None:
        nonlocal steps, answered
        if exchange.head.path == "/healthz":
            answered += 1
        while exchange.head.path == "/busy" and answered < 200:
            steps += 1
            time.sleep(0.01)  # noqa: ASYNC251  as a slow step does
            await asyncio.sleep(0)
        exchange.send_empty(200, [])

    with run_small_server(handle, limits=HttpLimits(max_connections_per_address=300)) as server, ExitStack() as stack:
        busy = stack.enter_context(server.connect())
        busy.sendall(HEALTH.replace(b"/healthz", b"/busy"))
        wait_until(lambda: steps)
        for _ in range(200):
            stack.enter_context(server.connect()).sendall(HEALTH)
        began = steps
        wait_until(lambda: answered == 200)
        assert busy.recv(1 << 12).startswith(b"HTTP/1.1 200 ")
    assert steps - began < 50
