"""Sending answers: whole files, ranges, zips. What to send was decided elsewhere.

Measured: a piece of up to a megabyte goes out fastest when it is read here and given to the server as bytes; above that
the server's own file path wins, and keeps memory flat. The framework's usual range answer is a hundred times slower.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.errors import FileUnavailable
from ccfs.model.formats.http_range import RangeNotSatisfiable, if_range_matches, is_not_modified, parse_range
from ccfs.model.formats.stored_zip import iter_slices
from ccfs.web.context import WebContext
from ccfs.web.request import ClientDisconnected, Request
from ccfs.web.responses import x_accel
from ccfs.web.responses.blob_checks import get_local_path, verify_blob_sizes, verify_file_size
from ccfs.web.responses.encoded import send_encoded
from ccfs.web.responses.fifo import open_fifo_writer
from ccfs.web.responses.types import (
    BlobResponse,
    BlobZipResponse,
    BytesResponse,
    ChunkedResponse,
    EncodedResponse,
    RangeStreamResponse,
    Response,
    format_content_disposition,
)

MAX_INLINE_READ_BYTES = 1 << 20  # bytes that are read here rather than by the server
MAX_BUFFERED_BYTES = 2 << 20  # bytes of an answer that is put together here before it is sent; more goes through a pipe

Headers = list[tuple[str, str]]
BodyPart = tuple[BlobRef | bytes, int, int]  # a range of a kept file or of bytes at hand


async def send_response(here: WebContext, request: Request, answer: Response, protocol: Any) -> tuple[int, int]:
    """Send the answer; the status and the number of bytes of its body. Raises Unavailable before anything is sent.

    Files that cannot be had where their rows say are sent from another location that has the same bytes.
    """
    if isinstance(answer, BytesResponse):
        return _send_bytes(request, answer, protocol)
    if isinstance(answer, EncodedResponse):
        return await send_encoded(request, answer, protocol)
    if isinstance(answer, ChunkedResponse):
        return await _send_chunked(request, answer, protocol)
    try:
        return await _send_ranged(here, request, answer, protocol)
    except FileUnavailable:
        if isinstance(answer, RangeStreamResponse):  # it looks elsewhere by itself
            raise
        try:
            other = await asyncio.to_thread(_with_replicas, here, answer)
        except OSError:  # nobody can say where else they are
            other = None
        if other is None:
            raise
        return await _send_ranged(here, request, other, protocol)


def _with_replicas(here: WebContext, answer: BlobResponse | BlobZipResponse) -> BlobResponse | BlobZipResponse | None:
    files = []
    for kept in _list_blobs(answer):
        copy = kept if here.replicas.is_available(kept) else kept.sha256 and here.replicas.find(kept)
        if not copy:
            return None
        files.append(copy)
    return replace(answer, blob=files[0]) if isinstance(answer, BlobResponse) else replace(answer, blobs=files)


async def _send_ranged(
    here: WebContext, request: Request, answer: BlobResponse | BlobZipResponse | RangeStreamResponse, protocol: Any
) -> tuple[int, int]:
    headers = _build_file_headers(request, answer)
    if request.method in ("GET", "HEAD") and is_not_modified(request.headers.get("if-none-match"), answer.etag):
        protocol.response_empty(304, headers)
        return 304, 0
    try:
        span = _parse_requested_range(request, answer)
    except RangeNotSatisfiable:
        headers += [("content-range", f"bytes */{answer.size}"), ("content-length", "0")]
        protocol.response_empty(416, headers)
        return 416, 0
    start, end = span or (0, answer.size)
    if (handed := await x_accel.build_headers(here, request, answer, span, headers)) is not None:
        protocol.response_empty(200, handed)
        return 206 if span else 200, end - start
    headers.append(("content-length", str(end - start)))
    if span:
        headers.append(("content-range", f"bytes {start}-{end - 1}/{answer.size}"))
    status = 206 if span else 200
    if request.method == "HEAD" or start == end:
        await asyncio.to_thread(verify_blob_sizes, here, _list_blobs(answer))
        protocol.response_empty(status, headers)
        return status, 0
    if isinstance(answer, BlobZipResponse):
        await _send_zip(here, answer, protocol, status, headers, start, end)
    elif isinstance(answer, RangeStreamResponse):
        await _send_stream(answer.iter_range(start, end), end - start, protocol, status, headers)
    else:
        await _send_blob(here, answer.blob, protocol, status, headers, start, end)
    return status, end - start


def _send_bytes(request: Request, answer: BytesResponse, protocol: Any) -> tuple[int, int]:
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]
    if answer.allowed_methods:
        headers.append(("allow", answer.allowed_methods))
    if answer.extra_headers:
        given = {name for name, _ in answer.extra_headers}
        headers = [(name, value) for name, value in headers if name not in given] + list(answer.extra_headers)
    if request.method == "HEAD":
        protocol.response_empty(answer.status, headers)
        return answer.status, 0
    protocol.response_bytes(answer.status, headers, answer.body)
    return answer.status, len(answer.body)


async def _send_chunked(request: Request, answer: ChunkedResponse, protocol: Any) -> tuple[int, int]:
    headers = [
        ("content-type", answer.content_type),
        ("content-disposition", format_content_disposition(answer.name)),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]
    if request.method == "HEAD":
        protocol.response_empty(200, headers)
        return 200, 0
    chunk, size = await _next_chunk(answer.chunks), 0
    async with open_fifo_writer(lambda path: protocol.response_file(200, headers, path)) as write:
        while chunk:
            await write(chunk)
            size += len(chunk)
            chunk = await _next_chunk(answer.chunks)
    return 200, size


async def _next_chunk(chunks: Iterator[bytes]) -> bytes:
    """The next chunk that has bytes; nothing at the end. Raises Unavailable."""
    try:
        return await asyncio.to_thread(next, filter(None, chunks), b"")
    except (BlobNotFound, OSError, SQLAlchemyError) as error:
        raise FileUnavailable from error


def _build_file_headers(request: Request, answer: BlobResponse | BlobZipResponse | RangeStreamResponse) -> Headers:
    return [
        ("content-type", answer.content_type),
        ("etag", answer.etag),
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline" if answer.is_inline else format_content_disposition(answer.name)),
        ("cache-control", "private, no-cache"),  # a proxy must not keep a call; a player may ask again by its tag
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]


def _parse_requested_range(
    request: Request, answer: BlobResponse | BlobZipResponse | RangeStreamResponse
) -> tuple[int, int] | None:
    if request.method == "HEAD" or not if_range_matches(request.headers.get("if-range"), answer.etag):
        return None
    return parse_range(request.headers.get("range"), answer.size)


async def _send_blob(
    here: WebContext, kept: BlobRef, protocol: Any, status: int, headers: Headers, start: int, end: int
) -> None:
    path = get_local_path(here, kept)
    if path is None:
        return await _send_parts(here, [(kept, start, end)], protocol, status, headers)
    if end - start <= MAX_INLINE_READ_BYTES:
        protocol.response_bytes(status, headers, _read_file_range(path, kept, start, end))
        return
    verify_file_size(path, kept)
    if status == 206:
        protocol.response_file_range(status, headers, path, start, end)
    else:
        protocol.response_file(status, headers, path)


def _read_file_range(path: str, kept: BlobRef, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file that has its recorded size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if end - start == kept.size:
                data = os.pread(descriptor, kept.size + 1, 0)  # one more: a longer file shows itself
                is_whole = len(data) == kept.size
            else:
                data = os.pread(descriptor, end - start, start)
                is_whole = os.fstat(descriptor).st_size == kept.size
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileUnavailable from error
    if not is_whole:
        raise FileUnavailable
    return data


async def _send_zip(
    here: WebContext, answer: BlobZipResponse, protocol: Any, status: int, headers: Headers, start: int, end: int
) -> None:
    parts: list[BodyPart] = []
    for segment, low, high in iter_slices(answer.segments, start, end):
        parts.append((segment.data if segment.member is None else answer.blobs[segment.member], low, high))
    await _send_parts(here, parts, protocol, status, headers)


def _list_blobs(answer: BlobResponse | BlobZipResponse | RangeStreamResponse) -> Sequence[BlobRef]:
    if isinstance(answer, RangeStreamResponse):  # they are looked at one by one
        return []
    return [answer.blob] if isinstance(answer, BlobResponse) else answer.blobs


async def _send_parts(
    here: WebContext, parts: Sequence[BodyPart], protocol: Any, status: int, headers: Headers
) -> None:
    files = [part for part, _, _ in parts if isinstance(part, BlobRef)]
    size = sum(high - low for _, low, high in parts)
    if (
        len(files) > 1 or size > MAX_BUFFERED_BYTES
    ):  # a small one shows by itself whether it is whole: one question less
        await asyncio.to_thread(verify_blob_sizes, here, files)
    await _send_stream(_read_parts(here, parts), size, protocol, status, headers)


async def _send_stream(chunks: Iterator[bytes], size: int, protocol: Any, status: int, headers: Headers) -> None:
    """Send what comes, `size` bytes; where it stops too early, the connection ends, too."""
    try:
        if size <= MAX_BUFFERED_BYTES:
            protocol.response_bytes(status, headers, await asyncio.to_thread(b"".join, chunks))
            return
        first = await asyncio.to_thread(next, chunks)
    except (BlobNotFound, OSError, SQLAlchemyError) as error:
        raise FileUnavailable from error
    async with open_fifo_writer(lambda path: protocol.response_file(status, headers, path)) as write:
        await write(first)
        try:
            while chunk := await _next_chunk(chunks):
                await write(chunk)
        except (BlobNotFound, FileUnavailable) as error:
            get_logger().error(
                "a file was lost while it was sent", action="answer_cut", reason=repr(error.__cause__ or error)
            )
            raise ClientDisconnected from None


def _read_parts(here: WebContext, parts: Sequence[BodyPart]) -> Iterator[bytes]:
    """The parts' bytes; raises Gone where a file ends too early or too late, for what follows must not move."""
    for part, low, high in parts:
        if isinstance(part, bytes):
            yield part[low:high]
        else:
            yield from _read_with_replica(here, part, low, high)


def _read_with_replica(here: WebContext, kept: BlobRef, low: int, high: int) -> Iterator[bytes]:
    """A file's bytes; one that is lost on the way, for it was moved meanwhile, goes on from a copy if there is one."""
    at = low
    try:
        for chunk in _read_exactly(here, kept, low, high):
            at += len(chunk)
            yield chunk
    except (BlobNotFound, OSError):
        copy = here.replicas.find(kept) if kept.sha256 else None
        if copy is None:
            raise
        yield from _read_exactly(here, copy, at, high)


def _read_exactly(here: WebContext, kept: BlobRef, low: int, high: int) -> Iterator[bytes]:
    left = high - low
    end = None if high == kept.size else high  # so that a longer file shows itself
    for chunk in here.locations[kept.location_id].read(kept.key, low, end):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise BlobNotFound(kept.key)
