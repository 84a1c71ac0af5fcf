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

from ccfs.db.export_csv import CsvChunk
from ccfs.model.exports.export import ExportTable
from ccfs.model.formats.zip_directory import MIN_VERSION, ZipDirectoryEntry, build_central_directory, to_dos_time

MAX_MEMBER_BYTES: Final = (1 << 31) - 1  # the longest member; Java counts them in an int
BLOCK_BYTES: Final = 1 << 16  # bytes deflated at a time: always the same, for the result depends on it
COMPRESSION_LEVEL: Final = 1  # zlib's ratio at four times its speed
MANIFEST_NAME: Final = "manifest.csv"
_FLAGS: Final = 0x0808  # name in UTF-8; sizes follow the bytes
_METHOD_DEFLATE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportZipLayout:
    """How an operator wants the files."""

    max_rows: int  # of a member at most, its header apart
    has_header: bool = True
    has_bom: bool = False  # a byte order mark before each member, for spreadsheets
    has_manifest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTableRows:
    """The rows of one table, to be read once."""

    table: ExportTable
    header: Sequence[str]
    chunks: Iterable[CsvChunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportZipEntry:
    """A member that is written."""

    name: str
    rows: int
    sha256: str  # lower-case hex of its bytes; empty where no manifest wants it
    crc32: int
    size: int
    compressed_size: int
    offset: int


def iter_export_zip(
    parts: Iterable[ExportTableRows],
    layout: ExportZipLayout,
    made_at: datetime,
    number: int,
    *,
    left_out: Iterable[str] = (),
) -> Iterator[bytes]:
    """The bytes of the zip. Each part has at least one member, with its header only where there are no rows.

    `made_at` (a wall clock's time) and `number` (0 to 999) name the members. `left_out` is what the manifest says of
    rows that are not in; it is read after all parts were.
    """
    zip_ = ExportZipWriter(made_at)
    for part in parts:
        for seq, pieces in groupby(split_into_members(part.chunks, layout.max_rows, MAX_MEMBER_BYTES), itemgetter(0)):
            name = format_member_name(made_at, number, part.table, seq)
            lines = chain([CsvChunk(0, _build_header(part.header, layout))], map(itemgetter(1), pieces))
            yield from zip_.iter_member(name, lines, hashed=layout.has_manifest)
    if layout.has_manifest:
        yield from zip_.iter_member(MANIFEST_NAME, [CsvChunk(0, _build_manifest(zip_.entries, left_out))])
    yield zip_.build_directory()


def format_member_name(made_at: datetime, number: int, table: ExportTable, seq: int) -> str:
    """yyyyMMddHHmmssSSS, three digits, the table, a sequence number from 1."""
    return f"{made_at:%Y%m%d%H%M%S}{made_at.microsecond // 1000:03}{number:03}_{table}_{seq}.csv"


def split_into_members(chunks: Iterable[CsvChunk], rows: int, size: int) -> Iterator[tuple[int, CsvChunk]]:
    """The rows, each with the number of its member: 1, 2, … as soon as one more row or its bytes would be too many.

    Number 1 comes always, if only with an empty chunk. No row is longer than `size` bytes.
    """
    seq, rows_left, bytes_left = 1, rows, size
    yield seq, CsvChunk(0, b"")
    for chunk in chunks:
        rest = chunk
        while rest.row_count:
            first, rest = rest.split(rows_left, bytes_left)
            yield seq, first
            rows_left, bytes_left = rows_left - first.row_count, bytes_left - len(first.csv)
            if rest.row_count:
                seq, rows_left, bytes_left = seq + 1, rows, size


class ExportZipWriter:
    """A zip under way: every method gives the bytes that come next."""

    def __init__(self, modified: datetime, *, offset: int = 0) -> None:
        """`modified` is the wall-clock time of all members; `offset` is how many bytes lie before the zip."""
        self.entries: list[ExportZipEntry] = []
        self._offset = offset
        self._modified_at = to_dos_time(modified)

    def iter_member(self, name: str, chunks: Iterable[CsvChunk], *, hashed: bool = False) -> Iterator[bytes]:
        """A member, whole: it must be read to its end before the next."""
        text = name.encode()
        local = struct.pack(
            "<4s5H3I2H", b"PK\3\4", MIN_VERSION, _FLAGS, _METHOD_DEFLATE, *self._modified_at, 0, 0, 0, len(text), 0
        )
        yield local + text
        packing = _MemberDeflater(hashed)
        yield from packing.iter_deflated(chunks)
        entry = packing.build_entry(name, self._offset)
        sizes = struct.pack("<4s3I", b"PK\x07\x08", entry.crc32, entry.compressed_size, entry.size)
        yield sizes
        self.entries.append(entry)
        self._offset += len(local) + len(text) + entry.compressed_size + len(sizes)

    def build_directory(self) -> bytes:
        """The directory and the end of the zip."""
        return build_central_directory([self._build_directory_entry(entry) for entry in self.entries], self._offset)

    def _build_directory_entry(self, entry: ExportZipEntry) -> ZipDirectoryEntry:
        return ZipDirectoryEntry(
            name=entry.name.encode(),
            flags=_FLAGS,
            method=_METHOD_DEFLATE,
            modified=self._modified_at,
            crc32=entry.crc32,
            compressed_size=entry.compressed_size,
            size=entry.size,
            offset=entry.offset,
        )


class _MemberDeflater:
    """One member being deflated, and what the directory and the manifest will say of it."""

    def __init__(self, hashed: bool) -> None:
        self._compressor = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        self._digest = hashlib.sha256() if hashed else None
        self._rows = self._crc32 = self._size = self._compressed_size = 0

    def iter_deflated(self, chunks: Iterable[CsvChunk]) -> Iterator[bytes]:
        for block in _iter_blocks(self._count_rows(chunks)):
            self._crc32 = isal_zlib.crc32(block, self._crc32)
            self._size += len(block)
            if self._digest is not None:
                self._digest.update(block)
            yield self._count_compressed(self._compressor.compress(block))
        yield self._count_compressed(self._compressor.flush())

    def build_entry(self, name: str, offset: int) -> ExportZipEntry:
        sha256 = "" if self._digest is None else self._digest.hexdigest()
        sizes = {"crc32": self._crc32, "size": self._size, "compressed_size": self._compressed_size}
        return ExportZipEntry(name=name, rows=self._rows, sha256=sha256, offset=offset, **sizes)

    def _count_rows(self, chunks: Iterable[CsvChunk]) -> Iterator[bytes]:
        for chunk in chunks:
            self._rows += chunk.row_count
            yield chunk.csv

    def _count_compressed(self, packed: bytes) -> bytes:
        self._compressed_size += len(packed)
        return packed


def _iter_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of BLOCK, the last one shorter."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            joined, at = b"".join(held), 0
            while size - at >= BLOCK_BYTES:
                yield joined[at : at + BLOCK_BYTES]
                at += BLOCK_BYTES
            held, size = [joined[at:]], size - at
    if size:
        yield b"".join(held)


def _build_header(columns: Sequence[str], layout: ExportZipLayout) -> bytes:
    return (b"\xef\xbb\xbf" if layout.has_bom else b"") + (_format_csv([columns]) if layout.has_header else b"")


def _build_manifest(entries: Iterable[ExportZipEntry], left_out: Iterable[str]) -> bytes:
    members = [(entry.name, entry.rows, entry.sha256, "") for entry in entries]
    return _format_csv(
        [("member", "rows", "sha256", "left_out"), *members, *(("", "", "", reason) for reason in left_out)]
    )


def _format_csv(rows: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()
