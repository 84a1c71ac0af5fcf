"""The zip of a bulk download as a stream: any range of it, read from wherever the recordings are at that moment."""

from collections.abc import Iterable, Iterator
from functools import partial

from ccfs.db.tenant import bulk_download_items
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.bulk.bulk_download import BulkItem
from ccfs.model.bulk.bulk_zip import ZipSummary, build_item_header, iter_trailer, slice_range
from ccfs.model.identity.tenancy import App
from ccfs.web.context import WebContext
from ccfs.web.responses.types import StreamedResponse

MIN_CHUNK_BYTES = 1 << 18  # smaller chunks are joined


def build_zip_stream(context: WebContext, app: App, view: BulkDownloadView, summary: ZipSummary) -> StreamedResponse:
    """Return the zip of a bulk download that is ready. Its bytes never change, so that any node can resume it."""
    return StreamedResponse(
        chunks=lambda start, end: _join_small_chunks(_iter_range(context, app, view, summary, start, end)),
        name=view.bulk_download.file_name,
        content_type="application/zip",
        size=summary.size,
        etag=f'"{summary.etag}"',
    )


def _iter_range(
    context: WebContext, app: App, view: BulkDownloadView, summary: ZipSummary, start: int, end: int
) -> Iterator[bytes]:
    contents = bulk_download_items.build_zip_contents(context.database, app, view.bulk_download, view.progress)
    if start < contents.files_end:
        yield from _iter_files(context, app, view, start, end)
    if end > contents.files_end:
        yield from slice_range(iter_trailer(contents, summary), contents.files_end, start, end)


def _iter_files(context: WebContext, app: App, view: BulkDownloadView, start: int, end: int) -> Iterator[bytes]:
    """Yield the part of the range that holds recordings and their local headers. Items before `start` are not read."""
    download_id = view.bulk_download.id
    with context.database.read_transaction() as connection:
        first = bulk_download_items.find_item_number_at_offset(connection, app, download_id, start)
    for item in bulk_download_items.iter_items(context.database, app, download_id, first - 1):
        if item.missing_reason:
            continue
        if item.zip_offset >= end:
            return
        header = build_item_header(item, view.bulk_download.zoneinfo)
        yield from slice_range([header], item.zip_offset, start, end)
        offset = item.zip_offset + len(header)
        if offset + item.size > start and offset < end:
            yield from _iter_recording(context, app, item, max(start - offset, 0), min(end - offset, item.size))


def _iter_recording(context: WebContext, app: App, item: BulkItem, start: int, end: int) -> Iterator[bytes]:
    """Yield the recording's bytes [start, end). Raise BlobNotFound or OSError, if need be midway, rather than yield others."""
    find_blob = partial(_find_blob, context, app, item)
    return context.replicas.read(find_blob(), start, end, reload=find_blob)


def _find_blob(context: WebContext, app: App, item: BulkItem) -> BlobRef:
    """Return where the recording is now; raise BlobNotFound unless it has the size and hash of the item."""
    blob = bulk_download_items.find_blob(context.database, app, item)
    if blob.size != item.size or blob.sha256 not in ("", item.sha256):
        raise BlobNotFound(item.file_name)
    return blob


def _join_small_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    joined: list[bytes] = []
    size = 0
    for chunk in chunks:
        joined.append(chunk)
        size += len(chunk)
        if size >= MIN_CHUNK_BYTES:
            yield b"".join(joined)
            joined, size = [], 0
    if joined:
        yield b"".join(joined)
