"""A zip of uncompressed members, whose length and offsets are known before the members are read.

It can therefore be streamed with Content-Length and resumed with Range, without a file on disk. Source of the layout:
PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3 (Zip64).
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
    """A file in the zip."""

    name: str
    size: int
    crc32: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class ZipSegment:
    """Consecutive bytes of the zip: either literal bytes, or a whole member if `member` is its index."""

    data: bytes
    member: int | None
    size: int


def build_segments(members: Sequence[ZipMember]) -> tuple[ZipSegment, ...]:
    """Return the segments of the zip in order. Their sizes add up to the length of the zip."""
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
    """Return the length of the zip in bytes."""
    return sum(segment.size for segment in segments)


def iter_slices(segments: Sequence[ZipSegment], start: int, end: int) -> Iterator[tuple[ZipSegment, int, int]]:
    """Yield the segments that contain the bytes [start, end) of the zip, each with the range within it."""
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
