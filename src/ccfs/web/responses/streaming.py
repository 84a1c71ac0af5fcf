"""Sending a body that threads generate, at the pace of the client."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.web.request import ClientDisconnected
from ccfs.web.responses.fifo import open_fifo_writer
from ccfs.web.responses.headers import Headers

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T], executor: Executor | None = None) -> T:
    """Return what `work` returns; raise FileUnavailable where bytes, their location or the database are unavailable."""
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    except (BlobNotFound, OSError, SQLAlchemyError) as error:
        raise FileUnavailable from error


async def send_through_fifo(
    chunks: Iterator[bytes],
    protocol: Any,
    status: int,
    headers: Headers,
    *,
    executor: Executor | None = None,
    stall_timeout: float | None = None,
) -> int:
    """Send the chunks and return their size. Raise FileUnavailable before the first, ClientDisconnected after it.

    A body that ends early must not look complete: the connection ends with it.
    """
    filled = filter(None, chunks)  # an empty chunk is not the end
    chunk, size = await run_in_thread(lambda: next(filled, b""), executor), 0
    async with open_fifo_writer(lambda path: protocol.response_file(status, headers, path)) as write:
        try:
            while chunk:
                await asyncio.wait_for(write(chunk), stall_timeout)
                size += len(chunk)
                chunk = await run_in_thread(lambda: next(filled, b""), executor)
        except TimeoutError:
            raise ClientDisconnected from None
        except (ClientDisconnected, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  of any kind: it is too late for another response
            reason = repr(error.__cause__ or error)
            get_logger().error("file became unavailable during transfer", action="response_aborted", reason=reason)
            raise ClientDisconnected from None
    return size
