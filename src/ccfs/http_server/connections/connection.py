"""One connection: parse bytes into requests, handle them one after another, enforce deadlines."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from ccfs.http_server.connections.connection_io import NEVER, ConnectionIo
from ccfs.http_server.connections.connection_table import Phase
from ccfs.http_server.connections.rate_window import RateWindow
from ccfs.http_server.errors import BadRequest, BodyTimeout, ClientDisconnected, InvalidBody
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.limits import (
    DISCARD_IDLE_SECONDS,
    DISCARD_SECONDS,
    DRAIN_SILENT_SECONDS,
    MAX_DISCARD_BYTES,
    MAX_READ_AHEAD_BYTES,
    PRESSED_BODY_RATE,
)
from ccfs.http_server.requests.body import IncomingBody
from ccfs.http_server.requests.head import HeadParser
from ccfs.http_server.responses.response_head import build_error

if TYPE_CHECKING:
    from ccfs.http_server.server import HttpServer


class Connection(ConnectionIo):
    """One connection of a client."""

    def __init__(
        self, server: HttpServer, client: socket.socket, peer_address: str, group: str, *, is_reserve: bool
    ) -> None:
        super().__init__(client)
        self._server = server
        self._limits = server.limits
        self._group = group
        self.peer_address = peer_address
        self.is_reserve = is_reserve  # admitted beyond the limit, for health checks
        self.deadline = server.now() + self._limits.first_byte_seconds
        self._parser: HeadParser | None = None
        self._pending = b""  # bytes of the requests after the current one
        self._exchange: Exchange | None = None
        self._must_close = False
        self._is_half_closed = False  # whether the client will send nothing more, and may still read
        self._discard_end = NEVER
        self._received = 0  # bytes of the current body
        self._body_rate, self._response_rate = RateWindow(), RateWindow()

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]
        if self.phase is Phase.CLOSING:  # evicted during the TLS handshake
            transport.abort()  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._server.table.remove(self, self._group)
        self.phase = Phase.CLOSING
        self.forget_transport()
        if self._exchange is not None:
            self._exchange.disconnect(ClientDisconnected())
        self._server.on_connection_lost()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer that all connections share: received bytes are consumed immediately.

        Until a handler reads a body, no more of it is received at a time than may wait in memory. For chunked bodies this holds
        even then: parsing 128 KB of one-byte chunks takes 4 ms, during which no other client is served.
        """
        buffer, body = self._server.read_buffer, self._exchange.body if self._exchange is not None else None
        return (
            buffer
            if body is not None and body.is_wanted and body.remaining is not None
            else buffer[:MAX_READ_AHEAD_BYTES]
        )

    def buffer_updated(self, nbytes: int) -> None:
        """Consume the received bytes."""
        data = bytes(self._server.read_buffer[:nbytes])
        try:
            self._take(data)
        except (BadRequest, InvalidBody) as error:
            self._reject(error.status)

    def eof_received(self) -> bool:
        """Handle the end of the client's bytes. The client may still read the responses to complete requests."""
        self._is_half_closed = self.phase is Phase.REQUEST and (
            self._exchange is None or self._exchange.body.is_complete
        )
        return self._is_half_closed and not self._server.is_tls

    def resume_writing(self) -> None:
        """Continue now that the client has read."""
        super().resume_writing()
        if self._exchange is None and self.phase is Phase.REQUEST:
            self._start_next()

    # Requests

    def _take(self, data: bytes) -> None:
        while data:
            if self.phase is Phase.CLOSING:
                return
            if self._exchange is None and self.phase is not Phase.REQUEST and self.phase is not Phase.DISCARD:
                data = self._take_head(data)
            elif self._exchange is not None and not self._exchange.body.is_complete:
                data = self._take_body(self._exchange.body, data)
            else:
                self._pending += data
                if len(self._pending) > MAX_READ_AHEAD_BYTES:
                    self.pause_reading()
                return

    def _take_head(self, data: bytes) -> bytes:
        """Feed bytes to the head. Return those that follow it."""
        if self._parser is None:
            self._parser = HeadParser(self._limits.max_head_bytes, self._limits.max_headers)
            self.phase = Phase.HEAD
            self.deadline = self._server.now() + self._limits.head_seconds
        rest = self._parser.feed(data)
        if self._parser.head is not None:
            self._start_request()
        return rest

    def _start_request(self) -> None:
        assert self._parser is not None
        assert self._parser.head is not None
        head, self._parser = self._parser.head, None
        self.phase = Phase.REQUEST
        self.deadline = NEVER
        body = IncomingBody(head.content_length, head.is_chunked, self.resume_reading)
        self._exchange = Exchange(self, self._server, head, body)
        self._received = 0
        self._server.start_task(self._exchange)

    def _take_body(self, body: IncomingBody, data: bytes) -> bytes:
        self._received += len(data)
        rest = body.feed(data)
        if body.has_extra:
            self._must_close = True
        if body.is_full:
            self.pause_reading()
        if self.phase is Phase.DISCARD:
            if body.is_complete and self._exchange is not None:
                self._end_request(self._exchange)
            elif self._received > MAX_DISCARD_BYTES:
                self.abort()
            else:
                self.deadline = min(self._discard_end, self._server.now() + DISCARD_IDLE_SECONDS)
        return rest

    def finish_exchange(self, exchange: Exchange) -> None:
        """Continue after a response: with the rest of its request's body, the next request, or the end."""
        if self.transport is None or self._exchange is not exchange or self.phase is Phase.CLOSING:
            return
        body = exchange.body
        if body.is_complete:
            self._end_request(exchange)
            return
        if exchange.awaits_continue:  # the body may never come
            self.linger(self._server.now())
            return
        self.phase = Phase.DISCARD
        self._discard_end = self._server.now() + DISCARD_SECONDS
        self.deadline = self._server.now() + DISCARD_IDLE_SECONDS
        self._received = body.size
        body.discard()

    def _end_request(self, exchange: Exchange) -> None:
        self._exchange = None
        if not exchange.keeps_alive or self._must_close:
            self.close()
            return
        self.phase = Phase.REQUEST
        if not self._is_write_paused:
            self._start_next()

    def _start_next(self) -> None:
        """Start the next request as soon as the client has read the last response."""
        self.phase = Phase.IDLE
        self.deadline = self._server.now() + self._limits.idle_seconds
        if (self._server.is_draining or self._is_half_closed) and not self._pending:
            self.close()
            return
        data, self._pending = self._pending, b""
        if data:
            try:
                self._take(data)
            except (BadRequest, InvalidBody) as error:
                self._reject(error.status)
                return
        if len(self._pending) <= MAX_READ_AHEAD_BYTES:  # else each request would let in more than it is long
            self.resume_reading()

    def _reject(self, status: int) -> None:
        """End the connection because of invalid bytes, with a response if none has begun."""
        exchange = self._exchange
        if exchange is not None:
            exchange.disconnect(InvalidBody() if status == 400 else ClientDisconnected())
        if exchange is None or not exchange.has_started:
            self.write(build_error(status))
        self.linger(self._server.now())

    def abort(self) -> None:
        """End the connection immediately."""
        self.phase = Phase.CLOSING
        if self._exchange is not None:
            self._exchange.disconnect(ClientDisconnected())
        self.abort_transport()

    def evict(self) -> None:
        """Close the connection immediately to make room for another one."""
        self._server.table.remove(self, self._group)
        self.abort()

    @property
    def waits_for_client(self) -> bool:
        """Whether the connection can only continue when the client sends or reads."""
        if self.phase <= Phase.IDLE:
            return not self.has_unread_bytes()
        if self._exchange is not None and (self._exchange.body.is_wanted or self._exchange.waits_for_client):
            return True
        return self.count_waiting() > 0

    # Deadlines

    def check(self, now: float) -> None:
        """Check whether the client is fast enough. The server calls this regularly."""
        if now >= self.deadline:
            self._end_late()
            return
        if self.phase is Phase.REQUEST and self._exchange is not None and self._exchange.body.is_wanted:
            rate = PRESSED_BODY_RATE if self._server.body_budget.is_pressed else self._limits.body_min_rate
            if self._body_rate.is_too_slow(now, self._received, self._limits.body_window_seconds, rate):
                self._server.count_closed("body")
                self._exchange.disconnect(BodyTimeout())
                self._reject(408)
        else:
            self._body_rate.reset()
        self._check_response(now)

    def _check_response(self, now: float) -> None:
        exchange, waiting = self._exchange, self.count_waiting()
        if waiting == 0 and (exchange is None or not exchange.waits_for_client):
            self._response_rate.reset()
            return
        seconds = max(self._limits.response_window_seconds, exchange.stall_timeout if exchange else 0.0)
        if self._response_rate.is_too_slow(now, self.written - waiting, seconds, self._limits.response_min_rate):
            self._server.count_closed("response")
            self.abort()

    def restart_response_rate(self) -> None:
        """Begin to measure the rate of the response again: the server made the client wait."""
        self._response_rate.reset()

    def _end_late(self) -> None:
        self._server.count_closed(self.phase.name.lower())
        if self.phase is Phase.HEAD:
            self.write(build_error(408))
            self.linger(self._server.now())
        elif self.phase in (Phase.IDLE, Phase.DISCARD):
            self.close()
        else:
            self.abort()

    def drain_connection(self, now: float) -> None:
        """Close the connection as soon as no response is in progress, because the server stops."""
        if self.phase is Phase.IDLE and not self.has_unread_bytes():
            self.close()
        elif self.phase <= Phase.IDLE:
            self.deadline = min(self.deadline, now + DRAIN_SILENT_SECONDS)

    @property
    def must_close(self) -> bool:
        """Whether the current response is the last one."""
        is_last = self._is_half_closed and not self._pending
        return self._must_close or is_last or self._server.is_draining or self.is_reserve
