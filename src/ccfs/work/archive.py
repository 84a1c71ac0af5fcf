"""The zip of an export, streamed while its rows are read: members split by rows, deflated, never whole in memory.

No database here and no place to keep bytes. A member's sizes follow its bytes (data descriptor) and stay below 2 GiB, so
that no reader needs Zip64 before it has seen the directory; the directory has it where offsets need it. The same lines,
moment and layout give the same bytes, however the lines came in chunks. Source: PKWARE's APPNOTE 6.3.10, 4.3 and 4.5.3.
"""

import csv
import hashlib
import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Final

from isal import isal_zlib

from ccfs.model.export import Table
from ccfs.model.zip_directory import VERSION, Listed, dos_time, ending
from ccfs.store.extract import Chunk

MEMBER_BYTES: Final = (1 << 31) - 1  # the longest member; Java counts them in an int
BLOCK: Final = 1 << 16  # bytes deflated at a time: always the same, for the result depends on it
LEVEL: Final = 1  # zlib's ratio at four times its speed
MANIFEST: Final = "manifest.csv"
_FLAGS: Final = 0x0808  # name in UTF-8; sizes follow the bytes
_DEFLATED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How an operator wants the files."""

    rows: int  # of a member at most, its header apart
    header: bool = True
    bom: bool = False  # a byte order mark before each member, for spreadsheets
    manifest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one table, to be read once."""

    table: Table
    header: Sequence[str]
    chunks: Iterable[Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member that is written."""

    name: str
    rows: int
    sha256: str  # lower-case hex of its bytes; empty where no manifest wants it
    crc32: int
    size: int
    packed: int
    offset: int


def write_zip(
    parts: Iterable[Part], layout: Layout, made_at: datetime, number: int, *, left_out: Iterable[str] = ()
) -> Iterator[bytes]:
    """The bytes of the zip. Each part has at least one member, with its header only where there are no rows.

    `made_at` (a wall clock's time) and `number` (0 to 999) name the members. `left_out` is what the manifest says of
    rows that are not in; it is read after all parts were.
    """
    zip_ = Zip(made_at)
    for part in parts:
        for seq, pieces in groupby(numbered(part.chunks, layout.rows, MEMBER_BYTES), itemgetter(0)):
            name = member_name(made_at, number, part.table, seq)
            lines = chain([Chunk(0, _head(part.header, layout))], map(itemgetter(1), pieces))
            yield from zip_.member(name, lines, hashed=layout.manifest)
    if layout.manifest:
        yield from zip_.member(MANIFEST, [Chunk(0, _manifest(zip_.entries, left_out))])
    yield zip_.end()


def member_name(made_at: datetime, number: int, table: Table, seq: int) -> str:
    """yyyyMMddHHmmssSSS, three digits, the table, a sequence number from 1."""
    return f"{made_at:%Y%m%d%H%M%S}{made_at.microsecond // 1000:03}{number:03}_{table}_{seq}.csv"


def numbered(chunks: Iterable[Chunk], rows: int, size: int) -> Iterator[tuple[int, Chunk]]:
    """The rows, each with the number of its member: 1, 2, … as soon as one more row or its bytes would be too many.

    Number 1 comes always, if only with an empty chunk. No row is longer than `size` bytes.
    """
    seq, rows_left, bytes_left = 1, rows, size
    yield seq, Chunk(0, b"")
    for chunk in chunks:
        rest = chunk
        while rest.rows:
            first, rest = rest.cut(rows_left, bytes_left)
            yield seq, first
            rows_left, bytes_left = rows_left - first.rows, bytes_left - len(first.csv)
            if rest.rows:
                seq, rows_left, bytes_left = seq + 1, rows, size


class Zip:
    """A zip under way: every method gives the bytes that come next."""

    def __init__(self, modified: datetime, *, offset: int = 0) -> None:
        """`modified` is the wall-clock time of all members; `offset` is how many bytes lie before the zip."""
        self.entries: list[Entry] = []
        self._offset = offset
        self._time = dos_time(modified)

    def member(self, name: str, chunks: Iterable[Chunk], *, hashed: bool = False) -> Iterator[bytes]:
        """A member, whole: it must be read to its end before the next."""
        text = name.encode()
        local = struct.pack("<4s5H3I2H", b"PK\3\4", VERSION, _FLAGS, _DEFLATED, *self._time, 0, 0, 0, len(text), 0)
        yield local + text
        packing = _Packing(hashed)
        yield from packing.deflated(chunks)
        entry = packing.entry(name, self._offset)
        sizes = struct.pack("<4s3I", b"PK\x07\x08", entry.crc32, entry.packed, entry.size)
        yield sizes
        self.entries.append(entry)
        self._offset += len(local) + len(text) + entry.packed + len(sizes)

    def end(self) -> bytes:
        """The directory and the end of the zip."""
        return ending([self._listed(entry) for entry in self.entries], self._offset)

    def _listed(self, entry: Entry) -> Listed:
        return Listed(
            name=entry.name.encode(),
            flags=_FLAGS,
            method=_DEFLATED,
            time=self._time,
            crc32=entry.crc32,
            packed=entry.packed,
            size=entry.size,
            offset=entry.offset,
        )


class _Packing:
    """One member being deflated, and what the directory and the manifest will say of it."""

    def __init__(self, hashed: bool) -> None:
        self._packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
        self._digest = hashlib.sha256() if hashed else None
        self._rows = self._crc32 = self._size = self._packed = 0

    def deflated(self, chunks: Iterable[Chunk]) -> Iterator[bytes]:
        for block in _blocks(self._counted(chunks)):
            self._crc32 = isal_zlib.crc32(block, self._crc32)
            self._size += len(block)
            if self._digest is not None:
                self._digest.update(block)
            yield self._given(self._packer.compress(block))
        yield self._given(self._packer.flush())

    def entry(self, name: str, offset: int) -> Entry:
        sha256 = "" if self._digest is None else self._digest.hexdigest()
        sizes = {"crc32": self._crc32, "size": self._size, "packed": self._packed}
        return Entry(name=name, rows=self._rows, sha256=sha256, offset=offset, **sizes)

    def _counted(self, chunks: Iterable[Chunk]) -> Iterator[bytes]:
        for chunk in chunks:
            self._rows += chunk.rows
            yield chunk.csv

    def _given(self, packed: bytes) -> bytes:
        self._packed += len(packed)
        return packed


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of BLOCK, the last one shorter."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            joined, at = b"".join(held), 0
            while size - at >= BLOCK:
                yield joined[at : at + BLOCK]
                at += BLOCK
            held, size = [joined[at:]], size - at
    if size:
        yield b"".join(held)


def _head(columns: Sequence[str], layout: Layout) -> bytes:
    return (b"\xef\xbb\xbf" if layout.bom else b"") + (_csv([columns]) if layout.header else b"")


def _manifest(entries: Iterable[Entry], left_out: Iterable[str]) -> bytes:
    members = [(entry.name, entry.rows, entry.sha256, "") for entry in entries]
    return _csv([("member", "rows", "sha256", "left_out"), *members, *(("", "", "", reason) for reason in left_out)])


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()
