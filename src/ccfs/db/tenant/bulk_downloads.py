"""Rows of selections: what somebody takes along. The row is the job, as with exports; its list is in selected.py.

Whoever asks for a selection names the app first, and the user whose it is.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema, tallies
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.bulk.bulk_download import BulkDownload, BulkDownloadState, BulkProgress, BulkRequest
from ccfs.model.bulk.bulk_zip import CsvDigest, ZipSummary
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchCursor, SearchOrder
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TABLE = schema.bulk_downloads
_APPS = schema.apps
_IS_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDownloadView:
    """A selection as its owner looks at it."""

    bulk_download: BulkDownload
    state: BulkDownloadState
    progress: BulkProgress
    zip_summary: ZipSummary | None  # what its zip is, once it is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedBulkDownload:
    """A selection that a worker holds."""

    app: App
    bulk_download: BulkDownload
    progress: BulkProgress
    cursor: SearchCursor | None  # where the search goes on
    attempts: int  # claims since it last came forward, this one among them
    lease: str


def add(connection: Connection, app: App, selection: BulkDownload) -> None:
    """Keep what was asked for; it is due at once."""
    wanted = selection.request
    connection.execute(
        sa.insert(_TABLE).values(
            id=selection.id,
            app=app.id,
            user_id=selection.user_id,
            account_id=selection.account_id,
            zone=selection.zone,
            calls=json.dumps(wanted.calls),
            search=_serialize(wanted.search),
            requested_at=selection.requested_at,
            state=BulkDownloadState.DUE,
            due_at=selection.requested_at,
            lease="",
            attempts=0,
            error="",
            cursor="",
            **get_column_values(BulkProgress()),
        )
    )


def list_by_user(connection: Connection, app: App, user: int, limit: int = 100) -> list[BulkDownloadView]:
    """A user's selections in the app, newest first."""
    own = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user)
    return [_build_view(row) for row in connection.execute(own.order_by(_TABLE.c.requested_at.desc()).limit(limit))]


def find(connection: Connection, app: App, user: int, number: str) -> BulkDownloadView | None:
    """One of a user's selections."""
    own = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user, _TABLE.c.id == number)
    row = connection.execute(own).one_or_none()
    return _build_view(row) if row else None


def claim(connection: Connection, now: datetime, lease: str, lasts: timedelta) -> ClaimedBulkDownload | None:
    """Hold the selection that is due longest; None if none is. It is pushed ahead before it is looked at."""
    due = _IS_DUE & (_TABLE.c.due_at <= now)
    first = sa.select(_TABLE.c.id).where(due).order_by(_TABLE.c.due_at).limit(1).with_for_update(skip_locked=True)
    number = connection.execute(first).scalar()
    values = {"due_at": now + lasts, "lease": lease, "attempts": _TABLE.c.attempts + 1}
    taken = sa.update(_TABLE).where(_TABLE.c.id == number, due).values(**values)
    if number is None or connection.execute(taken).rowcount != 1:
        return None
    with_app = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
    row = connection.execute(with_app.where(_TABLE.c.id == number)).one()
    return ClaimedBulkDownload(
        app=App(id=row.app, ak=row.ak, name=row.name),
        bulk_download=_build_bulk_download(row),
        progress=_build_progress(row),
        cursor=_parse_cursor(row.cursor),
        attempts=row.attempts,
        lease=lease,
    )


def renew(connection: Connection, claimed: ClaimedBulkDownload, until: datetime) -> bool:
    """Hold it longer; False if it is no longer held."""
    return connection.execute(_update_leased(claimed).values(due_at=until)).rowcount == 1


def save_progress(
    connection: Connection,
    claimed: ClaimedBulkDownload,
    progress: BulkProgress,
    after: SearchCursor | None,
    until: datetime,
) -> bool:
    """Keep how far it is, and hold it longer; False if it is no longer held."""
    values = {**get_column_values(progress), "cursor": _serialize(after), "due_at": until, "attempts": 0}
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def finish(connection: Connection, claimed: ClaimedBulkDownload, made: ZipSummary, now: datetime) -> bool:
    """Its zip can be fetched from now on; False if it is no longer held."""
    sums = {"index_size": made.index.size, "index_crc32": made.index.crc32}
    sums |= {"missing_size": made.missing.size, "missing_crc32": made.missing.crc32}
    values = {"state": BulkDownloadState.READY, "due_at": None, "lease": "", "ready_at": now, "error": ""}
    return (
        connection.execute(_update_leased(claimed).values(**values, **sums, size=made.size, etag=made.etag)).rowcount
        == 1
    )


def release(connection: Connection, claimed: ClaimedBulkDownload, due_at: datetime, error: str, attempts: int) -> bool:
    """Let it be gone on with at `due_at`; `attempts` is 0 where it came forward. False if it is no longer held."""
    values = {"due_at": due_at, "lease": "", "error": error[:1000], "attempts": attempts}
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def mark_failed(connection: Connection, claimed: ClaimedBulkDownload, error: str) -> bool:
    """Try it no more; False if it is no longer held."""
    values = {"state": BulkDownloadState.FAILED, "due_at": None, "lease": "", "error": error[:1000]}
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def delete(connection: Connection, app: App, user: int, number: str) -> bool:
    """Let one of a user's selections go, with its list; whoever gathers it holds it no longer. False if there is none."""
    own = sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user, _TABLE.c.id == number)
    return connection.execute(own).rowcount == 1


def delete_before(connection: Connection, before: datetime, limit: int) -> int:
    """Let selections go, with their lists, that were asked for before an instant; how many."""
    old = sa.select(_TABLE.c.id).where(_TABLE.c.requested_at < before).order_by(_TABLE.c.requested_at).limit(limit)
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(old.scalar_subquery()))).rowcount


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many selections are in each state, over all apps: for metrics."""
    return tallies.count_by_state(connection, _TABLE)


def find_oldest_due(connection: Connection) -> datetime | None:
    """When the oldest of the selections that are still to be made was asked for, over all apps: for metrics."""
    return tallies.get_oldest_requested_at(connection, _TABLE, _IS_DUE)


def _update_leased(claimed: ClaimedBulkDownload) -> sa.Update:
    return sa.update(_TABLE).where(_TABLE.c.id == claimed.bulk_download.id, _IS_DUE, _TABLE.c.lease == claimed.lease)


def _build_view(row: sa.Row[Any]) -> BulkDownloadView:
    made = None
    if row.state == BulkDownloadState.READY:
        index = CsvDigest(size=row.index_size, crc32=row.index_crc32)
        missing = CsvDigest(size=row.missing_size, crc32=row.missing_crc32)
        made = ZipSummary(size=row.size, etag=row.etag, index=index, missing=missing)
    return BulkDownloadView(
        bulk_download=_build_bulk_download(row),
        state=BulkDownloadState(row.state),
        progress=_build_progress(row),
        zip_summary=made,
    )


def _build_progress(row: sa.Row[Any]) -> BulkProgress:
    return BulkProgress(**{field.name: getattr(row, field.name) for field in fields(BulkProgress)})


def _build_bulk_download(row: sa.Row[Any]) -> BulkDownload:
    wanted = BulkRequest(calls=tuple(json.loads(row.calls)), search=_parse_search(row.search))
    return BulkDownload(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        zone=row.zone,
        request=wanted,
        requested_at=row.requested_at,
    )


def _serialize(value: CallSearch | SearchCursor | None) -> str:
    """A value as JSON; instants in their ISO form."""
    if value is None:
        return ""
    told = get_column_values(value)
    if isinstance(value, CallSearch):
        told |= {"window": [value.window.begin.isoformat(), value.window.end.isoformat()], "cursor": None}
    return json.dumps(told, default=lambda instant: instant.isoformat())


def _parse_search(text: str) -> CallSearch | None:
    if not text:
        return None
    told = json.loads(text)
    begin, end = map(datetime.fromisoformat, told["window"])
    told |= {"window": TimeWindow(begin=begin, end=end), "order": SearchOrder(told["order"])}
    return CallSearch(**told | {"direction": Direction(told["direction"]) if told["direction"] else None})


def _parse_cursor(text: str) -> SearchCursor | None:
    told = json.loads(text) if text else {}
    return SearchCursor(**told | {"begin": datetime.fromisoformat(told["begin"])}) if told else None
