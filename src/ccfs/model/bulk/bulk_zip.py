"""The zip of a selection: its recordings, stored, then what this file makes: index.csv, missing.csv, the directory.

Everything follows from the list, which does not change; so the same bytes are made again for each range. Pure: the list is
read in order and never held whole.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.bulk.bulk_download import BulkItem
from ccfs.model.formats.durations import format_utc_offset
from ccfs.model.formats.safe_csv import BOM, encode_rows
from ccfs.model.formats.stored_zip import ZipMember, build_directory_entry, build_local_header
from ccfs.model.formats.zip_directory import build_end_records, encode_entry

FORMAT_VERSION: Final = (
    1  # to be raised when the same list would give other bytes: then older selections cannot be fetched
)
INDEX_NAME, MISSING_NAME = "index.csv", "missing.csv"
LINES_PER_CHUNK: Final = 200  # lines made at a time
_CALL_COLUMNS: Final = ("call_id", "begin", "end", "utc_offset", "caller", "callee", "agent", "queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDigest:
    """What the zip must know of a list before its bytes come."""

    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipSummary:
    """All that is kept of a zip beside its list."""

    size: int
    etag: str  # names its bytes
    index: CsvDigest
    missing: CsvDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkZipContents:
    """A list that was read through."""

    iter_items: Callable[[], Iterable[BulkItem]]  # all of it in order of number, as often as it is asked for
    zone: ZoneInfo
    created_at: datetime
    files_end: int  # where the last recording ends, and the lists begin


def build_item_header(one: BulkItem, zone: ZoneInfo) -> bytes:
    """What lies before a recording in the zip."""
    return build_local_header(one.to_zip_member(zone))


def summarise_zip(of: BulkZipContents) -> ZipSummary:
    """The zip's size and tag: the end of it holds every name, hash, size and offset of the whole, and is hashed."""
    sums = {"index": _compute_digest(_iter_index_csv(of)), "missing": _compute_digest(_iter_missing_csv(of))}
    digest, size = hashlib.sha256(), of.files_end
    for piece in _iter_trailer(of, **sums):
        digest.update(piece)
        size += len(piece)
    return ZipSummary(size=size, etag=f"{FORMAT_VERSION}-{digest.hexdigest()[:32]}", **sums)


def iter_trailer(of: BulkZipContents, whole: ZipSummary) -> Iterator[bytes]:
    """The zip from `files_end` on."""
    return _iter_trailer(of, whole.index, whole.missing)


def is_reproducible(whole: ZipSummary) -> bool:
    """Whether this release would make the very bytes that were promised."""
    return whole.etag.startswith(f"{FORMAT_VERSION}-")


def slice_range(pieces: Iterable[bytes], at: int, start: int, end: int) -> Iterator[bytes]:
    """What of the pieces, the first of which begins at `at`, lies in [start, end)."""
    for piece in pieces:
        if at >= end:
            return
        if at + len(piece) > start:
            yield piece[max(start - at, 0) : end - at]
        at += len(piece)


def _iter_trailer(of: BulkZipContents, index: CsvDigest, missing: CsvDigest) -> Iterator[bytes]:
    entries, at = [], of.files_end
    for name, told, pieces in (
        (INDEX_NAME, index, _iter_index_csv(of)),
        (MISSING_NAME, missing, _iter_missing_csv(of)),
    ):
        member = ZipMember(name=name, size=told.size, crc32=told.crc32, modified=of.created_at.astimezone(of.zone))
        before = build_local_header(member)
        entries.append(encode_entry(build_directory_entry(member, at)))
        yield before
        yield from pieces
        at += len(before) + told.size
    count = size = 0
    for one in chain(
        (
            encode_entry(build_directory_entry(one.to_zip_member(of.zone), one.zip_offset))
            for one in _iter_present_items(of)
        ),
        entries,
    ):
        count, size = count + 1, size + len(one)
        yield one
    yield build_end_records(count, size, at + size)


def _iter_index_csv(of: BulkZipContents) -> Iterator[bytes]:
    """index.csv: a line for each recording that is in the zip."""
    return _iter_csv(
        (*_CALL_COLUMNS, "file", "sha256"),
        ((*_call_cells(one, of.zone), one.member_name, one.sha256) for one in _iter_present_items(of)),
    )


def _iter_missing_csv(of: BulkZipContents) -> Iterator[bytes]:
    """missing.csv: a line for each recording that is not."""
    left_out = (one for one in of.iter_items() if one.missing_reason)
    return _iter_csv(
        (*_CALL_COLUMNS, "recording", "why"),
        ((*_call_cells(one, of.zone), one.file_name, str(one.missing_reason)) for one in left_out),
    )


def _compute_digest(pieces: Iterable[bytes]) -> CsvDigest:
    size = crc = 0
    for piece in pieces:
        size, crc = size + len(piece), zlib.crc32(piece, crc)
    return CsvDigest(size=size, crc32=crc)


def _iter_present_items(of: BulkZipContents) -> Iterator[BulkItem]:
    return (one for one in of.iter_items() if not one.missing_reason)


def _iter_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    yield BOM + encode_rows([head])
    rest = iter(rows)
    while some := list(islice(rest, LINES_PER_CHUNK)):
        yield encode_rows(some)


def _call_cells(one: BulkItem, zone: ZoneInfo) -> tuple[str, ...]:
    begin, end = one.begin.astimezone(zone), one.end.astimezone(zone)
    told = (f"{begin:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", format_utc_offset(begin))
    return (one.call_id, *told, one.caller_no, one.callee_no, one.agent_id, one.queue)
