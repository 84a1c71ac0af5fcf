"""Items of bulk downloads, one per recording. A worker adds them and checks each once; after that, they never change."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant import recordings
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.bulk.bulk_download import BulkDownload, BulkItem, BulkProgress, MissingReason
from ccfs.model.bulk.bulk_zip import BulkZipContents
from ccfs.model.identity.tenancy import App

_TABLE = schema.bulk_download_items
_FIELDS = tuple(field.name for field in fields(BulkItem))
_CHECK_COLUMNS = ("size", "sha256", "crc32", "member_name", "zip_offset", "missing_reason")  # results of a check
_PAGE_SIZE = 500  # rows


def add(connection: Connection, app: App, bulk_download_id: str, items: Sequence[BulkItem]) -> None:
    """Append items."""
    if items:
        rows = [_get_column_values(item) | {"app": app.id, "bulk_download": bulk_download_id} for item in items]
        connection.execute(sa.insert(_TABLE), rows)


def save_check_results(connection: Connection, app: App, bulk_download_id: str, items: Sequence[BulkItem]) -> None:
    """Store the results of checked items."""
    if not items:
        return
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _CHECK_COLUMNS}
    statement = sa.update(_TABLE).where(_is_own(app, bulk_download_id), _TABLE.c.number == sa.bindparam("item_number"))
    rows = [
        {"item_number": item.number}
        | {f"new_{name}": value for name, value in _get_column_values(item).items() if name in _CHECK_COLUMNS}
        for item in items
    ]
    connection.execute(statement.values(**values), rows)


def list_page(
    connection: Connection, app: App, bulk_download_id: str, after: int, limit: int = _PAGE_SIZE
) -> list[BulkItem]:
    """Return the items after a given number, in order."""
    statement = sa.select(*(_TABLE.c[name] for name in _FIELDS))
    statement = statement.where(_is_own(app, bulk_download_id), _TABLE.c.number > after)
    return [_build_item(row) for row in connection.execute(statement.order_by(_TABLE.c.number).limit(limit))]


def find_item_number_at_offset(connection: Connection, app: App, bulk_download_id: str, offset: int) -> int:
    """Return the number of the item whose header or content includes this byte of the zip; 0 if there is none."""
    begun = _is_own(app, bulk_download_id) & (_TABLE.c.zip_offset <= offset) & (_TABLE.c.missing_reason == "")
    statement = sa.select(_TABLE.c.number).where(begun).order_by(_TABLE.c.zip_offset.desc()).limit(1)
    return int(connection.execute(statement).scalar() or 0)


def list_included_calls(connection: Connection, app: App, bulk_download_id: str) -> list[str]:
    """Return the calls whose recordings are in the zip."""
    included = sa.select(_TABLE.c.call_id).where(_is_own(app, bulk_download_id), _TABLE.c.missing_reason == "")
    return list(connection.execute(included.distinct()).scalars())


def iter_items(database: Database, app: App, bulk_download_id: str, after: int = 0) -> Iterator[BulkItem]:
    """Yield all items after a given number, in order. No connection is held open between pages."""
    while True:
        with database.read_transaction() as connection:
            page = list_page(connection, app, bulk_download_id, after)
        yield from page
        if len(page) < _PAGE_SIZE:
            return
        after = page[-1].number


def build_zip_contents(
    database: Database, app: App, bulk_download: BulkDownload, progress: BulkProgress
) -> BulkZipContents:
    """Return the zip contents of a bulk download whose items have been checked."""
    return BulkZipContents(
        iter_items=lambda: iter_items(database, app, bulk_download.id),
        zone=bulk_download.zoneinfo,
        created_at=bulk_download.requested_at,
        files_end=progress.files_end,
    )


def find_blob(database: Database, app: App, item: BulkItem) -> BlobRef:
    """Return where the recording's file is now; raises BlobNotFound if the recording has been deleted."""
    with database.read_transaction() as connection:
        recording = recordings.find_file_by_name(connection, app, item.file_name)
    if recording is None:
        raise BlobNotFound(item.file_name)
    return recording[1]


def _is_own(app: App, bulk_download_id: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.bulk_download == bulk_download_id)


def _get_column_values(item: BulkItem) -> dict[str, Any]:
    return get_column_values(item) | {"missing_reason": item.missing_reason or ""}


def _build_item(row: sa.Row[Any]) -> BulkItem:
    values = dict(zip(_FIELDS, row, strict=True))
    reason = MissingReason(values["missing_reason"]) if values["missing_reason"] else None
    return BulkItem(**values | {"missing_reason": reason})
