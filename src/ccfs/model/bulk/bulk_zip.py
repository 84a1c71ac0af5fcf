"""The zip of a bulk download: names and bytes of its recordings, then index.csv, missing.csv and the directory.

The zip is determined entirely by the items, which do not change, so any range of it can be generated again. The items
are read in order and never held in memory as a whole.
"""

import hashlib
import re
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

# To be raised when a change gives other bytes for the same items: older bulk downloads cannot be resumed then.
FORMAT_VERSION: Final = 1
INDEX_NAME, MISSING_NAME = "index.csv", "missing.csv"
LINES_PER_CHUNK: Final = 200
MEMBER_FOLDER: Final = "recordings/"  # of the zip, for the audio
_UNSAFE_CHARACTERS = re.compile(r"[^\w.+]+")  # not used in member names: separators, blanks, controls, quotes
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
MAX_NAME_PART_LENGTH: Final = 40  # characters of a number or name within a file name
_CALL_COLUMNS: Final = ("call_id", "begin", "end", "utc_offset", "caller", "callee", "agent", "queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDigest:
    """The size and CRC of a CSV file, which its local header needs before the content."""

    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipSummary:
    """The size and ETag of a zip, and the digests of its CSV files. Everything else is in the items."""

    size: int
    etag: str  # of its bytes
    index: CsvDigest
    missing: CsvDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkZipContents:
    """The contents of a zip after its items have been checked."""

    iter_items: Callable[[], Iterable[BulkItem]]  # all, in order of number; called several times
    zone: ZoneInfo
    created_at: datetime
    files_end: int  # offset where the recordings end and index.csv begins


def build_member_name(item: BulkItem, zone: ZoneInfo, first_bytes: bytes) -> str:
    """Return a unique, file-safe name with the time, the parties and the item's number; names sort by time.

    WAV files get the extension .wav, whatever the switch called them.
    """
    parts = (
        item.begin.astimezone(zone).strftime("%Y-%m-%d_%H-%M-%S"),
        *map(_clean_name_part, (item.caller_no, item.callee_no, item.agent_id)),
        f"{item.number:05}",
    )
    extension = _EXTENSION.search(item.file_name)
    suffix = ".wav" if first_bytes[:4] == b"RIFF" else extension[0].lower() if extension else ".bin"
    return MEMBER_FOLDER + "_".join(part for part in parts if part) + suffix


def _clean_name_part(text: str) -> str:
    return _UNSAFE_CHARACTERS.sub("-", text).strip("-._")[:MAX_NAME_PART_LENGTH]


def build_item_header(item: BulkItem, zone: ZoneInfo) -> bytes:
    """Return the local header of a recording in the zip."""
    return build_local_header(item.to_zip_member(zone))


def summarise_zip(contents: BulkZipContents) -> ZipSummary:
    """Return the size and ETag of the zip.

    The ETag is a hash of the end of the zip, which contains every name, hash, size and offset.
    """
    digests = {
        "index": _compute_digest(_iter_index_csv(contents)),
        "missing": _compute_digest(_iter_missing_csv(contents)),
    }
    hasher, size = hashlib.sha256(), contents.files_end
    for chunk in _iter_trailer(contents, **digests):
        hasher.update(chunk)
        size += len(chunk)
    return ZipSummary(size=size, etag=f"{FORMAT_VERSION}-{hasher.hexdigest()[:32]}", **digests)


def iter_trailer(contents: BulkZipContents, summary: ZipSummary) -> Iterator[bytes]:
    """Yield the bytes of the zip from `files_end` on."""
    return _iter_trailer(contents, summary.index, summary.missing)


def is_reproducible(summary: ZipSummary) -> bool:
    """Return whether this release generates exactly the bytes that the ETag was computed for."""
    return summary.etag.startswith(f"{FORMAT_VERSION}-")


def slice_range(chunks: Iterable[bytes], offset: int, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes [start, end) from chunks, the first of which begins at `offset`."""
    for chunk in chunks:
        if offset >= end:
            return
        if offset + len(chunk) > start:
            yield chunk[max(start - offset, 0) : end - offset]
        offset += len(chunk)


def _iter_trailer(contents: BulkZipContents, index: CsvDigest, missing: CsvDigest) -> Iterator[bytes]:
    csv_entries, offset = [], contents.files_end
    for name, digest, chunks in (
        (INDEX_NAME, index, _iter_index_csv(contents)),
        (MISSING_NAME, missing, _iter_missing_csv(contents)),
    ):
        modified = contents.created_at.astimezone(contents.zone)
        member = ZipMember(name=name, size=digest.size, crc32=digest.crc32, modified=modified)
        header = build_local_header(member)
        csv_entries.append(encode_entry(build_directory_entry(member, offset)))
        yield header
        yield from chunks
        offset += len(header) + digest.size
    item_entries = (
        encode_entry(build_directory_entry(item.to_zip_member(contents.zone), item.zip_offset))
        for item in _iter_present_items(contents)
    )
    count = size = 0
    for entry in chain(item_entries, csv_entries):
        count, size = count + 1, size + len(entry)
        yield entry
    yield build_end_records(count, size, offset + size)


def _iter_index_csv(contents: BulkZipContents) -> Iterator[bytes]:
    """index.csv: one line for each recording in the zip."""
    return _iter_csv(
        (*_CALL_COLUMNS, "file", "sha256"),
        ((*_call_cells(item, contents.zone), item.member_name, item.sha256) for item in _iter_present_items(contents)),
    )


def _iter_missing_csv(contents: BulkZipContents) -> Iterator[bytes]:
    """missing.csv: one line for each recording that is not in the zip."""
    missing_items = (item for item in contents.iter_items() if item.missing_reason)
    return _iter_csv(
        (*_CALL_COLUMNS, "recording", "why"),
        ((*_call_cells(item, contents.zone), item.file_name, str(item.missing_reason)) for item in missing_items),
    )


def _compute_digest(chunks: Iterable[bytes]) -> CsvDigest:
    size = crc = 0
    for chunk in chunks:
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return CsvDigest(size=size, crc32=crc)


def _iter_present_items(contents: BulkZipContents) -> Iterator[BulkItem]:
    return (item for item in contents.iter_items() if not item.missing_reason)


def _iter_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    yield BOM + encode_rows([header])
    remaining = iter(rows)
    while batch := list(islice(remaining, LINES_PER_CHUNK)):
        yield encode_rows(batch)


def _call_cells(item: BulkItem, zone: ZoneInfo) -> tuple[str, ...]:
    begin, end = item.begin.astimezone(zone), item.end.astimezone(zone)
    times = (f"{begin:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", format_utc_offset(begin))
    return (item.call_id, *times, item.caller_no, item.callee_no, item.agent_id, item.queue)
