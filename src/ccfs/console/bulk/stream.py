"""The bytes of a selection's zip, any range of them, read from wherever the recordings are at that moment. No page here."""

from collections.abc import Iterable, Iterator

from ccfs.db.tenant import bulk_download_items
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.bulk.bulk_download import BulkItem
from ccfs.model.bulk.bulk_zip import ZipSummary, build_item_header, iter_trailer, slice_range
from ccfs.model.identity.tenancy import App
from ccfs.web.context import WebContext
from ccfs.web.responses.types import RangeStreamResponse

MIN_CHUNK_BYTES = 1 << 18  # bytes: smaller pieces are put together


def build_zip_stream(here: WebContext, app: App, shown: BulkDownloadView, whole: ZipSummary) -> RangeStreamResponse:
    """The zip of a selection that is ready; its bytes never change, so that it can be resumed anywhere."""
    return RangeStreamResponse(
        iter_range=lambda start, end: _join_small_chunks(_iter_range(here, app, shown, whole, start, end)),
        size=whole.size,
        name=shown.bulk_download.file_name,
        etag=f'"{whole.etag}"',
    )


def _iter_range(
    here: WebContext, app: App, shown: BulkDownloadView, whole: ZipSummary, start: int, end: int
) -> Iterator[bytes]:
    of = bulk_download_items.build_zip_contents(here.database, app, shown.bulk_download, shown.progress)
    if start < of.files_end:
        yield from _iter_files(here, app, shown, start, end)
    if end > of.files_end:
        yield from slice_range(iter_trailer(of, whole), of.files_end, start, end)


def _iter_files(here: WebContext, app: App, shown: BulkDownloadView, start: int, end: int) -> Iterator[bytes]:
    """Of the recordings and what lies before each; what comes before `start` is not looked at."""
    number = shown.bulk_download.id
    with here.database.read_transaction() as connection:
        first = bulk_download_items.find_item_number_at_offset(connection, app, number, start)
    for one in bulk_download_items.iter_items(here.database, app, number, first - 1):
        if one.missing_reason:
            continue
        if one.zip_offset >= end:
            return
        before = build_item_header(one, shown.bulk_download.zoneinfo)
        yield from slice_range([before], one.zip_offset, start, end)
        begin = one.zip_offset + len(before)
        if begin + one.size > start and begin < end:
            yield from _iter_recording(here, app, one, max(start - begin, 0), min(end - begin, one.size))


def _iter_recording(here: WebContext, app: App, one: BulkItem, low: int, high: int) -> Iterator[bytes]:
    """Its bytes [low, high). Raises Gone, if need be after some of them, rather than give others."""
    at = low
    for kept in _iter_blob_refs(here, app, one):
        try:
            location = here.locations[kept.location_id]
            if location.get_size(kept.key) != one.size:
                continue
            for chunk in location.read(kept.key, at, high):
                at += len(chunk)
                yield chunk
        except (KeyError, BlobNotFound, OSError):
            continue
        if at == high:
            return
    raise BlobNotFound(one.file_name)


def _iter_blob_refs(here: WebContext, app: App, one: BulkItem) -> Iterator[BlobRef]:
    """Where its row says; where it says now, if the bytes were moved meanwhile; where a copy is."""
    first = _get_blob_ref(here, app, one)
    yield first
    again = _get_blob_ref(here, app, one)
    if again != first:
        yield again
    if again.sha256 and (copy := here.replicas.find(again)):
        yield copy


def _get_blob_ref(here: WebContext, app: App, one: BulkItem) -> BlobRef:
    kept = bulk_download_items.find_blob(here.database, app, one)
    if kept.size != one.size or kept.sha256 not in ("", one.sha256):
        raise BlobNotFound(one.file_name)
    return kept


def _join_small_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, small pieces joined."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= MIN_CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
