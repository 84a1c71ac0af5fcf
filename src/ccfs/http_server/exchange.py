"""A request and its response, as handlers see them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ccfs.http_server.errors import BodyTooLarge, ClientDisconnected
from ccfs.http_server.limits import (
    BUFFERED_RESPONSES_BYTES,
    KEPT_DISCARD_BYTES,
    MAX_STREAM_BATCH_BYTES,
    SMALL_BODY_BYTES,
    SMALL_RESPONSE_BYTES,
    STREAMS_BYTES,
)
from ccfs.http_server.requests.body import IncomingBody
from ccfs.http_server.requests.head import RequestHead
from ccfs.http_server.responses.file_sender import send_file_range
from ccfs.http_server.responses.response_head import CONTINUE, build_head

if TYPE_CHECKING:
    from ccfs.http_server.connections.connection import Connection
    from ccfs.http_server.responses.pacing import Pacer
    from ccfs.http_server.server import HttpServer

Headers = list[tuple[str, str]]
_BODILESS_STATUSES = frozenset({204, 304})


class Exchange:
    """A request whose body may still arrive, and the only response to it."""

    def __init__(self, connection: Connection, server: HttpServer, head: RequestHead, body: IncomingBody) -> None:
        self.head = head
        self.body = body
        self._connection = connection
        self._server = server
        self._error: ClientDisconnected | None = None
        self._is_chunked = False
        self._is_stream = False
        self._unsent: int | None = None  # bytes of a stream that its head announced and that are still to come
        self._buffered = 0  # bytes of the response that count as waiting in memory
        self._turn: asyncio.Task[bool] | None = None  # while the response waits for its rate
        self._reserved: tuple[int, tuple[str, ...]] | None = None  # of the budget of bodies
        self.awaits_continue = head.expects_continue  # the client may hold back its body
        self.keeps_alive = head.keeps_alive  # whether the connection stays open; final once the response has started
        self.has_started = False  # whether a byte of the response was sent
        self.started_at = 0.0  # when, by time.perf_counter
        self.waits_for_client = False  # whether a file or a stream waits until the client reads
        self.stall_timeout = 0.0  # seconds; longer than the server's, for this response
        self.pacer: Pacer | None = None  # a rate that the body of the response shares with others
        self.on_end: Callable[[], None] | None = None  # called once, when the response has left or never will

    @property
    def peer_address(self) -> str:
        """Address and port of the peer."""
        return self._connection.peer_address

    @property
    def scheme(self) -> str:
        """Scheme of the connection."""
        return "https" if self._server.is_tls else "http"

    @property
    def is_reserve(self) -> bool:
        """Whether the server is full and uses this connection for health checks only."""
        return self._connection.is_reserve

    @property
    def is_disconnected(self) -> bool:
        """Whether the client has disconnected."""
        return self._error is not None

    def disconnect(self, error: ClientDisconnected) -> None:
        """Notify the handler that the client has disconnected."""
        self._error = self._error or error
        self.body.fail(error)
        self._release_response()
        if self._turn is not None:
            self._turn.cancel()

    async def read_body(self, limit: int, owners: tuple[str, ...] = ()) -> bytes:
        """Return the body. It counts against the budget of its owners, an address and an app, until the exchange ends.

        Raise BodyTooLarge, BudgetExhausted or ClientDisconnected.
        """
        announced = self.head.content_length if not self.head.is_chunked else limit
        if announced > limit:
            raise BodyTooLarge
        if announced > SMALL_BODY_BYTES:
            self._reserved = await self._server.body_budget.acquire(announced, owners), owners
            self.raise_if_disconnected()
        if self.awaits_continue and not self.body.is_complete:
            self.awaits_continue = False
            if self.body.size == 0:
                self._connection.write(CONTINUE)
        return await self.body.read(limit)

    def send_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete response."""
        head = self._start(status, headers)
        if len(body) > SMALL_RESPONSE_BYTES:
            self._buffered = len(body)
            self._server.buffered_bytes += len(body)
        else:
            self.end()  # before the client has it: its next request may arrive at once
        if body:
            self._connection.write(head, body)
        else:
            self._connection.write(head)

    def send_empty(self, status: int, headers: Headers) -> None:
        """Send a response without a body: its headers may describe one, for HEAD."""
        has_length = any(name in ("content-length", "transfer-encoding") for name, _ in headers)
        if not has_length and self.head.method != "HEAD" and status not in _BODILESS_STATUSES:
            headers = [*headers, ("content-length", "0")]
        head = self._start(status, headers)
        self.end()
        self._connection.write(head)

    def can_buffer(self, size: int) -> bool:
        """Return whether a body of this size may wait in memory for a slow client or for the response's rate limit."""
        if self.is_paced:
            return size <= SMALL_RESPONSE_BYTES
        return size <= SMALL_RESPONSE_BYTES or self._server.buffered_bytes + size <= BUFFERED_RESPONSES_BYTES

    @property
    def is_paced(self) -> bool:
        """Whether the response has a rate at the moment."""
        return self.pacer is not None and self.pacer.is_limited

    async def pace(self, size: int) -> None:
        """Wait until this many bytes of a body may be sent, if the response has a rate limit. Raise ClientDisconnected.

        The wait must not make the client look slow, so measuring its rate starts again afterwards.
        """
        if self.pacer is None or not self.is_paced:
            return
        waited_for_client, self.waits_for_client = self.waits_for_client, False
        self._turn = asyncio.ensure_future(self.pacer.acquire(size))
        try:
            has_waited = await self._turn
        except asyncio.CancelledError:
            self.raise_if_disconnected()
            raise
        finally:
            self._turn, self.waits_for_client = None, waited_for_client
        self.raise_if_disconnected()
        if has_waited:
            self._connection.restart_response_rate()

    def get_turn_size(self, most: int) -> int:
        """Return how many bytes to send in one turn, at most `most`."""
        return min(self.pacer.quantum, most) if self.pacer is not None and self.is_paced else most

    async def send_file(self, status: int, headers: Headers, descriptor: int, start: int, end: int) -> None:
        """Send the bytes [start, end) of an open file. Raise ClientDisconnected, also if the file ends early."""
        head = self._start(status, headers)
        self.waits_for_client = True
        try:
            await send_file_range(self, self._connection, head, descriptor, start, end)
        finally:
            self.waits_for_client = False

    async def start_stream(self, status: int, headers: Headers) -> None:
        """Begin a response whose body follows by `write`. Without a length it is chunked, or ends with the connection."""
        self._unsent = next((int(value) for name, value in headers if name == "content-length"), None)
        if self._unsent is None:
            if self.head.is_http_1_0:
                self.keeps_alive = False
            else:
                self._is_chunked = True
                headers = [*headers, ("transfer-encoding", "chunked")]
        self._connection.write(self._start(status, headers))
        self._is_stream = True
        self._server.stream_count += 1

    @property
    def stream_batch_bytes(self) -> int:
        """Number of bytes of a stream to have in memory at a time. It decreases as the number of streams grows."""
        return min(STREAMS_BYTES // max(self._server.stream_count, 1), MAX_STREAM_BATCH_BYTES)

    async def write(self, data: bytes) -> None:
        """Send a part of a stream; return once the client has read most of it. Raise ClientDisconnected.

        Raise ValueError for more than was announced: the client would take the rest for the next response.
        """
        if not data:
            return
        self.raise_if_disconnected()
        if self._unsent is not None:
            if len(data) > self._unsent:
                raise ValueError("a response is longer than announced")
            self._unsent -= len(data)
        view = memoryview(data)
        if self._is_chunked:
            self._connection.write(b"%x\r\n" % len(data))
        at = 0
        while at < len(data):
            part = view[at : at + self.get_turn_size(SMALL_RESPONSE_BYTES)]
            await self.pace(len(part))
            self._connection.write(part)
            await self._connection.drain()
            at += len(part)
        if self._is_chunked:
            self._connection.write(b"\r\n")

    async def end_stream(self) -> None:
        """End a stream. Raise ClientDisconnected, or ValueError if it is shorter than announced."""
        if self._unsent:
            raise ValueError("a response is shorter than announced")
        if self._is_chunked:
            self._connection.write(b"0\r\n\r\n")
        await self._connection.drain()

    def abort(self) -> None:
        """Disconnect the client, so that a response that ends early does not look complete."""
        self._connection.abort()

    def raise_if_disconnected(self) -> None:
        """Raise ClientDisconnected if the client has disconnected."""
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        """Release the memory of body and stream. The server calls this after the handler has returned."""
        if self._is_stream:
            self._server.stream_count -= 1
        if self._reserved is not None:
            self._server.body_budget.release(*self._reserved)
            self._reserved = None
        if not self._buffered:
            self.end()

    def attach(self, pacer: Pacer, on_end: Callable[[], None]) -> None:
        """Make the response share a rate limit, and call `on_end` once it is over."""
        self.pacer, self.on_end = pacer, on_end

    def end(self) -> None:
        """Call `on_end`, unless it has been called already."""
        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end()

    async def finish(self) -> None:
        """Wait until a large response has left memory. Then let the connection continue."""
        if self._buffered:
            try:
                await self._connection.drain()
            except ClientDisconnected:
                return
            finally:
                self._release_response()
                self.end()
        self._connection.finish_exchange(self)

    def _release_response(self) -> None:
        self._server.buffered_bytes -= self._buffered
        self._buffered = 0

    def _start(self, status: int, headers: Headers) -> bytes:
        self.raise_if_disconnected()
        if self.has_started:
            raise RuntimeError("a second response")
        has_unread_body = not self.body.is_complete and (
            self.awaits_continue or not _keeps_after_discard(self.body.remaining)
        )
        if has_unread_body or self._connection.must_close:
            self.keeps_alive = False
        connection = "" if self.keeps_alive else "close"
        if self.keeps_alive and self.head.is_http_1_0:
            connection = "keep-alive"
        head = build_head(status, headers, connection)
        self.has_started = True
        self.started_at = time.perf_counter()
        return head


def _keeps_after_discard(remaining: int | None) -> bool:
    """Return whether to keep a connection open when this much of a rejected body has yet to arrive."""
    return remaining is not None and remaining <= KEPT_DISCARD_BYTES
