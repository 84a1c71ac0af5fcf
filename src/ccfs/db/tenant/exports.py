"""An app's exports: requests, their state and their files. Workers claim them through db/system/jobs/export_jobs.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import EXPORTS
from ccfs.db.row_limit import has_room
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportFilter, ExportKind, ExportState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TABLE = schema.exports
_DELIVERIES = schema.deliveries
_IS_FAILED = _TABLE.c.state == sa.literal_column("'failed'")  # a literal, as in the partial index


class ExportCondition(StrEnum):
    """A filter for a list of exports."""

    ANY = auto()
    FAILED = auto()
    CALLBACK_FAILED = auto()  # ready, but the callback was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportView:
    """An export as shown to users."""

    export: Export
    state: ExportState
    attempts: int
    error: str
    size: int  # bytes of the file; 0 where there is none
    ready_at: datetime | None


def add(connection: Connection, app: App, export: Export) -> None:
    """Store a request that is due immediately."""
    connection.execute(
        sa.insert(_TABLE).values(
            response_id=export.response_id,
            app=app.id,
            kind=export.kind,
            tables=",".join(export.tables),
            begin=export.window.begin,
            end=export.window.end,
            **get_column_values(export.filter),
            callback_url=export.callback_url,
            requested_on=export.requested_on,
            requested_at=export.requested_at,
            file_name=export.file_name,
            state=ExportState.DUE,
            due_at=export.requested_at,
            lease="",
            attempts=0,
            error="",
        )
    )


def add_if_fewer(connection: Connection, app: App, export: Export, limit: int) -> bool:
    """Store a request if fewer than `limit` of the app are not ready yet, 0: however many; return whether it was stored."""
    is_due = _TABLE.c.state == sa.literal_column("'due'")  # a literal, as in the partial index
    own = (_TABLE.c.app == app.id) & is_due
    if limit and not has_room(connection, app, _TABLE, own, limit, order=_TABLE.c.due_at):
        return False
    add(connection, app, export)
    return True


def get_ready_file(connection: Connection, app: App, kind: ExportKind, file_name: str) -> BlobRef | None:
    """Return the file of the app's ready export with that kind and name."""
    is_named = (_TABLE.c.app == app.id) & (_TABLE.c.file_name == file_name)
    statement = sa.select(_TABLE).where(is_named, _TABLE.c.kind == kind, _TABLE.c.state == ExportState.READY)
    row = connection.execute(statement).one_or_none()
    return build_blob_ref(row) if row else None


def list_recent(
    connection: Connection,
    app: App,
    accounts: Sequence[str],
    condition: ExportCondition = ExportCondition.ANY,
    limit: int = 100,
) -> list[ExportView]:
    """Return the app's exports for these accounts, newest first; exports for all accounts have the account ""."""
    is_dead = _DELIVERIES.c.state == sa.literal_column("'dead'")  # a literal, as in the partial index
    its_callback = (_DELIVERIES.c.app == app.id) & (_DELIVERIES.c.export == _TABLE.c.response_id)
    matches = {
        ExportCondition.ANY: sa.true(),
        ExportCondition.FAILED: _IS_FAILED,
        ExportCondition.CALLBACK_FAILED: sa.exists().where(its_callback, is_dead),
    }[condition]
    statement = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.account_id.in_(accounts), matches)
    rows = connection.execute(statement.order_by(_TABLE.c.requested_at.desc()).limit(limit))
    return [_build_view(row) for row in rows]


def get(connection: Connection, app: App, response_id: str) -> ExportView | None:
    """Return one export of the app."""
    row = connection.execute(sa.select(_TABLE).where(_is_own(app, response_id))).one_or_none()
    return _build_view(row) if row else None


def expire(connection: Connection, app: App, response_id: str, deleted: BlobRef) -> None:
    """Mark an export as expired, unless its file has been moved in the meantime and is not the one that was deleted."""
    has_blob = (_TABLE.c.location_id == deleted.location_id) & (_TABLE.c.key == deleted.key)
    expired = sa.update(_TABLE).where(_is_own(app, response_id), has_blob)
    connection.execute(expired.values(state=ExportState.EXPIRED))


def list_failed(connection: Connection, app: App) -> list[tuple[Export, str]]:
    """Return the app's failed exports, each with its error."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.app == app.id, _IS_FAILED))
    return [(build_export(row), row.error) for row in rows]


def retry(connection: Connection, app: App, now: datetime, response_id: str = "") -> int:
    """Make one or all of the app's failed exports due now, and return their number."""
    which = [_TABLE.c.response_id == response_id] if response_id else []
    return EXPORTS.retry(connection, now, _TABLE.c.app == app.id, _IS_FAILED, *which)


def build_blob_ref(row: sa.Row[Any]) -> BlobRef:
    """Return the blob to which a row refers."""
    return BlobRef(location_id=row.location_id, key=row.key, size=row.size, sha256=row.sha256, crc32=row.crc32)


def build_export(row: sa.Row[Any]) -> Export:
    """Return the export in a row."""
    names: Sequence[str] = ("account_id", "agent_id", "call_id", "caller_no", "callee_no")
    return Export(
        response_id=row.response_id,
        kind=ExportKind(row.kind),
        tables=tuple(row.tables.split(",")),
        window=TimeWindow(begin=row.begin, end=row.end),
        filter=ExportFilter(**{name: getattr(row, name) for name in names}),
        callback_url=row.callback_url,
        requested_on=row.requested_on,
        requested_at=row.requested_at,
    )


def _is_own(app: App, response_id: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.response_id == response_id)


def _build_view(row: sa.Row[Any]) -> ExportView:
    return ExportView(
        export=build_export(row),
        state=ExportState(row.state),
        attempts=row.attempts,
        error=row.error,
        size=row.size or 0,
        ready_at=row.ready_at,
    )
