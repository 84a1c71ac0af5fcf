"""A zip whose members are stored, laid out before a byte of them is read: its length and every offset are known.

So it can be streamed with Content-Length, resumed by Range, and never lies on a disk. Pure: bytes and numbers only.
Source of the layout: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3 (Zip64).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.zip_directory import MAX32, VERSION, VERSION_64, Listed, dos_time, ending

_UTF8_NAME = 0x0800


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file to be stored."""

    name: str
    size: int
    crc32: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the zip: literal bytes, or the whole of one member where `member` is its index."""

    data: bytes
    member: int | None
    size: int


def layout(members: Sequence[Member]) -> tuple[Segment, ...]:
    """The zip as segments in order; their sizes add up to the zip's length."""
    segments: list[Segment] = []
    listed: list[Listed] = []
    offset = 0
    for index, member in enumerate(members):
        head = _local_header(member)
        segments += [Segment(head, None, len(head)), Segment(b"", index, member.size)]
        listed.append(_listed(member, offset))
        offset += len(head) + member.size
    tail = ending(listed, offset)
    return (*segments, Segment(tail, None, len(tail)))


def length(segments: Sequence[Segment]) -> int:
    """The zip's length in bytes."""
    return sum(segment.size for segment in segments)


def pieces(segments: Sequence[Segment], start: int, end: int) -> Iterator[tuple[Segment, int, int]]:
    """What bytes [start, end) of the zip consist of: segments, each with a range inside it."""
    at = 0
    for segment in segments:
        low, high = max(start - at, 0), min(end - at, segment.size)
        if low < high:
            yield segment, low, high
        at += segment.size


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    large = member.size >= MAX32
    size = MAX32 if large else member.size
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
    fields = (VERSION_64 if large else VERSION, _UTF8_NAME, 0, *dos_time(member.modified), member.crc32, size, size)
    return struct.pack("<4s5H3I2H", b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def _listed(member: Member, offset: int) -> Listed:
    return Listed(
        name=member.name.encode(),
        flags=_UTF8_NAME,
        method=0,
        time=dos_time(member.modified),
        crc32=member.crc32,
        packed=member.size,
        size=member.size,
        offset=offset,
    )
