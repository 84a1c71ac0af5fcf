"""The end of a zip, and what its records share: the directory's entries, the end records, the time in DOS form.

Pure: numbers in, bytes out; the members themselves are laid out elsewhere. Zip64 stands only where a number needs it.
Source: PKWARE's APPNOTE 6.3.10, 4.3.12 to 4.3.16 and 4.5.3.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX32: Final = 0xFFFFFFFF
MAX16: Final = 0xFFFF
MIN_VERSION, MIN_VERSION_ZIP64 = 20, 45  # needed to extract, without and with Zip64


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipDirectoryEntry:
    """What the directory says of one member."""

    name: bytes  # UTF-8
    flags: int
    method: int  # 0 stored, 8 deflated
    modified: tuple[int, int]  # see dos_time
    crc32: int
    compressed_size: int  # bytes of it in the zip
    size: int
    offset: int  # of its local header


def to_dos_time(moment: datetime) -> tuple[int, int]:
    """Time and date in two numbers of 16 bits, in steps of two seconds; years outside 1980 to 2107 are moved there."""
    year = min(max(moment.year, 1980), 2107)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (year - 1980) << 9 | moment.month << 5 | moment.day


def build_central_directory(members: Sequence[ZipDirectoryEntry], offset: int) -> bytes:
    """All that follows the last member: the directory, which begins at `offset`, and the end records."""
    directory = b"".join(map(encode_entry, members))
    return directory + build_end_records(len(members), len(directory), offset + len(directory))


def encode_entry(one: ZipDirectoryEntry) -> bytes:
    """The directory's entry of one member."""
    wide = [value for value in (one.size, one.compressed_size, one.offset) if value >= MAX32]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = MIN_VERSION_ZIP64 if wide else MIN_VERSION
    packed, size, offset = (min(value, MAX32) for value in (one.compressed_size, one.size, one.offset))
    fields = (version, version, one.flags, one.method, *one.modified, one.crc32, packed, size)
    tail = (len(one.name), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields, *tail) + one.name + extra


def build_end_records(count: int, size: int, at: int) -> bytes:
    """The end records, which lie at `at`, right behind a directory of `count` entries and `size` bytes."""
    wide, offset = b"", at - size
    if count >= MAX16 or size >= MAX32 or offset >= MAX32:
        record = (44, MIN_VERSION_ZIP64, MIN_VERSION_ZIP64, 0, 0, count, count, size, offset)
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", *record) + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    counts = (min(count, MAX16),) * 2
    return wide + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *counts, min(size, MAX32), min(offset, MAX32), 0)
