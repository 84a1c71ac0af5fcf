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

from ccfs.logs import log
from ccfs.model.errors import Unavailable
from ccfs.model.ranges import Unsatisfiable, still_valid, unchanged, wanted
from ccfs.model.recording import Kept
from ccfs.model.stored_zip import pieces
from ccfs.store.locations.port import Gone
from ccfs.web import accel
from ccfs.web.answers import Answer, Flow, KeptFile, KeptZip, Lines, MadeFile, Plain, disposition
from ccfs.web.files import must_be_whole, must_have_its_size, path_of
from ccfs.web.here import Here
from ccfs.web.made import send_made
from ccfs.web.pipe import piped
from ccfs.web.request import ProtocolClosed, Request

AT_ONCE = 1 << 20  # bytes that are read here rather than by the server
GATHERED = 2 << 20  # bytes of an answer that is put together here before it is sent; more goes through a pipe

Headers = list[tuple[str, str]]
Part = tuple[Kept | bytes, int, int]  # a range of a kept file or of bytes at hand


async def send(here: Here, request: Request, answer: Answer, protocol: Any) -> tuple[int, int]:
    """Send the answer; the status and the number of bytes of its body. Raises Unavailable before anything is sent.

    Files that cannot be had where their rows say are sent from another location that has the same bytes.
    """
    if isinstance(answer, Plain):
        return _send_plain(request, answer, protocol)
    if isinstance(answer, MadeFile):
        return await send_made(request, answer, protocol)
    if isinstance(answer, Lines):
        return await _send_lines(request, answer, protocol)
    try:
        return await _send_files(here, request, answer, protocol)
    except Unavailable:
        if isinstance(answer, Flow):  # it looks elsewhere by itself
            raise
        try:
            other = await asyncio.to_thread(_from_elsewhere, here, answer)
        except OSError:  # nobody can say where else they are
            other = None
        if other is None:
            raise
        return await _send_files(here, request, other, protocol)


def _from_elsewhere(here: Here, answer: KeptFile | KeptZip) -> KeptFile | KeptZip | None:
    files = []
    for kept in _files(answer):
        copy = kept if here.elsewhere.can_be_had(kept) else kept.sha256 and here.elsewhere.find(kept)
        if not copy:
            return None
        files.append(copy)
    return replace(answer, kept=files[0]) if isinstance(answer, KeptFile) else replace(answer, files=files)


async def _send_files(
    here: Here, request: Request, answer: KeptFile | KeptZip | Flow, protocol: Any
) -> tuple[int, int]:
    headers = _file_headers(request, answer)
    if request.method in ("GET", "HEAD") and unchanged(request.headers.get("if-none-match"), answer.etag):
        protocol.response_empty(304, headers)
        return 304, 0
    try:
        span = _span(request, answer)
    except Unsatisfiable:
        headers += [("content-range", f"bytes */{answer.size}"), ("content-length", "0")]
        protocol.response_empty(416, headers)
        return 416, 0
    start, end = span or (0, answer.size)
    if (handed := await accel.headers(here, request, answer, span, headers)) is not None:
        protocol.response_empty(200, handed)
        return 206 if span else 200, end - start
    headers.append(("content-length", str(end - start)))
    if span:
        headers.append(("content-range", f"bytes {start}-{end - 1}/{answer.size}"))
    status = 206 if span else 200
    if request.method == "HEAD" or start == end:
        await asyncio.to_thread(must_be_whole, here, _files(answer))
        protocol.response_empty(status, headers)
        return status, 0
    if isinstance(answer, KeptZip):
        await _send_zip(here, answer, protocol, status, headers, start, end)
    elif isinstance(answer, Flow):
        await _pour(answer.chunks(start, end), end - start, protocol, status, headers)
    else:
        await _send_file(here, answer.kept, protocol, status, headers, start, end)
    return status, end - start


def _send_plain(request: Request, answer: Plain, protocol: Any) -> tuple[int, int]:
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]
    if answer.allow:
        headers.append(("allow", answer.allow))
    if answer.more:
        given = {name for name, _ in answer.more}
        headers = [(name, value) for name, value in headers if name not in given] + list(answer.more)
    if request.method == "HEAD":
        protocol.response_empty(answer.status, headers)
        return answer.status, 0
    protocol.response_bytes(answer.status, headers, answer.body)
    return answer.status, len(answer.body)


async def _send_lines(request: Request, answer: Lines, protocol: Any) -> tuple[int, int]:
    headers = [
        ("content-type", answer.content_type),
        ("content-disposition", disposition(answer.name)),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]
    if request.method == "HEAD":
        protocol.response_empty(200, headers)
        return 200, 0
    chunk, size = await _next(answer.chunks), 0
    async with piped(lambda path: protocol.response_file(200, headers, path)) as write:
        while chunk:
            await write(chunk)
            size += len(chunk)
            chunk = await _next(answer.chunks)
    return 200, size


async def _next(chunks: Iterator[bytes]) -> bytes:
    """The next chunk that has bytes; nothing at the end. Raises Unavailable."""
    try:
        return await asyncio.to_thread(next, filter(None, chunks), b"")
    except (Gone, OSError, SQLAlchemyError) as error:
        raise Unavailable from error


def _file_headers(request: Request, answer: KeptFile | KeptZip | Flow) -> Headers:
    return [
        ("content-type", answer.content_type),
        ("etag", answer.etag),
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline" if answer.is_inline else disposition(answer.name)),
        ("cache-control", "private, no-cache"),  # a proxy must not keep a call; a player may ask again by its tag
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]


def _span(request: Request, answer: KeptFile | KeptZip | Flow) -> tuple[int, int] | None:
    if request.method == "HEAD" or not still_valid(request.headers.get("if-range"), answer.etag):
        return None
    return wanted(request.headers.get("range"), answer.size)


async def _send_file(
    here: Here, kept: Kept, protocol: Any, status: int, headers: Headers, start: int, end: int
) -> None:
    path = path_of(here, kept)
    if path is None:
        return await _stream(here, [(kept, start, end)], protocol, status, headers)
    if end - start <= AT_ONCE:
        protocol.response_bytes(status, headers, _bytes_of(path, kept, start, end))
        return
    must_have_its_size(path, kept)
    if status == 206:
        protocol.response_file_range(status, headers, path, start, end)
    else:
        protocol.response_file(status, headers, path)


def _bytes_of(path: str, kept: Kept, start: int, end: int) -> bytes:
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
        raise Unavailable from error
    if not is_whole:
        raise Unavailable
    return data


async def _send_zip(
    here: Here, answer: KeptZip, protocol: Any, status: int, headers: Headers, start: int, end: int
) -> None:
    parts: list[Part] = []
    for segment, low, high in pieces(answer.segments, start, end):
        parts.append((segment.data if segment.member is None else answer.files[segment.member], low, high))
    await _stream(here, parts, protocol, status, headers)


def _files(answer: KeptFile | KeptZip | Flow) -> Sequence[Kept]:
    if isinstance(answer, Flow):  # they are looked at one by one
        return []
    return [answer.kept] if isinstance(answer, KeptFile) else answer.files


async def _stream(here: Here, parts: Sequence[Part], protocol: Any, status: int, headers: Headers) -> None:
    files = [part for part, _, _ in parts if isinstance(part, Kept)]
    size = sum(high - low for _, low, high in parts)
    if len(files) > 1 or size > GATHERED:  # a small one shows by itself whether it is whole: one question less
        await asyncio.to_thread(must_be_whole, here, files)
    await _pour(_chunks(here, parts), size, protocol, status, headers)


async def _pour(chunks: Iterator[bytes], size: int, protocol: Any, status: int, headers: Headers) -> None:
    """Send what comes, `size` bytes; where it stops too early, the connection ends, too."""
    try:
        if size <= GATHERED:
            protocol.response_bytes(status, headers, await asyncio.to_thread(b"".join, chunks))
            return
        first = await asyncio.to_thread(next, chunks)
    except (Gone, OSError, SQLAlchemyError) as error:
        raise Unavailable from error
    async with piped(lambda path: protocol.response_file(status, headers, path)) as write:
        await write(first)
        try:
            while chunk := await _next(chunks):
                await write(chunk)
        except (Gone, Unavailable) as error:
            log().error("a file was lost while it was sent", action="answer_cut", reason=repr(error.__cause__ or error))
            raise ProtocolClosed from None


def _chunks(here: Here, parts: Sequence[Part]) -> Iterator[bytes]:
    """The parts' bytes; raises Gone where a file ends too early or too late, for what follows must not move."""
    for part, low, high in parts:
        if isinstance(part, bytes):
            yield part[low:high]
        else:
            yield from _with_copy(here, part, low, high)


def _with_copy(here: Here, kept: Kept, low: int, high: int) -> Iterator[bytes]:
    """A file's bytes; one that is lost on the way, for it was moved meanwhile, goes on from a copy if there is one."""
    at = low
    try:
        for chunk in _exactly(here, kept, low, high):
            at += len(chunk)
            yield chunk
    except (Gone, OSError):
        copy = here.elsewhere.find(kept) if kept.sha256 else None
        if copy is None:
            raise
        yield from _exactly(here, copy, at, high)


def _exactly(here: Here, kept: Kept, low: int, high: int) -> Iterator[bytes]:
    left = high - low
    end = None if high == kept.size else high  # so that a longer file shows itself
    for chunk in here.locations[kept.location_id].read(kept.key, low, end):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise Gone(kept.key)
