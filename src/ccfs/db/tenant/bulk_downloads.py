"""Bulk downloads by app and user: requests and their state. Their items are in bulk_download_items.py.

Workers claim them through db/system/jobs/bulk_jobs.py.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import are_fewer, lock_owner
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.bulk.bulk_download import BulkDownload, BulkDownloadState, BulkProgress, BulkRequest
from ccfs.model.bulk.bulk_zip import CsvDigest, ZipSummary
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchCursor, SearchOrder
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TABLE = schema.bulk_downloads


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDownloadView:
    """A bulk download as shown to its owner."""

    bulk_download: BulkDownload
    state: BulkDownloadState
    progress: BulkProgress
    zip_summary: ZipSummary | None  # None until it is ready


def add(connection: Connection, app: App, bulk_download: BulkDownload) -> None:
    """Store a request that is due immediately."""
    request = bulk_download.request
    connection.execute(
        sa.insert(_TABLE).values(
            id=bulk_download.id,
            app=app.id,
            user_id=bulk_download.user_id,
            account_id=bulk_download.account_id,
            zone=bulk_download.zone,
            calls=json.dumps(request.calls),
            search=serialize(request.search),
            requested_at=bulk_download.requested_at,
            state=BulkDownloadState.DUE,
            due_at=bulk_download.requested_at,
            lease="",
            attempts=0,
            error="",
            cursor="",
            **get_column_values(BulkProgress()),
        )
    )


def add_if_fewer(connection: Connection, app: App, bulk_download: BulkDownload, limit: int) -> bool:
    """Store a request if fewer than `limit` of the user are due, in whatever apps; return whether it was stored."""
    lock_owner(connection, schema.users, bulk_download.user_id)
    is_due = (_TABLE.c.user_id == bulk_download.user_id) & (_TABLE.c.state == BulkDownloadState.DUE)
    if not are_fewer(connection, _TABLE, is_due, limit):
        return False
    add(connection, app, bulk_download)
    return True


def list_by_user(connection: Connection, app: App, user: int, limit: int = 100) -> list[BulkDownloadView]:
    """Return a user's bulk downloads in the app, newest first."""
    own = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user)
    return [_build_view(row) for row in connection.execute(own.order_by(_TABLE.c.requested_at.desc()).limit(limit))]


def find(connection: Connection, app: App, user: int, bulk_download_id: str) -> BulkDownloadView | None:
    """Return one of a user's bulk downloads."""
    row = connection.execute(sa.select(_TABLE).where(_is_own(app, user, bulk_download_id))).one_or_none()
    return _build_view(row) if row else None


def delete(connection: Connection, app: App, user: int, bulk_download_id: str) -> bool:
    """Delete a user's bulk download with its items, which also ends any lease. False if it does not exist."""
    return connection.execute(sa.delete(_TABLE).where(_is_own(app, user, bulk_download_id))).rowcount == 1


def build_progress(row: sa.Row[Any]) -> BulkProgress:
    """Return the progress in a row."""
    return BulkProgress(**{field.name: getattr(row, field.name) for field in fields(BulkProgress)})


def build_bulk_download(row: sa.Row[Any]) -> BulkDownload:
    """Return the bulk download in a row."""
    return BulkDownload(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        zone=row.zone,
        request=BulkRequest(calls=tuple(json.loads(row.calls)), search=_parse_search(row.search)),
        requested_at=row.requested_at,
    )


def serialize(value: CallSearch | SearchCursor | None) -> str:
    """Return a search or cursor as JSON, with instants in ISO format; empty for None."""
    if value is None:
        return ""
    fields_ = get_column_values(value)
    if isinstance(value, CallSearch):
        fields_ |= {"window": [value.window.begin.isoformat(), value.window.end.isoformat()], "cursor": None}
    return json.dumps(fields_, default=lambda instant: instant.isoformat())


def parse_cursor(text: str) -> SearchCursor | None:
    """Return the cursor from the output of `serialize`."""
    stored = json.loads(text) if text else {}
    return SearchCursor(**stored | {"begin": datetime.fromisoformat(stored["begin"])}) if stored else None


def _parse_search(text: str) -> CallSearch | None:
    if not text:
        return None
    stored = json.loads(text)
    begin, end = map(datetime.fromisoformat, stored["window"])
    stored |= {"window": TimeWindow(begin=begin, end=end), "order": SearchOrder(stored["order"])}
    return CallSearch(**stored | {"direction": Direction(stored["direction"]) if stored["direction"] else None})


def _is_own(app: App, user: int, bulk_download_id: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.user_id == user) & (_TABLE.c.id == bulk_download_id)


def _build_view(row: sa.Row[Any]) -> BulkDownloadView:
    summary = None
    if row.state == BulkDownloadState.READY:
        index = CsvDigest(size=row.index_size, crc32=row.index_crc32)
        missing = CsvDigest(size=row.missing_size, crc32=row.missing_crc32)
        summary = ZipSummary(size=row.size, etag=row.etag, index=index, missing=missing)
    return BulkDownloadView(
        bulk_download=build_bulk_download(row),
        state=BulkDownloadState(row.state),
        progress=build_progress(row),
        zip_summary=summary,
    )
