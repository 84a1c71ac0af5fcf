"""Responses that share a rate: files by sendfile, files over TLS, streams, and bodies that are sent at once."""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import HttpLimits
from ccfs.http_server.processes.tls import build_context
from ccfs.http_server.responses.pacing import UNLIMITED, Pacer
from tests.certificates import create_identity
from tests.http_server.small_server import SmallServer, receive_all, run_small_server
from tests.http_server.test_tls import write_pair
from tests.waiting import wait_until

RATE = 400_000  # bytes per second
SIZE = 800_000
BURST = RATE // 4 + (1 << 18)  # that may be sent beyond the rate
STRICT_LIMITS = HttpLimits(response_window_seconds=0.4, response_min_rate=RATE * 4)  # more than the rate allows
BUSY_FACTOR = 20  # a busy machine takes so much longer


@dataclass(kw_only=True)
class PacedApplication:
    """A handler that sends a file, a stream or a body at a rate that may change."""

    file: Path
    rate: float = RATE
    ended: int = 0
    pacers: list[Pacer] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.head.path == "/quick":
            exchange.send_bytes(200, [("content-length", "2")], b"ok")
            return
        if not self.pacers:
            self.pacers.append(Pacer(self.rate))
        exchange.attach(self.pacers[0], self._count_end)
        headers = [("content-length", str(SIZE))]
        if exchange.head.path == "/file":
            descriptor = os.open(self.file, os.O_RDONLY)
            try:
                await exchange.send_file(200, headers, descriptor, 0, SIZE)
            finally:
                os.close(descriptor)
        elif exchange.head.path == "/stream":
            await exchange.start_stream(200, headers)
            for _ in range(2):
                await exchange.write(bytes(SIZE // 2))
            await exchange.end_stream()
        else:
            await exchange.pace(SIZE // 20)
            exchange.send_bytes(200, [("content-length", str(SIZE // 20))], bytes(SIZE // 20))

    def set_rate(self, rate: float) -> None:
        """Change the rate of responses under way."""
        self.pacers[0].limit = rate

    def _count_end(self) -> None:
        self.ended += 1


@pytest.fixture
def application(tmp_path: Path) -> PacedApplication:
    file = tmp_path / "file"
    file.write_bytes(bytes(SIZE))
    return PacedApplication(file=file)


@pytest.fixture(params=["plain", "tls"])
def server(
    request: pytest.FixtureRequest, application: PacedApplication, tmp_path: Path
) -> Iterator[tuple[SmallServer, bool]]:
    is_tls = request.param == "tls"
    context = build_context(write_pair(tmp_path, create_identity("127.0.0.1"))) if is_tls else None
    with run_small_server(application.handle, limits=STRICT_LIMITS, ssl_context=context) as running:
        yield running, is_tls


@contextmanager
def connect(server: tuple[SmallServer, bool], receive_bytes: int = 0) -> Iterator[socket.socket]:
    running, is_tls = server
    with running.connect(receive_bytes) as plain:
        if not is_tls:
            yield plain
            return
        with ssl._create_unverified_context().wrap_socket(plain) as secure:
            yield secure


def get(server: tuple[SmallServer, bool], path: str) -> int:
    """Return the number of bytes of a response's body."""
    with connect(server) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        return len(receive_all(connection).partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("path", ["/file", "/stream"])
def test_downloads_share_a_rate_and_are_not_closed_as_stalled(server: tuple[SmallServer, bool], path: str) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        sizes = list(pool.map(lambda _: get(server, path), range(2)))
    seconds = time.monotonic() - began
    assert sizes == [SIZE, SIZE]
    fair = (2 * SIZE - BURST) / RATE
    assert fair * 0.9 < seconds < fair * BUSY_FACTOR


def test_bodies_that_are_sent_at_once_wait_for_their_turn(server: tuple[SmallServer, bool]) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(lambda _: get(server, "/body"), range(20)))
    assert sum(sizes) == SIZE
    assert (SIZE - BURST) / RATE * 0.9 < time.monotonic() - began < SIZE / RATE * BUSY_FACTOR


def test_waiting_downloads_hold_no_thread_and_delay_no_other_client(
    server: tuple[SmallServer, bool], application: PacedApplication
) -> None:
    application.rate = 1000
    with ThreadPoolExecutor(80) as pool:
        before = threading.active_count()
        for _ in range(60):
            pool.submit(get, server, "/file")
        wait_until(lambda: application.pacers and len(application.pacers[0]._waiting) >= 50)
        assert threading.active_count() - before <= 80 + 8  # ours, and a few of the event loop's
        assert get(server, "/quick") == 2
        application.set_rate(UNLIMITED)
    assert application.ended == 60


@pytest.mark.parametrize("path", ["/file", "/stream"])
def test_a_changed_rate_applies_to_downloads_under_way(
    server: tuple[SmallServer, bool], application: PacedApplication, path: str
) -> None:
    application.rate = 10_000  # SIZE would take 80 s
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        download = pool.submit(get, server, path)
        wait_until(lambda: application.pacers and application.pacers[0].delayed_bytes)
        application.set_rate(UNLIMITED)
        assert download.result() == SIZE
    assert time.monotonic() - began < 60


def test_a_client_that_leaves_while_it_waits_frees_its_turn(
    server: tuple[SmallServer, bool], application: PacedApplication
) -> None:
    application.rate = 1000
    with connect(server) as connection:
        connection.sendall(b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_until(lambda: application.pacers and application.pacers[0]._waiting)
    wait_until(lambda: application.ended == 1)
    assert not application.pacers[0]._waiting
    application.set_rate(RATE)
    assert get(server, "/file") == SIZE


def test_a_client_that_reads_nothing_is_closed_although_its_download_has_a_rate(
    server: tuple[SmallServer, bool], application: PacedApplication, tmp_path: Path
) -> None:
    application.rate = 500_000_000
    application.file.write_bytes(bytes(SIZE))
    with connect(server, 4096) as connection:
        connection.sendall(b"GET /many HTTP/1.1\r\nhost: x\r\n\r\n" * 400)  # 16 MB, more than the buffers of the kernel
        wait_until(lambda: application.ended and not len(server[0].http_server.table), 60)


def test_turns_are_granted_in_order_and_their_sum_keeps_the_rate() -> None:
    async def take_turns() -> tuple[list[int], float]:
        pacer, order = Pacer(RATE), list[int]()
        await pacer.acquire(BURST)  # at once, and all that may be sent at once

        async def take(number: int) -> None:
            for _ in range(4):
                await pacer.acquire(20_000)
                order.append(number)

        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(take(number) for number in range(5)))
        return order, loop.time() - began

    order, seconds = asyncio.run(take_turns())
    assert 20 * 20_000 / RATE * 0.9 < seconds < 20 * 20_000 / RATE * BUSY_FACTOR
    assert order == list(range(5)) * 4
