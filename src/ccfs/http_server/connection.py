"""One connection: bytes become requests, requests are handled one after the other, deadlines are kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ccfs.http_server.body import RequestBody
from ccfs.http_server.connection_table import Phase
from ccfs.http_server.errors import BadRequest, BodyTimeout, ClientDisconnected, InvalidBody
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.head import HeadParser
from ccfs.http_server.limits import (
    DISCARD_SECONDS,
    KEPT_DISCARD_BYTES,
    LINGER_SECONDS,
    MAX_DISCARD_BYTES,
    MAX_READ_AHEAD_BYTES,
    PRESSED_BODY_RATE,
)
from ccfs.http_server.response_head import build_error

if TYPE_CHECKING:
    from ccfs.http_server.server import HttpServer

_HEAD_END: Final = b"\r\n\r\n"
_NEVER: Final = float("inf")
FLUSH_POLL_SECONDS: Final = 0.005  # a pipelined request for a file waits for the response before it


class Connection(asyncio.BufferedProtocol):
    """One connection of a client."""

    def __init__(self, server: HttpServer, peer_address: str, group: str, *, is_reserve: bool) -> None:
        self._server = server
        self._limits = server.limits
        self._group = group
        self.peer_address = peer_address
        self.is_reserve = is_reserve  # admitted beyond the limit, for health checks
        self.phase = Phase.SILENT
        self.transport: asyncio.Transport | None = None
        self.is_write_paused = False
        self._drained: asyncio.Future[None] | None = None
        self._deadline = server.now() + self._limits.first_byte_seconds
        self._parser: HeadParser | None = None
        self._head_tail = b""  # last bytes of a head, which its end may begin with
        self._pending = b""  # bytes of the requests after the current one
        self._exchange: Exchange | None = None
        self._is_reading_paused = False
        self._must_close = False
        self._received = 0  # bytes of the current body
        self.written = 0  # bytes of all responses, whether or not the client has taken them
        self.side_socket: socket.socket | None = None  # through which a file is sent
        self.on_disconnect: Callable[[], object] | None = None  # wakes the sender of that file
        self.accept_task: asyncio.Task[None] | None = None  # while the TLS handshake lasts
        self._window_end = _NEVER  # when the rate of the body or the response is judged next
        self._window_mark = 0
        self._is_window_of_body = False

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]
        if self.phase is Phase.CLOSING:  # evicted during the TLS handshake
            transport.abort()  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        """Wake everything that waits for the client."""
        self._server.table.remove(self, self._group)
        self.transport = None
        self.phase = Phase.CLOSING
        self._set_drained()
        if self.on_disconnect is not None:
            self.on_disconnect()
        if self._exchange is not None:
            self._exchange.disconnect(ClientDisconnected())
        self._server.on_connection_lost()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer that all connections share: what is read is taken at once."""
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has been read."""
        data = bytes(self._server.read_buffer[:nbytes])
        try:
            self._take(data)
        except (BadRequest, InvalidBody) as error:
            self._reject(error.status)

    def eof_received(self) -> bool:
        """Treat the end of the client's bytes: it may still read the response to a complete request."""
        if self.phase is Phase.REQUEST and self._exchange is not None and self._exchange.body.is_complete:
            self._must_close = True
            return not self._server.is_tls
        return False

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as we write."""
        self.is_write_paused = True

    def resume_writing(self) -> None:
        """Note that the client has read."""
        self.is_write_paused = False
        self._set_drained()
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
                    self._pause_reading()
                return

    def _take_head(self, data: bytes) -> bytes:
        """Feed the head; return what follows it."""
        if self._parser is None:
            self._parser = HeadParser(self._limits.max_head_bytes, self._limits.max_headers)
            self._head_tail = b""
            self.phase = Phase.HEAD
            self._deadline = self._server.now() + self._limits.head_seconds
        joined = self._head_tail + data
        found = joined.find(_HEAD_END)
        if found < 0:
            self._head_tail = joined[-3:]
            self._parser.feed(data)
            return b""
        end = found + len(_HEAD_END) - len(self._head_tail)
        self._head_tail = b""
        self._parser.feed(data[:end])
        if self._parser.head is not None:
            self._start_request()
        return data[end:]

    def _start_request(self) -> None:
        assert self._parser is not None
        assert self._parser.head is not None
        head, self._parser = self._parser.head, None
        self.phase = Phase.REQUEST
        self._deadline = _NEVER
        body = RequestBody(head.content_length, head.is_chunked, self.resume_reading)
        self._exchange = Exchange(self, self._server, head, body)
        self._received = 0
        self._window_end = _NEVER
        self._server.start_task(self._exchange)

    def _take_body(self, body: RequestBody, data: bytes) -> bytes:
        self._received += len(data)
        rest = body.feed(data)
        if body.has_extra:
            self._must_close = True
        if body.is_full:
            self._pause_reading()
        if self.phase is Phase.DISCARD:
            if body.is_complete:
                self._end_discard()
            elif self._received > MAX_DISCARD_BYTES:
                self.abort()
        return rest

    def finish_exchange(self, exchange: Exchange) -> None:
        """Go on after a response: with the rest of its request's body, the next request, or the end."""
        if self.transport is None or self._exchange is not exchange:
            return
        body = exchange.body
        if body.is_complete or (exchange.awaits_continue and not exchange.keeps_alive):
            self._end_request(exchange)
            return
        self.phase = Phase.DISCARD
        self._deadline = self._server.now() + DISCARD_SECONDS
        self._received = body.size
        body.discard()

    def _end_discard(self) -> None:
        if self._exchange is not None:
            self._end_request(self._exchange)

    def _end_request(self, exchange: Exchange) -> None:
        self._exchange = None
        self._window_end = _NEVER
        if not exchange.keeps_alive or self._must_close:
            self.close()
            return
        self.phase = Phase.REQUEST
        if not self.is_write_paused:
            self._start_next()

    def _start_next(self) -> None:
        """Take the next request, once the client has read the last response."""
        self.phase = Phase.IDLE
        self._deadline = self._server.now() + self._limits.idle_seconds
        if self._server.is_draining and not self._pending:
            self.close()
            return
        data, self._pending = self._pending, b""
        if data:
            try:
                self._take(data)
            except (BadRequest, InvalidBody) as error:
                self._reject(error.status)
                return
        self.resume_reading()

    def _reject(self, status: int) -> None:
        """End the connection because of what arrived; with a response, if none has begun."""
        exchange = self._exchange
        if exchange is not None:
            exchange.disconnect(InvalidBody() if status == 400 else ClientDisconnected())
        if exchange is None or not exchange.has_started:
            self.write(build_error(status))
        self._linger()

    def _linger(self) -> None:
        """End the connection, and drop what the client still sends: otherwise it might not see the response."""
        self.phase = Phase.CLOSING
        self._deadline = self._server.now() + LINGER_SECONDS
        if self.transport is None:
            return
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    # Reading and writing

    def _pause_reading(self) -> None:
        if not self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, if reading was paused."""
        if self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = False
            self.transport.resume_reading()

    def write(self, *parts: bytes) -> None:
        """Send bytes, in order."""
        if self.transport is not None:
            self.written += sum(map(len, parts))
            self.transport.writelines(parts) if len(parts) > 1 else self.transport.write(parts[0])

    async def drain(self) -> None:
        """Wait until the client has read most of what was written; raise ClientDisconnected."""
        while self.is_write_paused and self.transport is not None:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected

    async def flush(self) -> None:
        """Wait until nothing that was written waits any more; raise ClientDisconnected."""
        pause = 0.0
        while self.transport is not None and self.transport.get_write_buffer_size():
            await asyncio.sleep(pause)
            pause = FLUSH_POLL_SECONDS
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected

    def _set_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def close(self) -> None:
        """End the connection once what was written is sent."""
        self.phase = Phase.CLOSING
        self._deadline = _NEVER
        if self.transport is not None:
            self.resume_reading()
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.phase = Phase.CLOSING
        if self._exchange is not None:
            self._exchange.disconnect(ClientDisconnected())
        if self.side_socket is not None:
            with suppress(OSError):
                self.side_socket.shutdown(socket.SHUT_RDWR)
        if self.transport is not None:
            self.transport.abort()
        elif self.accept_task is not None:
            self.accept_task.cancel()

    def evict(self) -> None:
        """Close it at once, to make room for another connection."""
        self._server.table.remove(self, self._group)
        self.abort()

    # Deadlines

    def check(self, now: float) -> None:
        """Judge whether the client is fast enough; the server calls this regularly."""
        if now >= self._deadline:
            self._end_late()
        elif self.phase is Phase.REQUEST and self._exchange is not None and self._exchange.body.is_wanted:
            rate = PRESSED_BODY_RATE if self._server.body_budget.is_pressed else self._limits.body_min_rate
            if self._is_too_slow(now, self._received, self._limits.body_window_seconds, rate, of_body=True):
                self._exchange.disconnect(BodyTimeout())
                self._reject(408)
        elif (sent := self._count_sent()) is not None:
            window = max(self._limits.response_window_seconds, self._exchange.stall_timeout if self._exchange else 0)
            if self._is_too_slow(now, sent, window, self._limits.response_min_rate, of_body=False):
                self._server.count_timeout("response")
                self.abort()
        else:
            self._window_end = _NEVER

    def _end_late(self) -> None:
        self._server.count_timeout(self.phase.name.lower())
        if self.phase is Phase.HEAD:
            self.write(build_error(408))
            self._linger()
        elif self.phase is Phase.IDLE:
            self.close()
        else:
            self.abort()

    def _count_sent(self) -> int | None:
        """Return how much of all responses the client has taken; None if nothing waits for it."""
        waiting = self.transport.get_write_buffer_size() if self.transport is not None else 0
        if waiting == 0 and not (self._exchange is not None and self._exchange.waits_for_client):
            return None
        return self.written - waiting

    def _is_too_slow(self, now: float, moved: int, window: float, rate: int, *, of_body: bool) -> bool:
        """Return whether less than the rate moved in a whole window; the next one begins then."""
        if self._window_end == _NEVER or self._is_window_of_body != of_body:
            self._window_end, self._window_mark, self._is_window_of_body = now + window, moved, of_body
            return False
        if now < self._window_end:
            return False
        too_slow = moved - self._window_mark < rate * window
        self._window_end, self._window_mark = now + window, moved
        return too_slow

    def drain_connection(self, now: float) -> None:
        """Close the connection as soon as no response is under way: the server stops."""
        if self.phase is Phase.IDLE:
            self.close()
        elif self.phase is Phase.SILENT:
            self._deadline = min(self._deadline, now + 0.5)

    @property
    def must_close(self) -> bool:
        """Whether the current response is the last one."""
        return self._must_close or self._server.is_draining or self.is_reserve

    @staticmethod
    def keeps_after_discard(remaining: int | None) -> bool:
        """Return whether a connection is kept although so much of a rejected body is still to come."""
        return remaining is not None and remaining <= KEPT_DISCARD_BYTES
