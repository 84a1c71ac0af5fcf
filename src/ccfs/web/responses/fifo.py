"""A named pipe (FIFO) to the server, for bodies that are generated while they are sent.

Granian's own stream buffers in memory all that it is given, however slowly the client reads (emmett-framework/granian
#885, fixed for ASGI and WSGI only). It reads files at the client's pace, so we hand it a FIFO instead of a file.
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

OPEN_TIMEOUT_SECONDS = 5.0  # the server opens the FIFO at once or never
_POLL_SECONDS = 0.001
_PIPE_BYTES = 1 << 18  # buffer of the FIFO: a larger one needs fewer context switches

WriteChunk = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def open_fifo_writer(respond: Callable[[str], None]) -> AsyncIterator[WriteChunk]:
    """Yield a function that writes to the FIFO, whose path `respond` gives to the server.

    Raise ClientDisconnected once the server has stopped reading.
    """
    descriptor = await _open_fifo(respond)
    try:
        yield lambda data: _write_all(descriptor, data)
    except BrokenPipeError:
        raise ClientDisconnected from None
    finally:
        os.close(descriptor)


async def _open_fifo(respond: Callable[[str], None]) -> int:
    """Return the writing end. The FIFO's name is removed as soon as both ends are open."""
    folder = tempfile.mkdtemp(prefix="ccfs-")
    path = os.path.join(folder, "body")
    try:
        os.mkfifo(path, 0o600)
        respond(path)
        descriptor = await _open_writing_end(path)
        with suppress(OSError):  # not every user may; the default of 64 KB works, too
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return descriptor
    finally:
        shutil.rmtree(folder)


async def _open_writing_end(path: str) -> int:
    clock = asyncio.get_running_loop().time
    deadline = clock() + OPEN_TIMEOUT_SECONDS
    while clock() < deadline:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: the server has not opened it for reading yet
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
