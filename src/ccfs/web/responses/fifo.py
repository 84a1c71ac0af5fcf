"""A named pipe towards the server, for answers made while they are sent. What flows through it is not known here.

The server's own stream takes in memory all that it is given, however slowly the client reads (emmett-framework/granian
#885, mended for ASGI and WSGI only). A file it reads no faster than the client does: so it is given a pipe for a file.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ccfs.web.request import ClientDisconnected

OPEN_TIMEOUT_SECONDS = 5.0  # the server opens the pipe at once or never
_POLL_SECONDS = 0.001
_PIPE_BYTES = 1 << 18  # bytes that the pipe holds: fewer turns to and fro

WriteChunk = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def open_fifo_writer(respond: Callable[[str], None]) -> AsyncIterator[WriteChunk]:
    """A function that writes; `respond` tells the server the pipe's path. ProtocolClosed once nobody reads any more."""
    descriptor = await _open_fifo(respond)
    try:
        yield lambda data: _write_all(descriptor, data)
    except BrokenPipeError:
        raise ClientDisconnected from None
    finally:
        os.close(descriptor)


async def _open_fifo(respond: Callable[[str], None]) -> int:
    """The writing end; the name is gone as soon as both ends are open."""
    folder = tempfile.mkdtemp(prefix="ccfs-")
    path = os.path.join(folder, "answer")
    try:
        os.mkfifo(path, 0o600)
        respond(path)
        descriptor = await _open_writing_end(path)
        with suppress(OSError):  # not allowed to everybody; the kernel's own 64 KB do, too
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return descriptor
    finally:
        shutil.rmtree(folder)


async def _open_writing_end(path: str) -> int:
    clock = asyncio.get_running_loop().time
    give_up = clock() + OPEN_TIMEOUT_SECONDS
    while clock() < give_up:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: nobody has opened it for reading yet
                raise
        await asyncio.sleep(_POLL_SECONDS)
    raise ClientDisconnected


async def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            await _wait_until_writable(descriptor)


async def _wait_until_writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
