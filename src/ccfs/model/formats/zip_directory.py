"""The central directory and end records of a zip, and DOS times. Zip64 fields are written only if a value needs them.

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
    """A member in the central directory."""

    name: bytes  # UTF-8
    flags: int
    method: int  # 0 stored, 8 deflated
    modified: tuple[int, int]  # see to_dos_time
    crc32: int
    compressed_size: int
    size: int
    offset: int  # of its local header


def to_dos_time(time: datetime) -> tuple[int, int]:
    """Return a time and date as two 16-bit numbers, in steps of two seconds; years are clamped to 1980 to 2107."""
    year = min(max(time.year, 1980), 2107)
    return time.hour << 11 | time.minute << 5 | time.second // 2, (year - 1980) << 9 | time.month << 5 | time.day


def build_central_directory(members: Sequence[ZipDirectoryEntry], offset: int) -> bytes:
    """Return everything after the last member: the directory, which begins at `offset`, and the end records."""
    directory = b"".join(map(encode_entry, members))
    return directory + build_end_records(len(members), len(directory), offset + len(directory))


def encode_entry(entry: ZipDirectoryEntry) -> bytes:
    """Return the bytes of a directory entry."""
    wide = [value for value in (entry.size, entry.compressed_size, entry.offset) if value >= MAX32]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = MIN_VERSION_ZIP64 if wide else MIN_VERSION
    packed, size, offset = (min(value, MAX32) for value in (entry.compressed_size, entry.size, entry.offset))
    fields = (version, version, entry.flags, entry.method, *entry.modified, entry.crc32, packed, size)
    tail = (len(entry.name), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields, *tail) + entry.name + extra


def build_end_records(count: int, size: int, end: int) -> bytes:
    """Return the end records for a directory of `count` entries and `size` bytes that ends at offset `end`."""
    wide, offset = b"", end - size
    if count >= MAX16 or size >= MAX32 or offset >= MAX32:
        record = (44, MIN_VERSION_ZIP64, MIN_VERSION_ZIP64, 0, 0, count, count, size, offset)
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", *record) + struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    counts = (min(count, MAX16),) * 2
    return wide + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *counts, min(size, MAX32), min(offset, MAX32), 0)
