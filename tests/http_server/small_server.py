"""The HTTP server with one handler in a thread of the test."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import HttpLimits
from ccfs.http_server.processes.listener import bind_socket, start_listening
from ccfs.http_server.server import HttpServer

Handler = Callable[[Exchange], Coroutine[Any, Any, None]]
TIMEOUT_SECONDS = 60.0
DRAIN_SECONDS = 5.0
DEFAULT_LIMITS = HttpLimits()


class SmallApplication:
    """An application that is one function."""

    def __init__(self, handler: Handler) -> None:
        self.handle = handler

    def prepare_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the loop as it is."""

    def record_connections(self, count: int) -> None:
        """Count nothing."""

    def record_closed_connection(self, reason: str) -> None:
        """Count nothing."""


@dataclass(slots=True, kw_only=True)
class SmallServer:
    """A server that listens on loopback."""

    address: tuple[str, int]
    http_server: HttpServer
    stopping: asyncio.Event

    def connect(self, receive_bytes: int = 0, source: str = "") -> socket.socket:
        """Return a new connection, with a small receive buffer or from another loopback address if they are given."""
        connection = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            connection.bind((source, 0))
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(self.address)
        return connection

    def send(self, data: bytes, *, ends: bool = False) -> bytes:
        """Send the bytes, and no more with `ends`; return what arrives until the server ends the connection."""
        with self.connect() as connection:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    """Return what arrives until the server ends the connection."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@contextmanager
def run_small_server(
    handler: Handler,
    host: str = "127.0.0.1",
    limits: HttpLimits = DEFAULT_LIMITS,
    ssl_context: ssl.SSLContext | None = None,
) -> Iterator[SmallServer]:
    """Run a server on a free port until the block ends."""
    listener = bind_socket(host, 0)
    start_listening(listener)
    address = listener.getsockname()[:2]
    started, servers = threading.Event(), list[SmallServer]()

    async def serve() -> None:
        http_server = HttpServer(SmallApplication(handler), limits, ssl_context)
        http_server.start(listener)
        servers.append(SmallServer(address=address, http_server=http_server, stopping=asyncio.Event()))
        started.set()
        await servers[0].stopping.wait()
        await http_server.drain(DRAIN_SECONDS)

    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(TIMEOUT_SECONDS)
        yield servers[0]
    finally:
        loop.call_soon_threadsafe(servers[0].stopping.set)
        thread.join(TIMEOUT_SECONDS)
        loop.close()
