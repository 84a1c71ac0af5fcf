"""A zip whose members are stored, laid out before a byte of them is read: its length and every offset are known.

So it can be streamed with Content-Length, resumed by Range, and never lies on a disk. Pure: bytes and numbers only.
Source of the layout: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3 (Zip64).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

_UTF8_NAME = 0x0800
_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF


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
    directory = bytearray()
    offset = 0
    for index, member in enumerate(members):
        head = _local_header(member)
        directory += _central_header(member, offset)
        segments += [Segment(head, None, len(head)), Segment(b"", index, member.size)]
        offset += len(head) + member.size
    tail = bytes(directory) + _end(len(members), len(directory), offset)
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


def _dos_time(moment: datetime) -> tuple[int, int]:
    year = min(max(moment.year, 1980), 2107)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (year - 1980) << 9 | moment.month << 5 | moment.day


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    large = member.size >= _MAX32
    size = _MAX32 if large else member.size
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
    fields = (45 if large else 20, _UTF8_NAME, 0, *_dos_time(member.modified), member.crc32, size, size)
    return struct.pack("<4s5H3I2H", b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def _central_header(member: Member, offset: int) -> bytes:
    name = member.name.encode()
    wide = [value for value in (member.size, member.size, offset) if value >= _MAX32]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = 45 if wide else 20
    size = min(member.size, _MAX32)
    fields = (version, version, _UTF8_NAME, 0, *_dos_time(member.modified), member.crc32, size, size)
    tail = (len(name), len(extra), 0, 0, 0, 0, min(offset, _MAX32))
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields, *tail) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    wide = b""
    if count >= _MAX16 or size >= _MAX32 or offset >= _MAX32:
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
        wide += struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    counts = (min(count, _MAX16),) * 2
    return wide + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *counts, min(size, _MAX32), min(offset, _MAX32), 0)
