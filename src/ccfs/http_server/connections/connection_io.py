"""The transport of one connection: writing, the fill level of its buffer, and closing."""

import asyncio
import fcntl
import socket
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ccfs.http_server.connections.connection_table import Phase
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.limits import LINGER_SECONDS

NEVER: Final = float("inf")


class ConnectionIo(asyncio.BufferedProtocol):
    """The part of a connection that is independent of requests."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client  # for files, while the transport has nothing to write, and to look at
        self.phase = Phase.SILENT
        self.deadline = NEVER  # by the event loop's clock, of the current phase
        self.transport: asyncio.Transport | None = None
        self.written = 0  # bytes of all responses, whether or not the client has taken them
        self.side_socket: socket.socket | None = None  # through which a file is sent
        self.on_disconnect: Callable[[], object] | None = None  # wakes the sender of that file
        self.accept_task: asyncio.Task[None] | None = None  # while the TLS handshake lasts
        self._is_write_paused = False
        self._is_reading_paused = False
        self._drained: asyncio.Future[None] | None = None

    def pause_writing(self) -> None:
        """Record that the client reads more slowly than the server writes. Called by the event loop."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Record that the client has read. Called by the event loop."""
        self._is_write_paused = False
        self._set_drained()

    def write(self, *parts: bytes | memoryview) -> None:
        """Send bytes, in order."""
        if self.transport is not None:
            self.written += sum(map(len, parts))
            self.transport.writelines(parts) if len(parts) > 1 else self.transport.write(parts[0])

    async def drain(self) -> None:
        """Wait until the client has read most of the written bytes. Raise ClientDisconnected."""
        while self._is_write_paused and self.transport is not None:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        self._raise_if_closing()

    async def flush(self) -> None:
        """Wait until all written bytes have left the buffer. Raise ClientDisconnected."""
        self._raise_if_closing()
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)  # `drain` then waits for the last byte
            await self.drain()
            self.transport.set_write_buffer_limits()

    def _raise_if_closing(self) -> None:
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected

    def pause_reading(self) -> None:
        """Stop reading. The kernel then makes the client wait."""
        if not self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue reading, if reading was paused."""
        if self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = False
            self.transport.resume_reading()

    def has_unread_bytes(self) -> bool:
        """Return whether the client has sent bytes that were not read yet, such as the next request."""
        if self.transport is None and self.accept_task is None:
            return False
        unread = bytearray(4)
        try:
            fcntl.ioctl(self.client.fileno(), termios.FIONREAD, unread)
        except (OSError, ValueError):
            return False
        return any(unread)

    def count_waiting(self) -> int:
        """Return the number of written bytes that the kernel has not accepted yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def forget_transport(self) -> None:
        """Wake everything that waits for the client, because the client has disconnected."""
        self.transport = None
        self._set_drained()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def close(self) -> None:
        """End the connection after all written bytes have been sent."""
        self.phase = Phase.CLOSING
        self.deadline = NEVER
        self.close_transport()

    def close_transport(self) -> None:
        """Close the transport after it has sent all written bytes."""
        if self.transport is not None:
            self.resume_reading()
            self.transport.close()

    def linger(self, now: float) -> None:
        """End the connection, and drop further bytes from the client. Otherwise, it might not see the response."""
        self.phase = Phase.CLOSING
        self.deadline = now + LINGER_SECONDS
        if self.transport is not None and self.transport.can_write_eof():
            self.resume_reading()
            self.transport.write_eof()
        else:  # TLS
            self.close_transport()

    def abort_transport(self) -> None:
        """End the connection immediately."""
        if self.side_socket is not None:
            with suppress(OSError):
                self.side_socket.shutdown(socket.SHUT_RDWR)
        if self.transport is not None:
            self.transport.abort()
        elif self.accept_task is not None:
            self.accept_task.cancel()

    def _set_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
