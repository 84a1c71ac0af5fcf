"""The server of one web process: it accepts connections, runs handlers, checks deadlines, and drains at the end."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import ssl
from typing import Final, Protocol

from ccfs.http_server.connections.connection import Connection
from ccfs.http_server.connections.connection_table import Admission, ConnectionTable
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import LARGE_READ_BYTES, RETRY_AFTER_SECONDS, HttpLimits
from ccfs.http_server.requests.budget import BodyBudget
from ccfs.http_server.responses.response_head import build_error
from ccfs.logs import get_logger

HEALTH_PATHS: Final = ("/healthz", "/readyz", "/metrics")  # served even if the server is full
_NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BUSY_STEP_SECONDS: Final = 0.005  # of a step of the event loop, after which new connections have waited too long
_BUSY_BATCH: Final = 64  # connections that are then accepted at a time
_GONE_BATCH: Final = 32  # connections that were closed before they were accepted, and are dropped at a time
_ACCEPT_PAUSE_SECONDS: Final = 0.1  # after the process ran out of descriptors
_LOG_INTERVAL_SECONDS: Final = 60.0  # between two log lines about that


class Application(Protocol):
    """The code that handles requests."""

    def prepare_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare the event loop; called once."""

    async def handle(self, exchange: Exchange) -> None:
        """Handle one request."""

    def record_connections(self, count: int) -> None:
        """Record the number of connections. Called regularly."""

    def record_closed_connection(self, reason: str) -> None:
        """Count a connection that the server closed while the client wanted to keep it."""


class HttpServer:
    """Serves the connections of a listening socket with one application."""

    def __init__(self, application: Application, limits: HttpLimits, ssl_context: ssl.SSLContext | None = None) -> None:
        self.limits = limits
        self.count_closed = application.record_closed_connection
        self.table = ConnectionTable(limits, self.count_closed)
        self.body_budget = BodyBudget(
            limits.body_budget_bytes, limits.body_budget_per_client_bytes, limits.body_wait_seconds
        )
        self.buffered_bytes = 0  # of large responses that wait in memory
        self.stream_count = 0  # responses that are generated while they are sent
        self.is_tls = ssl_context is not None
        self.is_draining = False
        self.read_buffer = memoryview(bytearray(LARGE_READ_BYTES))
        self.connection_class = Connection
        self._application = application
        self._ssl_context = ssl_context
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty: asyncio.Future[None] | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._next_log_at = 0.0  # of a lack of descriptors
        self._accepted_at = 0.0  # when connections were accepted last
        self._left_some = False  # whether others waited then
        self._queue = select.poll()
        self.now = self._loop.time

    def start(self, listener: socket.socket) -> None:
        """Accept the connections of a listening socket, which other processes may share."""
        listener.setblocking(False)
        self._listener = listener
        self._queue.register(listener, select.POLLIN)
        self._loop.add_reader(listener.fileno(), self._accept_some)
        self._tick()

    async def drain(self, seconds: float) -> None:
        """Stop accepting connections, let current requests finish, and disconnect the rest after this number of seconds."""
        self.is_draining = True
        while self._accept():  # what the kernel has accepted for us would otherwise be reset
            pass
        self._stop_accepting()
        for connection in self.table:
            connection.drain_connection(self.now())
        if len(self.table):
            self._empty = self._loop.create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._empty
            except TimeoutError:
                self._abort_all()
        if self._ticker is not None:
            self._ticker.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    def _abort_all(self) -> None:
        get_logger().warning("connections cut off", action="connections_cut_off", connections=len(self.table))
        for connection in self.table:
            connection.abort()

    def on_connection_lost(self) -> None:
        """Record that a connection has ended."""
        if self._empty is not None and not len(self.table) and not self._empty.done():
            self._empty.set_result(None)

    # Requests

    def start_task(self, exchange: Exchange) -> None:
        """Handle a request."""
        task = self._loop.create_task(self._handle(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, exchange: Exchange) -> None:
        try:
            if exchange.is_reserve and exchange.head.path not in HEALTH_PATHS:
                exchange.send_empty(503, [("retry-after", str(RETRY_AFTER_SECONDS))])
            else:
                await self._application.handle(exchange)
        except ClientDisconnected:
            pass
        except Exception:  # noqa: BLE001  of any kind: the connection must not wait for ever
            get_logger().exception("request failed", action="request_failed", path=exchange.head.path)
            if exchange.has_started:
                exchange.abort()
        finally:
            exchange.release()
        if not exchange.has_started and not exchange.is_disconnected:
            exchange.send_empty(500, [])
        await exchange.finish()

    # Connections

    def _accept_some(self) -> None:
        """Accept one connection, so that another process can take the next; several if a step of the event loop takes long.

        An idle process would have taken them meanwhile. At one a step, the queue would grow to thousands.
        """
        now = self.now()
        is_busy = self._left_some and now - self._accepted_at >= _BUSY_STEP_SECONDS
        self._accepted_at = now
        # Those of a batch have not been read yet, so none of them can make room for the next.
        for _ in range(max(self.table.count_room(_BUSY_BATCH), 1) if is_busy else 1):
            if not self._accept():
                break
        self._left_some = bool(self._queue.poll(0))

    def _accept(self) -> bool:
        """Accept a connection; return whether there was one."""
        assert self._listener is not None
        try:
            client, address = self._listener.accept()
            for _ in range(_GONE_BATCH):
                if not _is_gone(client):
                    break
                client.close()
                client, address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                self._pause_accepting(error)
            return False
        client.setblocking(False)
        host, port = str(address[0]), address[1]
        admission, group = self.table.admit(host)
        if admission is Admission.REJECTED:
            self._reject(client)
            return True
        connection = self.connection_class(
            self, client, f"{host}:{port}", group, is_reserve=admission is Admission.RESERVE
        )
        self.table.add(connection, group)
        connection.accept_task = self._loop.create_task(self._open(connection, client, group))
        return True

    async def _open(self, connection: Connection, client: socket.socket, group: str) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                client,
                ssl=self._ssl_context,
                ssl_handshake_timeout=self.limits.head_seconds if self._ssl_context else None,
            )
        except (OSError, TimeoutError, asyncio.CancelledError):
            client.close()
            self.table.remove(connection, group)
            self.on_connection_lost()
        finally:
            connection.accept_task = None

    def _reject(self, client: socket.socket) -> None:
        """Answer 503 without waiting. A client that speaks TLS just sees the connection end."""
        with client:
            if self._ssl_context is None:
                try:
                    client.send(build_error(503))
                    client.shutdown(socket.SHUT_WR)
                except OSError:
                    return

    def _pause_accepting(self, error: OSError) -> None:
        assert self._listener is not None
        if self.now() >= self._next_log_at:
            self._next_log_at = self.now() + _LOG_INTERVAL_SECONDS
            get_logger().error(
                "no descriptors left for connections",
                action="descriptors_exhausted",
                connections=len(self.table),
                reason=error.strerror,
            )
        self.table.evict_any()
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(_ACCEPT_PAUSE_SECONDS, self._resume_accepting)

    def _resume_accepting(self) -> None:
        if self._listener is not None:
            self._loop.add_reader(self._listener.fileno(), self._accept_some)

    def _stop_accepting(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _tick(self) -> None:
        now = self.now()
        for connection in self.table:
            connection.check(now)
        self._application.record_connections(len(self.table))
        self._ticker = self._loop.call_later(self.limits.tick_seconds, self._tick)


def _is_gone(client: socket.socket) -> bool:
    """Return whether a client has closed its connection, or reset it, without sending a byte.

    Otherwise, a client that connects and closes in a loop would cost 300 µs per connection and fill the kernel's queue.
    """
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
