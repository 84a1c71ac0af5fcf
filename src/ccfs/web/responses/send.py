"""Sending responses: bytes, stored blobs and ranges of them, generated bodies.

Measured: up to MAX_INLINE_READ_BYTES goes out fastest if it is read here and sent as bytes. Above that sendfile wins, and keeps
memory flat. Whatever waits in memory for slow clients counts against a budget; beyond it, bodies are sent from their source.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from ccfs.blobs.replicas import Replicas
from ccfs.http_server.exchange import Exchange
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobDamaged
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses import x_accel
from ccfs.web.responses.blob_checks import get_local_path, verify_blob_size, verify_file_size
from ccfs.web.responses.headers import (
    Headers,
    SelectedRange,
    build_bytes_headers,
    build_file_headers,
    select_range,
)
from ccfs.web.responses.streaming import run_in_thread, send_stream
from ccfs.web.responses.types import BlobResponse, BytesResponse, Response, StreamedResponse
from ccfs.web.responses.verified_files import MAX_READ_FIRST_BYTES, check_bytes

MAX_INLINE_READ_BYTES = 1 << 17  # of a file that is read at once rather than sent by sendfile
MAX_BUFFERED_BYTES = 2 << 20  # of a body that is generated before it is sent; more is streamed


async def send_response(
    context: WebContext, request: Request, response: Response, exchange: Exchange
) -> tuple[int, int]:
    """Send the response; return the status and the size of its body. Raise FileUnavailable before anything is sent."""
    match response:
        case BytesResponse():
            if exchange.is_paced:
                await exchange.pace(len(response.body))
            return _send_bytes(request, response, exchange)
        case StreamedResponse():
            try:
                return await _send_streamed(request, response, exchange)
            finally:
                await response.close()
        case BlobResponse():
            return await _send_from_anywhere(context, request, response, exchange)


async def _send_from_anywhere(
    context: WebContext, request: Request, response: BlobResponse, exchange: Exchange
) -> tuple[int, int]:
    """Send the blob from its row's location, or from a replica. Raise FileUnavailable with the cause of the first failure."""
    blob = response.blob
    try:
        return await _send_blob(context, request, response, exchange)
    except FileUnavailable as error:
        failure = error.about(blob.location_id, blob.key)
    try:
        source = await run_in_thread(partial(_find_other_source, context.replicas, blob, failure))
        if source is None:
            raise failure
        sent = await _send_blob(context, request, replace(response, blob=source), exchange)
    except FileUnavailable:
        raise failure from failure.__cause__
    if failure.reason == "damaged":
        context.failures.record(failure)  # it was served all the same
    return sent


def _find_other_source(replicas: Replicas, blob: BlobRef, failure: FileUnavailable) -> BlobRef | None:
    """Return where else to read a blob that could not be sent. A damaged one is reported, because its size looks right."""
    if failure.reason != "damaged":
        return replicas.resolve(blob)
    replicas.report_damaged(blob)
    return replicas.find(blob)


def _send_bytes(request: Request, response: BytesResponse, exchange: Exchange) -> tuple[int, int]:
    headers = build_bytes_headers(request, response)
    if request.method == "HEAD":
        return _send_empty(exchange, response.status, headers)
    exchange.send_bytes(response.status, headers, response.body)
    return response.status, len(response.body)


def _send_empty(exchange: Exchange, status: int, headers: Headers) -> tuple[int, int]:
    exchange.send_empty(status, headers)
    return status, 0


async def _send_streamed(request: Request, response: StreamedResponse, exchange: Exchange) -> tuple[int, int]:
    selected = select_range(request, response.etag, response.size)
    headers = [*build_file_headers(request, response), *selected.headers]
    if not selected.has_body:
        return _send_empty(exchange, selected.status, headers)
    is_short = response.has_ranges and selected.size <= MAX_BUFFERED_BYTES and exchange.can_buffer(selected.size)
    if request.method == "HEAD" or (is_short and selected.size == 0):
        await run_in_thread(response.check)
        return _send_empty(exchange, selected.status, headers)
    chunks = response.chunks(selected.start, selected.end)
    if is_short:
        body = await run_in_thread(partial(b"".join, chunks), response.executor)
        if len(body) != selected.size:
            raise FileUnavailable
        await exchange.pace(selected.size)
        exchange.send_bytes(selected.status, headers, body)
        return selected.status, selected.size
    exchange.stall_timeout = response.stall_timeout or 0.0
    is_slow = not response.has_ranges
    size = await send_stream(chunks, exchange, selected.status, headers, executor=response.executor, is_slow=is_slow)
    return selected.status, size


async def _send_blob(
    context: WebContext, request: Request, response: BlobResponse, exchange: Exchange
) -> tuple[int, int]:
    """Send the blob from the location in its reference. Raise FileUnavailable if its bytes are missing."""
    selected = select_range(request, response.etag, response.size)
    headers = build_file_headers(request, response)
    if not selected.has_body:
        return _send_empty(exchange, selected.status, headers + selected.headers)
    is_whole, is_sent = (selected.start, selected.end) == (0, response.size), request.method != "HEAD"
    path = get_local_path(context, response.blob)
    if path is not None and is_whole and is_sent and context.settings.x_accel:
        await _verify_file(context, path, response.blob)  # of any size: nginx sends it
    redirect = await x_accel.build_headers(context, request, response, selected, headers)
    if redirect is not None:
        if exchange.pacer is not None and exchange.is_paced:  # nginx sends, and applies it to each response
            redirect = [*redirect, ("x-accel-limit-rate", str(max(int(exchange.pacer.rate), 1)))]
        exchange.send_empty(200, redirect)
        return selected.status, selected.size
    headers += selected.headers
    if request.method == "HEAD" or selected.size == 0:
        await run_in_thread(partial(verify_blob_size, context, response.blob))
        return _send_empty(exchange, selected.status, headers)
    if path is None:
        await _send_remote_blob(context, response.blob, exchange, headers, selected)
    else:
        await _send_file(context, path, response.blob, exchange, headers, selected)
    return selected.status, selected.size


async def _send_remote_blob(
    context: WebContext, blob: BlobRef, exchange: Exchange, headers: Headers, selected: SelectedRange
) -> None:
    """Send bytes that this node has no file of. A short body proves its size itself, which saves a request for it."""
    is_short = selected.size <= MAX_BUFFERED_BYTES and exchange.can_buffer(selected.size)
    chunks = context.replicas.read(blob, selected.start, selected.end, check_size=not is_short)
    if is_short:
        body = await run_in_thread(partial(b"".join, chunks))
        await exchange.pace(len(body))
        exchange.send_bytes(selected.status, headers, body)
    else:
        await send_stream(chunks, exchange, selected.status, headers)


async def _send_file(
    context: WebContext, path: str, blob: BlobRef, exchange: Exchange, headers: Headers, selected: SelectedRange
) -> None:
    """Send a file, or a part of it. A whole one is sent only if its bytes are right: see verified_files.py."""
    if selected.size <= MAX_INLINE_READ_BYTES and exchange.can_buffer(selected.size):
        if exchange.is_paced:
            await exchange.pace(selected.size)
        exchange.send_bytes(selected.status, headers, _read_file_range(path, blob, selected.start, selected.end))
        return
    with _open_verified_size(path, blob) as descriptor:
        files, is_whole = context.verified_files, selected.size == blob.size
        if is_whole and not files.is_verified(descriptor, blob):
            if blob.size > MAX_READ_FIRST_BYTES:
                chunks = _report_damage(context, blob, files.read(descriptor, blob))
                await send_stream(chunks, exchange, selected.status, headers)
                return
            await run_in_thread(partial(files.verify, descriptor, blob))
        await exchange.send_file(selected.status, headers, descriptor, selected.start, selected.end)


def _report_damage(context: WebContext, blob: BlobRef, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks. Report the blob if they turn out to be damaged."""
    try:
        yield from chunks
    except BlobDamaged:
        context.replicas.report_damaged(blob)
        raise


async def _verify_file(context: WebContext, path: str, blob: BlobRef) -> None:
    """Raise FileUnavailable unless the file has the blob's bytes, or had them a while ago and is unchanged."""
    with _open_verified_size(path, blob) as descriptor:
        if not context.verified_files.is_verified(descriptor, blob):
            await run_in_thread(partial(context.verified_files.verify, descriptor, blob))


@contextmanager
def _open_verified_size(path: str, blob: BlobRef) -> Iterator[int]:
    """Yield a descriptor of the file; raise FileUnavailable unless it has the recorded size."""
    verify_file_size(path, blob)
    try:
        descriptor = _open_file(path)
    except OSError as error:
        raise FileUnavailable from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_file(path: str) -> int:
    """Return a descriptor of a file that is no link. Opening a FIFO does not wait for its other end."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _read_file_range(path: str, blob: BlobRef, start: int, end: int) -> bytes:
    """Return the bytes [start, end) of a file; raise FileUnavailable unless it has the recorded size."""
    try:
        descriptor = _open_file(path)
        try:
            if end - start == blob.size:
                data = os.pread(descriptor, blob.size + 1, 0)  # one byte more, so that excess bytes are noticed
                has_recorded_size = len(data) == blob.size
            else:
                data = os.pread(descriptor, end - start, start)
                has_recorded_size = os.fstat(descriptor).st_size == blob.size
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileUnavailable from error
    if not has_recorded_size:
        raise FileUnavailable().about(blob.location_id, blob.key, "size")
    if len(data) == blob.size:
        check_bytes(data, blob)
    return data
