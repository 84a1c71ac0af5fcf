"""Writes the zip of an export as a stream while the rows are read, without holding a member in memory.

Members are split by rows and deflated. A member's sizes follow its content (data descriptor) and stay below 2 GiB, so
that readers need no Zip64 before they have read the directory. The directory uses Zip64 if its offsets require it. The
same rows, time and layout produce the same bytes, however the rows were split into chunks. Source: PKWARE's APPNOTE
6.3.10, 4.3 and 4.5.3.
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

MAX_MEMBER_BYTES: Final = (1 << 31) - 1  # of a member; Java counts them in an int
BLOCK_BYTES: Final = 1 << 16  # deflated at a time; the result depends on it
COMPRESSION_LEVEL: Final = 1  # the ratio of zlib at four times the speed
MANIFEST_NAME: Final = "manifest.csv"
_FLAGS: Final = 0x0808  # name in UTF-8; sizes follow the bytes
_METHOD_DEFLATE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportZipLayout:
    """The operator's settings for the layout of the files."""

    max_rows: int  # of a member, without its header
    has_header: bool = True
    has_bom: bool = False  # byte order mark at the start of each member, for spreadsheets
    has_manifest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTableRows:
    """The rows of a table, which can be read only once."""

    table: ExportTable
    header: Sequence[str]
    chunks: Iterable[CsvChunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportZipEntry:
    """A member that has been written."""

    name: str
    rows: int
    sha256: str  # lower-case hex; empty without a manifest
    crc32: int
    size: int
    compressed_size: int
    offset: int


def iter_export_zip(
    tables: Iterable[ExportTableRows],
    layout: ExportZipLayout,
    created_at: datetime,
    number: int,
    *,
    left_out: Iterable[str] = (),
) -> Iterator[bytes]:
    """Yield the bytes of the zip. Each table has at least one member, which has only a header if there are no rows.

    `created_at` (wall-clock time) and `number` (0 to 999) are part of the members' names. `left_out` has the reasons,
    for the manifest, why rows are not in the zip; it is read after all tables.
    """
    zip_ = ExportZipWriter(created_at)
    for table in tables:
        members = groupby(split_into_members(table.chunks, layout.max_rows, MAX_MEMBER_BYTES), itemgetter(0))
        for seq, member in members:
            name = format_member_name(created_at, number, table.table, seq)
            chunks = chain([CsvChunk(0, _build_header(table.header, layout))], map(itemgetter(1), member))
            yield from zip_.iter_member(name, chunks, hashed=layout.has_manifest)
    if layout.has_manifest:
        yield from zip_.iter_member(MANIFEST_NAME, [CsvChunk(0, _build_manifest(zip_.entries, left_out))])
    yield zip_.build_directory()


def format_member_name(created_at: datetime, number: int, table: ExportTable, seq: int) -> str:
    """Return a member name: yyyyMMddHHmmssSSS, three digits, the table, and a sequence number that starts at 1."""
    return f"{created_at:%Y%m%d%H%M%S}{created_at.microsecond // 1000:03}{number:03}_{table}_{seq}.csv"


def split_into_members(chunks: Iterable[CsvChunk], rows: int, size: int) -> Iterator[tuple[int, CsvChunk]]:
    """Yield chunks with the number of their member (1, 2, …); each member is limited in rows and bytes.

    Member 1 always exists, even if its only chunk is empty. No row may be longer than `size` bytes.
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
    """Writes a zip: each method returns the bytes to write next."""

    def __init__(self, modified: datetime, *, offset: int = 0) -> None:
        """`modified` is the wall-clock time of all members, `offset` the number of bytes before the zip."""
        self.entries: list[ExportZipEntry] = []
        self._offset = offset
        self._modified_at = to_dos_time(modified)

    def iter_member(self, name: str, chunks: Iterable[CsvChunk], *, hashed: bool = False) -> Iterator[bytes]:
        """Yield the bytes of a member. Callers must exhaust them before starting the next member."""
        raw_name = name.encode()
        local = struct.pack(
            "<4s5H3I2H", b"PK\3\4", MIN_VERSION, _FLAGS, _METHOD_DEFLATE, *self._modified_at, 0, 0, 0, len(raw_name), 0
        )
        yield local + raw_name
        deflater = _MemberDeflater(hashed)
        yield from deflater.iter_deflated(chunks)
        entry = deflater.build_entry(name, self._offset)
        sizes = struct.pack("<4s3I", b"PK\x07\x08", entry.crc32, entry.compressed_size, entry.size)
        yield sizes
        self.entries.append(entry)
        self._offset += len(local) + len(raw_name) + entry.compressed_size + len(sizes)

    def build_directory(self) -> bytes:
        """Return the central directory and the end records."""
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
    """Deflates a member and counts what the directory and the manifest need."""

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


def _iter_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes in blocks of BLOCK_BYTES; the last block may be shorter."""
    buffered: list[bytes] = []
    size = 0
    for chunk in chunks:
        buffered.append(chunk)
        size += len(chunk)
        if size >= BLOCK_BYTES:
            joined, at = b"".join(buffered), 0
            while size - at >= BLOCK_BYTES:
                yield joined[at : at + BLOCK_BYTES]
                at += BLOCK_BYTES
            buffered, size = [joined[at:]], size - at
    if size:
        yield b"".join(buffered)


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
