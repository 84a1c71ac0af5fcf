"""A zip whose members are stored, laid out before a byte of them is read: its length and every offset are known.

So it can be streamed with Content-Length, resumed by Range, and never lies on a disk. Pure: bytes and numbers only.
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
    """One file to be stored."""

    name: str
    size: int
    crc32: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class ZipSegment:
    """A run of the zip: literal bytes, or the whole of one member where `member` is its index."""

    data: bytes
    member: int | None
    size: int


def build_segments(members: Sequence[ZipMember]) -> tuple[ZipSegment, ...]:
    """The zip as segments in order; their sizes add up to the zip's length."""
    segments: list[ZipSegment] = []
    entries: list[ZipDirectoryEntry] = []
    offset = 0
    for index, member in enumerate(members):
        head = build_local_header(member)
        segments += [ZipSegment(head, None, len(head)), ZipSegment(b"", index, member.size)]
        entries.append(build_directory_entry(member, offset))
        offset += len(head) + member.size
    tail = build_central_directory(entries, offset)
    return (*segments, ZipSegment(tail, None, len(tail)))


def total_size(segments: Sequence[ZipSegment]) -> int:
    """The zip's length in bytes."""
    return sum(segment.size for segment in segments)


def iter_slices(segments: Sequence[ZipSegment], start: int, end: int) -> Iterator[tuple[ZipSegment, int, int]]:
    """What bytes [start, end) of the zip consist of: segments, each with a range inside it."""
    at = 0
    for segment in segments:
        low, high = max(start - at, 0), min(end - at, segment.size)
        if low < high:
            yield segment, low, high
        at += segment.size


def build_local_header(member: ZipMember) -> bytes:
    """What lies before the member's bytes."""
    name = member.name.encode()
    large = member.size >= MAX32
    size = MAX32 if large else member.size
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
    fields = (
        MIN_VERSION_ZIP64 if large else MIN_VERSION,
        _UTF8_NAME,
        0,
        *to_dos_time(member.modified),
        member.crc32,
        size,
        size,
    )
    return struct.pack("<4s5H3I2H", b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def build_directory_entry(member: ZipMember, offset: int) -> ZipDirectoryEntry:
    """What the directory says of the member whose local header lies at `offset`."""
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
