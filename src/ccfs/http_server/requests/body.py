"""The body of a request as it arrives: counted, decoded from chunks, and read by its handler."""

import asyncio
from collections.abc import Callable

import httptools

from ccfs.http_server.errors import BodyTooLarge, ClientDisconnected, InvalidBody
from ccfs.http_server.limits import MAX_READ_AHEAD_BYTES

_CHUNKED_HEAD = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
_CHUNK_OVERHEAD_FACTOR = 8  # bytes on the wire per byte of the body: chunks of one byte have six
_MAX_CHUNK_OVERHEAD_BYTES = 1 << 16  # extensions and trailers beyond that


class IncomingBody:
    """A request's body. The connection feeds it, a handler reads it, and `resume` makes the connection continue reading."""

    __slots__ = (
        "_chunk_parser",
        "_data",
        "_error",
        "_is_discarding",
        "_remaining",
        "_resume",
        "_waiter",
        "_wire_bytes",
        "has_extra",
        "is_complete",
        "size",
    )

    def __init__(self, length: int, is_chunked: bool, resume: Callable[[], None]) -> None:
        self._remaining = length
        self._data = bytearray()  # not a list of what arrived: pieces of two bytes would take 28 times their size
        self._error: ClientDisconnected | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._resume = resume
        self._is_discarding = False
        self._wire_bytes = 0
        self.has_extra = False  # whether bytes followed a chunked body at once: lost, so that the connection must end
        self.size = 0  # bytes that have arrived
        self.is_complete = length == 0 and not is_chunked
        self._chunk_parser: httptools.HttpRequestParser | None = None
        if is_chunked:
            self._chunk_parser = httptools.HttpRequestParser(_ChunkReceiver(self))
            self._chunk_parser.feed_data(_CHUNKED_HEAD)

    @property
    def is_wanted(self) -> bool:
        """Whether a reader is waiting for the next bytes."""
        return self._waiter is not None or self._is_discarding

    @property
    def is_full(self) -> bool:
        """Whether the connection should stop reading until the handler has read."""
        return len(self._data) >= MAX_READ_AHEAD_BYTES and not self.is_wanted

    @property
    def remaining(self) -> int | None:
        """Number of bytes still to come; None if it is unknown."""
        return None if self._chunk_parser is not None else self._remaining

    def feed(self, data: bytes) -> bytes:
        """Add received bytes. Return those that do not belong to the body. Raise InvalidBody."""
        if self._chunk_parser is not None:
            self._feed_chunked(data)
            rest = b""
        else:
            rest = data[self._remaining :]
            part = data[: self._remaining] if rest else data
            self._remaining -= len(part)
            self.add(part)
            self.is_complete = self._remaining == 0
        self._wake()
        return rest

    def _feed_chunked(self, data: bytes) -> None:
        assert self._chunk_parser is not None
        self._wire_bytes += len(data)
        try:
            self._chunk_parser.feed_data(data)
        except httptools.HttpParserError:
            if not self.is_complete:
                raise InvalidBody from None
        if self._wire_bytes > self.size * _CHUNK_OVERHEAD_FACTOR + _MAX_CHUNK_OVERHEAD_BYTES:
            raise InvalidBody

    def add(self, part: bytes) -> None:
        """Add bytes of the decoded body."""
        self.size += len(part)
        if not self._is_discarding:
            self._data += part

    def fail(self, error: ClientDisconnected) -> None:
        """Make readers raise the error, unless the body is complete."""
        if not self.is_complete:
            self._error = self._error or error
            self._data.clear()
            self._wake()

    def discard(self) -> None:
        """Drop the received bytes and all further ones."""
        self._is_discarding = True
        self._data.clear()
        self._resume()

    async def read(self, limit: int) -> bytes:
        """Return the whole body. Raise BodyTooLarge beyond `limit` bytes, ClientDisconnected if it does not arrive."""
        while not self.is_complete:
            if self._remaining + self.size > limit:
                raise BodyTooLarge
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            self._resume()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.size > limit:
            raise BodyTooLarge
        whole = bytes(self._data)
        self._data.clear()
        return whole

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _ChunkReceiver:
    """The callbacks of the parser of chunks. There is no `on_header`, so that trailers are not collected."""

    __slots__ = ("_body", "_messages")

    def __init__(self, body: IncomingBody) -> None:
        self._body, self._messages = body, 0

    def on_message_begin(self) -> None:
        self._messages += 1
        if self._messages > 1:
            self._body.has_extra = True
            raise ValueError("bytes after the last chunk")

    def on_body(self, part: bytes) -> None:
        self._body.add(part)

    def on_message_complete(self) -> None:
        self._body.is_complete = True
