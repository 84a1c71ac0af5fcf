"""Sending a body that threads generate, at the pace of the client."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.exchange import Exchange
from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.web.responses.headers import Headers

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T], executor: Executor | None = None) -> T:
    """Return what `work` returns; raise FileUnavailable where bytes, their location or the database are unavailable."""
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    except (BlobNotFound, OSError, SQLAlchemyError) as error:
        raise FileUnavailable from error


async def send_stream(
    chunks: Iterator[bytes],
    exchange: Exchange,
    status: int,
    headers: Headers,
    *,
    executor: Executor | None = None,
    is_slow: bool = False,
) -> int:
    """Send the chunks and return their size. Raise FileUnavailable before the first, ClientDisconnected after it.

    Chunks are sent in batches, which need fewer threads, unless they come from a slow source: then each is sent at once. A body
    that ends early must not look complete: the connection ends with it.
    """
    filled = filter(None, chunks)  # an empty chunk is not the end
    chunk, size = await run_in_thread(lambda: next(filled, b""), executor), 0
    await exchange.start_stream(status, headers)
    try:
        while chunk:
            await exchange.write(chunk)
            size += len(chunk)
            batch_bytes = 1 if is_slow else exchange.stream_batch_bytes
            chunk = await run_in_thread(partial(_take_batch, filled, batch_bytes), executor)
        await exchange.end_stream()
    except ClientDisconnected:
        raise ClientDisconnected(size) from None
    except Exception as error:  # noqa: BLE001  of any kind: it is too late for another response
        exchange.abort()
        reason = repr(error.__cause__ or error)
        get_logger().error("file became unavailable during transfer", action="response_aborted", reason=reason)
        raise ClientDisconnected(size) from None
    return size


def _take_batch(chunks: Iterator[bytes], size: int) -> bytes:
    """Return the next chunks, joined, of at least that size; empty at the end."""
    batch, taken = [], 0
    for chunk in chunks:
        batch.append(chunk)
        taken += len(chunk)
        if taken >= size:
            break
    return batch[0] if len(batch) == 1 else b"".join(batch)
