"""A zip of uncompressed members, whose length and offsets are known before a byte of the members is read.

So it can be streamed with Content-Length and resumed by Range, without a file on disk.
Source of the layout: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3 (Zip64).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.formats.zip_directory import (
    MAX32,
    MIN_VERSION,
    MIN_VERSION_ZIP64,
    ZipDirectoryEntry,
    build_central_directory,
    to_dos_time,
)

_UTF8_NAME = 0x0800


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """One file of the zip."""

    name: str
    size: int
    crc32: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class ZipSegment:
    """Consecutive bytes of the zip: literal bytes, or one whole member if `member` is its index."""

    data: bytes
    member: int | None
    size: int


def build_segments(members: Sequence[ZipMember]) -> tuple[ZipSegment, ...]:
    """Return the segments of the zip in order; their sizes add up to its length."""
    segments: list[ZipSegment] = []
    entries: list[ZipDirectoryEntry] = []
    offset = 0
    for index, member in enumerate(members):
        header = build_local_header(member)
        segments += [ZipSegment(header, None, len(header)), ZipSegment(b"", index, member.size)]
        entries.append(build_directory_entry(member, offset))
        offset += len(header) + member.size
    tail = build_central_directory(entries, offset)
    return (*segments, ZipSegment(tail, None, len(tail)))


def total_size(segments: Sequence[ZipSegment]) -> int:
    """Return the zip's length in bytes."""
    return sum(segment.size for segment in segments)


def iter_slices(segments: Sequence[ZipSegment], start: int, end: int) -> Iterator[tuple[ZipSegment, int, int]]:
    """Yield the segments of bytes [start, end) of the zip, each with the range inside it."""
    offset = 0
    for segment in segments:
        low, high = max(start - offset, 0), min(end - offset, segment.size)
        if low < high:
            yield segment, low, high
        offset += segment.size


def build_local_header(member: ZipMember) -> bytes:
    """Return the local header, which precedes the member's bytes."""
    name = member.name.encode()
    is_zip64 = member.size >= MAX32
    size = MAX32 if is_zip64 else member.size
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if is_zip64 else b""
    fields = (
        MIN_VERSION_ZIP64 if is_zip64 else MIN_VERSION,
        _UTF8_NAME,
        0,
        *to_dos_time(member.modified),
        member.crc32,
        size,
        size,
    )
    return struct.pack("<4s5H3I2H", b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def build_directory_entry(member: ZipMember, offset: int) -> ZipDirectoryEntry:
    """Return the directory entry of a member whose local header is at `offset`."""
    return ZipDirectoryEntry(
        name=member.name.encode(),
        flags=_UTF8_NAME,
        method=0,
        modified=to_dos_time(member.modified),
        crc32=member.crc32,
        compressed_size=member.size,
        size=member.size,
        offset=offset,
    )
