"""The transport of one connection: what is written to it, how full it is, and how it ends."""

import asyncio
import fcntl
import socket
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ccfs.http_server.connection_table import Phase
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.limits import LINGER_SECONDS

NEVER: Final = float("inf")


class ConnectionIo(asyncio.BufferedProtocol):
    """The half of a connection that knows nothing of requests."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client  # to look at, never to read from or write to
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
        """Note that the client does not read as fast as we write; the event loop calls this."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Note that the client has read; the event loop calls this."""
        self._is_write_paused = False
        self._set_drained()

    def write(self, *parts: bytes | memoryview) -> None:
        """Send bytes, in order."""
        if self.transport is not None:
            self.written += sum(map(len, parts))
            self.transport.writelines(parts) if len(parts) > 1 else self.transport.write(parts[0])

    async def drain(self) -> None:
        """Wait until the client has read most of what was written; raise ClientDisconnected."""
        while self._is_write_paused and self.transport is not None:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        self._raise_if_closing()

    async def flush(self) -> None:
        """Wait until nothing that was written waits any more; raise ClientDisconnected."""
        self._raise_if_closing()
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)  # `drain` then waits for the last byte
            await self.drain()
            self.transport.set_write_buffer_limits()

    def _raise_if_closing(self) -> None:
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected

    def pause_reading(self) -> None:
        """Leave what the client sends in the kernel, which makes it wait."""
        if not self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, if reading was paused."""
        if self._is_reading_paused and self.transport is not None:
            self._is_reading_paused = False
            self.transport.resume_reading()

    def has_unread_bytes(self) -> bool:
        """Return whether the client has sent bytes that were not read yet, such as a request that is about to be read."""
        if self.transport is None and self.accept_task is None:
            return False
        unread = bytearray(4)
        try:
            fcntl.ioctl(self._client.fileno(), termios.FIONREAD, unread)
        except (OSError, ValueError):
            return False
        return any(unread)

    def count_waiting(self) -> int:
        """Return how many bytes were written and not yet taken by the kernel."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def forget_transport(self) -> None:
        """Wake everything that waits for the client: it is gone."""
        self.transport = None
        self._set_drained()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def close(self) -> None:
        """End the connection once what was written is sent."""
        self.phase = Phase.CLOSING
        self.deadline = NEVER
        self.close_transport()

    def close_transport(self) -> None:
        """Let the transport send what was written, and close it."""
        if self.transport is not None:
            self.resume_reading()
            self.transport.close()

    def linger(self, now: float) -> None:
        """End the connection, and drop what the client still sends: otherwise it might not see the response."""
        self.phase = Phase.CLOSING
        self.deadline = now + LINGER_SECONDS
        if self.transport is not None and self.transport.can_write_eof():
            self.resume_reading()
            self.transport.write_eof()
        else:  # TLS
            self.close_transport()

    def abort_transport(self) -> None:
        """End the connection at once."""
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
