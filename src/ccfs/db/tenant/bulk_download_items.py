"""Rows of the lists of selections: one recording each. They are added, then read through once, and change no more."""

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
_CHECK_COLUMNS = (
    "size",
    "sha256",
    "crc32",
    "member_name",
    "zip_offset",
    "missing_reason",
)  # what reading it through finds
_PAGE_ROWS = 500  # rows


def add(connection: Connection, app: App, selection: str, taken: Sequence[BulkItem]) -> None:
    """Put recordings at the end of a list."""
    if taken:
        rows = [_get_column_values(one) | {"app": app.id, "bulk_download": selection} for one in taken]
        connection.execute(sa.insert(_TABLE), rows)


def save_check_results(connection: Connection, app: App, selection: str, taken: Sequence[BulkItem]) -> None:
    """Keep what reading recordings of the list through has found."""
    if taken:
        row = (
            (_TABLE.c.bulk_download == selection) & (_TABLE.c.number == sa.bindparam("row")) & (_TABLE.c.app == app.id)
        )
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _CHECK_COLUMNS}
        told = [
            {f"new_{name}": value for name, value in _get_column_values(one).items() if name in _CHECK_COLUMNS}
            for one in taken
        ]
        rows = [{"row": one.number, **new} for one, new in zip(taken, told, strict=True)]
        connection.execute(sa.update(_TABLE).where(row).values(**values), rows)


def list_page(connection: Connection, app: App, selection: str, after: int, limit: int = _PAGE_ROWS) -> list[BulkItem]:
    """Recordings of a list behind a number, in order."""
    theirs = (_TABLE.c.app == app.id) & (_TABLE.c.bulk_download == selection) & (_TABLE.c.number > after)
    asked = sa.select(*(_TABLE.c[name] for name in _FIELDS)).where(theirs)
    return [_build_item(row) for row in connection.execute(asked.order_by(_TABLE.c.number).limit(limit))]


def find_item_number_at_offset(connection: Connection, app: App, selection: str, offset: int) -> int:
    """The number of the recording in whose part of the zip a byte lies, its header being a part of it; 0: none."""
    theirs = (_TABLE.c.app == app.id) & (_TABLE.c.bulk_download == selection) & (_TABLE.c.zip_offset <= offset)
    asked = (
        sa.select(_TABLE.c.number)
        .where(theirs, _TABLE.c.missing_reason == "")
        .order_by(_TABLE.c.zip_offset.desc())
        .limit(1)
    )
    return int(connection.execute(asked).scalar() or 0)


def iter_items(database: Database, app: App, selection: str, after: int = 0) -> Iterator[BulkItem]:
    """All recordings of a list behind a number, in order; no connection is held meanwhile."""
    while True:
        with database.read_transaction() as connection:
            some = list_page(connection, app, selection, after)
        yield from some
        if len(some) < _PAGE_ROWS:
            return
        after = some[-1].number


def build_zip_contents(
    database: Database, app: App, selection: BulkDownload, progress: BulkProgress
) -> BulkZipContents:
    """What the zip of a list that was read through is made of."""
    return BulkZipContents(
        iter_items=lambda: iter_items(database, app, selection.id),
        zone=selection.zoneinfo,
        created_at=selection.requested_at,
        files_end=progress.files_end,
    )


def find_blob(database: Database, app: App, one: BulkItem) -> BlobRef:
    """Where the recording's bytes are at this moment; raises Gone if there is no such recording any more."""
    with database.read_transaction() as connection:
        found = recordings.find_file_by_name(connection, app, one.file_name)
    if found is None:
        raise BlobNotFound(one.file_name)
    return found[1]


def _get_column_values(one: BulkItem) -> dict[str, Any]:
    return get_column_values(one) | {"missing_reason": one.missing_reason or ""}


def _build_item(row: sa.Row[Any]) -> BulkItem:
    values = dict(zip(_FIELDS, row, strict=True))
    return BulkItem(
        **values | {"missing_reason": MissingReason(values["missing_reason"]) if values["missing_reason"] else None}
    )
