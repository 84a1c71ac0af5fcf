"""Send a range of a file: by sendfile on plain connections, by reading on TLS. Threads wait for disks and sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

from ccfs.http_server.errors import ClientDisconnected

if TYPE_CHECKING:
    from ccfs.http_server.connections.connection import Connection
    from ccfs.http_server.exchange import Exchange

_SLICE_BYTES: Final = 4 << 20  # that one call in a thread sends at most
_SHORT_BYTES: Final = 1 << 20  # of a range that is sent without a thread if no disk has to be waited for
_READ_BYTES: Final = 1 << 17  # that are read at a time for TLS
_CLIENT_IS_FULL: Final = -1


async def send_file_range(
    exchange: Exchange, connection: Connection, head: bytes, descriptor: int, start: int, end: int
) -> None:
    """Send a response head and the bytes [start, end) of a file, at the exchange's pace.

    Raise ClientDisconnected, also if the file ends early.
    """
    transport = connection.transport
    if transport is None:
        raise ClientDisconnected
    if transport.get_extra_info("sslcontext") is not None:
        await _send_by_reading(exchange, connection, head, descriptor, start, end)
        return
    await connection.flush()
    sender = _SocketSender(exchange, connection)
    try:
        await sender.send_head(head)
        await sender.send_range(descriptor, start, end)
    finally:
        sender.close()


async def _send_by_reading(
    exchange: Exchange, connection: Connection, head: bytes, descriptor: int, start: int, end: int
) -> None:
    loop = asyncio.get_running_loop()
    connection.write(head)
    at = start
    while at < end:
        size = min(exchange.get_turn_size(_READ_BYTES), end - at)
        try:
            await exchange.pace(size)
        except ClientDisconnected:
            raise ClientDisconnected(at - start) from None
        data = await loop.run_in_executor(None, os.pread, descriptor, size, at)
        if not data:
            connection.abort()
            raise ClientDisconnected(at - start)
        connection.write(data)
        at += len(data)
        try:
            await connection.drain()
        except ClientDisconnected:
            raise ClientDisconnected(at - start) from None


class _SocketSender:
    """Writes to a connection's socket directly, while its transport has nothing to write.

    As long as nothing has to be waited for, it is the socket of the transport, which cannot end meanwhile. Threads and the event
    loop get a duplicate: the loop watches a descriptor only once, and the number of a closed one may belong to another connection.
    """

    def __init__(self, exchange: Exchange, connection: Connection) -> None:
        self._exchange = exchange
        self._connection = connection
        self._socket = connection.client
        self._is_duplicate = False

    def _duplicate(self) -> socket.socket:
        """Return a socket that stays open until `close`. Raise ClientDisconnected."""
        if not self._is_duplicate:
            if self._connection.transport is None:
                raise ClientDisconnected
            self._socket = self._connection.client.dup()
            self._socket.setblocking(False)
            self._is_duplicate = True
            self._connection.side_socket = self._socket
        return self._socket

    async def send_head(self, head: bytes) -> None:
        left = memoryview(head)
        while left:
            try:
                sent = self._socket.send(left, socket.MSG_MORE)
            except BlockingIOError:
                await self._wait_until_writable()
                continue
            except OSError:
                raise ClientDisconnected from None
            self._connection.written += sent
            left = left[sent:]

    async def send_range(self, descriptor: int, start: int, end: int) -> None:
        loop = asyncio.get_running_loop()
        at = start
        try:
            turn_end = start  # up to which the exchange's pace allows to send
            while at < end:
                if at == turn_end:
                    turn_end = at + self._exchange.get_turn_size(min(_SLICE_BYTES, end - at))
                    await self._exchange.pace(turn_end - at)
                if self._connection.transport is None:
                    raise ClientDisconnected
                if turn_end - at <= _SHORT_BYTES and _is_in_memory(descriptor, at, turn_end):
                    sent = self._send_slice(descriptor, at, turn_end)
                else:
                    self._duplicate()
                    sent = await loop.run_in_executor(None, self._send_slice, descriptor, at, turn_end)
                if sent == _CLIENT_IS_FULL:
                    await self._wait_until_writable()
                elif sent == 0:  # the file has become shorter
                    self._connection.abort()
                    raise ClientDisconnected
                else:
                    at += sent
                    self._connection.written += sent
        except (ClientDisconnected, OSError):
            raise ClientDisconnected(at - start) from None

    def _send_slice(self, descriptor: int, start: int, end: int) -> int:
        """Send as much as the client accepts without waiting. Return the size."""
        at, stop = start, min(end, start + _SLICE_BYTES)
        try:
            while at < stop:
                sent = os.sendfile(self._socket.fileno(), descriptor, at, stop - at)
                if sent == 0:
                    break
                at += sent
        except BlockingIOError:
            return at - start or _CLIENT_IS_FULL
        return at - start

    async def _wait_until_writable(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._duplicate().fileno()
        ready: asyncio.Future[None] = loop.create_future()
        self._connection.on_disconnect = partial(_resolve, ready)
        loop.add_writer(descriptor, _resolve, ready)
        try:
            await ready
        finally:
            loop.remove_writer(descriptor)
            self._connection.on_disconnect = None
        if self._connection.transport is None:
            raise ClientDisconnected

    def close(self) -> None:
        if self._is_duplicate:
            self._connection.side_socket = None
            self._socket.close()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _is_in_memory(descriptor: int, start: int, end: int) -> bool:
    """Return whether the first and last bytes of a range, and so probably the rest, can be read without waiting for a disk."""
    probe = bytearray(1)
    try:
        return all(os.preadv(descriptor, [probe], at, os.RWF_NOWAIT) for at in (start, end - 1))
    except OSError:  # not in memory, or a file system that cannot tell
        return False
