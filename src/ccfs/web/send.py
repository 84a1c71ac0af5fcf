"""Sending answers: whole files, ranges, zips. What to send was decided elsewhere.

Measured: a piece of up to a megabyte goes out fastest when it is read here and given to the server as bytes; above that
the server's own file path wins, and keeps memory flat. The framework's usual range answer is a hundred times slower.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ccfs.logs import log
from ccfs.model.errors import Unavailable
from ccfs.model.ranges import Unsatisfiable, still_valid, unchanged, wanted
from ccfs.model.recording import Kept
from ccfs.model.stored_zip import pieces
from ccfs.store.locations.port import Gone, Unreachable
from ccfs.web import accel
from ccfs.web.answers import Answer, KeptFile, KeptZip, Plain, disposition
from ccfs.web.files import must_have_its_size, path_of
from ccfs.web.here import Here
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
    try:
        return await _send_files(here, request, answer, protocol)
    except Unavailable:
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


async def _send_files(here: Here, request: Request, answer: KeptFile | KeptZip, protocol: Any) -> tuple[int, int]:
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
    if (place := accel.place(here, request, answer, span)) is not None:
        protocol.response_empty(200, accel.headers(headers, span, place))
        return 206 if span else 200, end - start
    headers.append(("content-length", str(end - start)))
    if span:
        headers.append(("content-range", f"bytes {start}-{end - 1}/{answer.size}"))
    status = 206 if span else 200
    if request.method == "HEAD" or start == end:
        await asyncio.to_thread(_must_be_whole, here, _files(answer))
        protocol.response_empty(status, headers)
        return status, 0
    if isinstance(answer, KeptZip):
        await _send_zip(here, answer, protocol, status, headers, start, end)
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


def _file_headers(request: Request, answer: KeptFile | KeptZip) -> Headers:
    return [
        ("content-type", answer.content_type),
        ("etag", answer.etag),
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline" if answer.is_inline else disposition(answer.name)),
        ("cache-control", "private, no-cache"),  # a proxy must not keep a call; a player may ask again by its tag
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request.id),
    ]


def _span(request: Request, answer: KeptFile | KeptZip) -> tuple[int, int] | None:
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


def _files(answer: KeptFile | KeptZip) -> Sequence[Kept]:
    return [answer.kept] if isinstance(answer, KeptFile) else answer.files


def _must_be_whole(here: Here, files: Sequence[Kept]) -> None:
    """An answer with a hole must fail before its first byte, as JSON, not in its middle."""
    try:
        if any(here.locations[kept.location_id].size(kept.key) != kept.size for kept in files):
            raise Unavailable
    except (KeyError, Gone, OSError) as error:
        raise Unavailable from error


async def _stream(here: Here, parts: Sequence[Part], protocol: Any, status: int, headers: Headers) -> None:
    files = [part for part, _, _ in parts if isinstance(part, Kept)]
    is_small = sum(high - low for _, low, high in parts) <= GATHERED
    if len(files) > 1 or not is_small:  # a small one shows by itself whether it is whole: one question less
        await asyncio.to_thread(_must_be_whole, here, files)
    chunks = _chunks(here, parts)
    try:
        if is_small:
            protocol.response_bytes(status, headers, await asyncio.to_thread(b"".join, chunks))
            return
        first = await asyncio.to_thread(next, chunks)
    except (Gone, OSError) as error:
        raise Unavailable from error
    async with piped(lambda path: protocol.response_file(status, headers, path)) as write:
        await write(first)
        try:
            while chunk := await asyncio.to_thread(next, chunks, b""):
                await write(chunk)
        except (Gone, Unreachable) as error:
            log().error("a file was lost while it was sent", action="answer_cut", reason=str(error))
            raise ProtocolClosed from None


def _chunks(here: Here, parts: Sequence[Part]) -> Iterator[bytes]:
    """The parts' bytes; raises Gone where a file ends too early or too late, for what follows must not move."""
    for part, low, high in parts:
        if isinstance(part, bytes):
            yield part[low:high]
            continue
        left = high - low
        end = None if high == part.size else high  # so that a longer file shows itself
        for chunk in here.locations[part.location_id].read(part.key, low, end):
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
        if left:
            raise Gone(part.key)
