"""The zip of an export, written as the rows come: members of CSV lines, deflated, split by a limit of rows.

Nothing is sought back to: sizes and CRC follow each member in a data descriptor, so the zip can stream into any location.
Source of the layout: PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.
"""

import csv
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from typing import Any

from isal import isal_zlib

from ccfs.store.extract import Chunk

BOM = b"\xef\xbb\xbf"
_FLAGS = 0x0808  # sizes and CRC follow in a descriptor; the name is UTF-8
_DEFLATED = 8
_VERSION = 45  # Zip64
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_MIDNIGHT_1980 = (0, 1 << 5 | 1)  # no time of the making: the same rows give the same bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of rows."""

    table: str  # as the members' names have it: "call", "record", …
    header: Sequence[str]
    chunks: Iterator[Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the members are written."""

    rows_per_file: int
    header: bool
    bom: bool
    manifest: bool


@dataclass(slots=True)
class _Member:
    name: str
    offset: int
    rows: int = 0
    crc: int = 0
    size: int = 0
    packed: int = 0
    deflate: isal_zlib.Compress = field(default_factory=lambda: isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15))
    digest: Any = field(default_factory=sha256)


def write_zip(parts: Sequence[Part], stamp: str, options: Options) -> Iterator[bytes]:
    """The zip in pieces. Members are called {stamp}_{table}_{n}.csv; a table without rows has one member all the same."""
    archive = _Archive()
    for part in parts:
        for number, chunks in enumerate(_split(part.chunks, options.rows_per_file), 1):
            yield from archive.begin(f"{stamp}_{part.table}_{number}.csv")
            yield archive.add(Chunk(0, _head(part.header, options)))
            for chunk in chunks:
                yield archive.add(chunk)
            yield from archive.end()
    if options.manifest:
        rows = [(one.name, str(one.rows), one.digest.hexdigest()) for one in archive.members]
        yield from archive.begin("manifest.csv")
        yield archive.add(Chunk(0, b"".join(_line(row) for row in [("file", "rows", "sha256"), *rows])))
        yield from archive.end()
    yield archive.directory()


def _split(chunks: Iterator[Chunk], limit: int) -> Iterator[Iterator[Chunk]]:
    """The chunks of each member in turn; each must be read to its end before the next one. At least one member."""
    rest = Chunk(0, b"")
    done = False

    def one_member() -> Iterator[Chunk]:
        nonlocal rest, done
        room = limit
        while room:
            chunk = rest if rest.rows else next(chunks, None)
            if chunk is None:
                done = True
                return
            taken, rest = chunk.cut(room, _MAX32)
            room -= taken.rows
            yield taken
        if not rest.rows:
            rest = next(chunks, rest)
            done = not rest.rows

    while not done:
        yield one_member()


def _head(names: Sequence[str], options: Options) -> bytes:
    return (BOM if options.bom else b"") + (_line(names) if options.header else b"")


def _line(cells: Sequence[str]) -> bytes:
    text = StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


class _Archive:
    """Where the writing stands."""

    def __init__(self) -> None:
        self.members: list[_Member] = []
        self._offset = 0

    def begin(self, name: str) -> Iterator[bytes]:
        self.members.append(_Member(name, self._offset))
        encoded = name.encode()
        fields = (_VERSION, _FLAGS, _DEFLATED, *_MIDNIGHT_1980, 0, 0, 0, len(encoded), 0)
        yield self._counted(struct.pack("<4s5H3I2H", b"PK\3\4", *fields) + encoded)

    def add(self, chunk: Chunk) -> bytes:
        member = self.members[-1]
        member.rows += chunk.rows
        member.size += len(chunk.csv)
        member.crc = isal_zlib.crc32(chunk.csv, member.crc)
        member.digest.update(chunk.csv)
        packed = member.deflate.compress(chunk.csv)
        member.packed += len(packed)
        return self._counted(packed)

    def end(self) -> Iterator[bytes]:
        member = self.members[-1]
        packed = member.deflate.flush()
        member.packed += len(packed)
        wide = "QQ" if max(member.size, member.packed) > _MAX32 else "II"
        descriptor = struct.pack(f"<4sI{wide}", b"PK\7\x08", member.crc, member.packed, member.size)
        yield self._counted(packed + descriptor)

    def directory(self) -> bytes:
        start = self._offset
        entries = b"".join(_central(member) for member in self.members)
        return entries + _end(len(self.members), len(entries), start)

    def _counted(self, data: bytes) -> bytes:
        self._offset += len(data)
        return data


def _central(member: _Member) -> bytes:
    name = member.name.encode()
    values = (member.size, member.packed, member.offset)
    wide = [value for value in values if value >= _MAX32]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    sizes = (member.crc, min(member.packed, _MAX32), min(member.size, _MAX32))
    fields = (_VERSION, _VERSION, _FLAGS, _DEFLATED, *_MIDNIGHT_1980, *sizes)
    tail = (len(name), len(extra), 0, 0, 0, 0, min(member.offset, _MAX32))
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields, *tail) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    wide = b""
    if count >= _MAX16 or size >= _MAX32 or offset >= _MAX32:
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, count, count, size, offset)
        wide += struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    counts = (min(count, _MAX16),) * 2
    return wide + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *counts, min(size, _MAX32), min(offset, _MAX32), 0)
