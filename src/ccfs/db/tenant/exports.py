"""Rows of exports. The row is the job: a worker claims it by a conditional write that pushes it ahead, and holds it by a
lease that only its token can renew or finish. Whoever asks for a file names the app first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema, tallies
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportFilter, ExportKind, ExportState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TABLE = schema.exports
_APPS = schema.apps
_CALLBACKS = schema.deliveries
_IS_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used
_IS_FAILED = _TABLE.c.state == sa.literal_column("'failed'")  # as above
_WITH_APP = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)


class ExportCondition(StrEnum):
    """Which exports somebody looks for."""

    ANY = auto()
    FAILED = auto()  # put aside
    CALLBACK_FAILED = auto()  # made, but their callback was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedExport:
    """An export that a worker holds."""

    app: App
    export: Export
    attempts: int  # claims so far, this one among them
    lease: str  # token
    dead_leases: tuple[str, ...]  # of workers that died with it, the latest first: what they wrote is to be removed


def add(connection: Connection, app: App, export: Export) -> None:
    """Keep a request; it is due at once."""
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


def get_ready_file(connection: Connection, app: App, kind: ExportKind, file_name: str) -> BlobRef | None:
    """The bytes of the app's export of that kind and name, while they are kept."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.file_name == file_name)
    row = connection.execute(
        sa.select(_TABLE).where(mine, _TABLE.c.kind == kind, _TABLE.c.state == ExportState.READY)
    ).one_or_none()
    return build_blob_ref(row) if row else None


def claim(
    connection: Connection, now: datetime, lease: str, lasts: timedelta, last_app: int = 0
) -> ClaimedExport | None:
    """Hold the export that is due longest, of the app that has the fewest under way; None if none is due.

    Among those apps it is the next one after `last_app`: so each has its turn, however many exports another waits for.
    The export is pushed ahead before it is looked at: a worker that dies leaves it due again when the lease ends.
    """
    turn = sorted(_list_waiting_apps(connection, now), key=lambda one: (one[1], one[0] <= last_app, one[0]))
    for app, _ in turn:
        if claimed := _claim_for_app(connection, app, now, lease, lasts):
            return claimed
    return None


def _list_waiting_apps(connection: Connection, now: datetime) -> list[tuple[int, int]]:
    """Apps that have an export due, each with how many of theirs are under way: a step through the index for each app."""
    walk = sa.select(_select_next_app(0).label("app")).cte("walk", recursive=True)
    walk = walk.union_all(sa.select(_select_next_app(walk.c.app)).where(walk.c.app.is_not(None)))
    theirs = _IS_DUE & (_TABLE.c.app == walk.c.app)
    under_way = sa.select(sa.func.count()).where(theirs, _TABLE.c.due_at > now, _TABLE.c.lease != "").scalar_subquery()
    found = sa.select(walk.c.app, under_way).where(walk.c.app.is_not(None))
    is_due = sa.exists().where(theirs, _TABLE.c.due_at <= now)
    return [(int(row[0]), int(row[1])) for row in connection.execute(found.where(is_due))]


def _select_next_app(after: int | sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    first = sa.select(_TABLE.c.app).where(_IS_DUE, _TABLE.c.app > after)
    return first.order_by(_TABLE.c.app).limit(1).scalar_subquery()


def _claim_for_app(
    connection: Connection, app: int, now: datetime, lease: str, lasts: timedelta
) -> ClaimedExport | None:
    due = _IS_DUE & (_TABLE.c.app == app) & (_TABLE.c.due_at <= now)
    found = sa.select(_TABLE.c.response_id, _TABLE.c.lease).where(due).order_by(_TABLE.c.due_at).limit(1)
    first = connection.execute(found.with_for_update(skip_locked=True)).first()
    if first is None:
        return None
    number, before = first
    taken = sa.update(_TABLE).where(_TABLE.c.response_id == number, due)
    values = {"due_at": now + lasts, "lease": f"{lease} {before}".strip(), "attempts": _TABLE.c.attempts + 1}
    if connection.execute(taken.values(**values)).rowcount != 1:
        return None
    row = connection.execute(_WITH_APP.where(_TABLE.c.response_id == number)).one()
    owner = App(id=row.app, ak=row.ak, name=row.name)
    return ClaimedExport(
        app=owner, export=_build_export(row), attempts=row.attempts, lease=lease, dead_leases=tuple(before.split())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportView:
    """An export as people look at it."""

    export: Export
    state: ExportState
    attempts: int
    error: str
    size: int  # bytes of the file; 0 where there is none
    ready_at: datetime | None


def list_recent(
    connection: Connection,
    app: App,
    accounts: Sequence[str],
    of: ExportCondition = ExportCondition.ANY,
    limit: int = 100,
) -> list[ExportView]:
    """The app's exports of these accounts, newest first; those that ask for any account are of the account ""."""
    theirs = _CALLBACKS.c.export == _TABLE.c.response_id
    is_of = {
        ExportCondition.ANY: sa.true(),
        ExportCondition.FAILED: _IS_FAILED,
        ExportCondition.CALLBACK_FAILED: sa.exists().where(
            _CALLBACKS.c.app == app.id, theirs, _CALLBACKS.c.state == sa.literal_column("'dead'")
        ),
    }[of]
    asked = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.account_id.in_(accounts), is_of)
    return [_build_view(row) for row in connection.execute(asked.order_by(_TABLE.c.requested_at.desc()).limit(limit))]


def get(connection: Connection, app: App, response_id: str) -> ExportView | None:
    """One export of the app."""
    asked = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.response_id == response_id)
    row = connection.execute(asked).one_or_none()
    return _build_view(row) if row else None


def renew(connection: Connection, claimed: ClaimedExport, until: datetime) -> bool:
    """Hold it longer; False if it is no longer held: somebody else makes it now."""
    return connection.execute(_update_leased(claimed).values(due_at=until)).rowcount == 1


def finish(connection: Connection, claimed: ClaimedExport, kept: BlobRef, now: datetime) -> bool:
    """Its file can be fetched from now on; False if it is no longer held."""
    values = {
        "state": ExportState.READY,
        "due_at": None,
        "lease": "",
        "ready_at": now,
        "error": "",
        **get_column_values(kept),
    }
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def release(connection: Connection, claimed: ClaimedExport, due_at: datetime, error: str) -> bool:
    """Let it be tried again at `due_at`; False if it is no longer held."""
    values = {"due_at": due_at, "lease": "", "error": error[:1000]}
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def mark_failed(connection: Connection, claimed: ClaimedExport, error: str) -> bool:
    """Try it no more until an operator says so; False if it is no longer held."""
    values = {"state": ExportState.FAILED, "due_at": None, "lease": "", "error": error[:1000]}
    return connection.execute(_update_leased(claimed).values(**values)).rowcount == 1


def list_expirable(
    connection: Connection, before: datetime, limit: int, far: Collection[str] = ()
) -> list[tuple[App, str, BlobRef]]:
    """Exports that became ready before an instant and still have their file: app, responseId, bytes. None in `far`."""
    is_ready = _TABLE.c.state == sa.literal_column("'ready'")  # as the index has it
    statement = _WITH_APP.where(is_ready, _TABLE.c.ready_at < before, _TABLE.c.location_id.not_in(far))
    rows = connection.execute(statement.order_by(_TABLE.c.ready_at).limit(limit))
    return [(App(id=row.app, ak=row.ak, name=row.name), row.response_id, build_blob_ref(row)) for row in rows]


def expire(connection: Connection, app: App, response_id: str, gone: BlobRef) -> None:
    """Its file can be fetched no more; nothing happens if it was moved meanwhile, and is not the one that is gone."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.response_id == response_id)
    mine &= (_TABLE.c.location_id == gone.location_id) & (_TABLE.c.key == gone.key)
    connection.execute(sa.update(_TABLE).where(mine).values(state=ExportState.EXPIRED))


def list_failed(connection: Connection, app: App) -> list[tuple[Export, str]]:
    """The app's exports that were put aside, with the error."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.app == app.id, _IS_FAILED))
    return [(_build_export(row), row.error) for row in rows]


def retry(connection: Connection, app: App, now: datetime, response_id: str = "") -> int:
    """Let the app's exports that were put aside, or one of them, be tried again now; how many."""
    aside = (_TABLE.c.app == app.id) & _IS_FAILED
    if response_id:
        aside &= _TABLE.c.response_id == response_id
    values = {"state": ExportState.DUE, "due_at": now, "lease": "", "attempts": 0}
    return connection.execute(sa.update(_TABLE).where(aside).values(**values)).rowcount


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many exports are in each state, over all apps: for metrics."""
    return tallies.count_by_state(connection, _TABLE)


def find_oldest_due(connection: Connection) -> datetime | None:
    """When the oldest of the exports that are still to be made was asked for, over all apps: for metrics."""
    return tallies.get_oldest_requested_at(connection, _TABLE, _IS_DUE)


def _update_leased(claimed: ClaimedExport) -> sa.Update:
    lease = " ".join((claimed.lease, *claimed.dead_leases))
    return sa.update(_TABLE).where(_TABLE.c.response_id == claimed.export.response_id, _IS_DUE, _TABLE.c.lease == lease)


def _build_view(row: sa.Row[Any]) -> ExportView:
    return ExportView(
        export=_build_export(row),
        state=ExportState(row.state),
        attempts=row.attempts,
        error=row.error,
        size=row.size or 0,
        ready_at=row.ready_at,
    )


def build_blob_ref(row: sa.Row[Any]) -> BlobRef:
    """The bytes that a row names."""
    return BlobRef(location_id=row.location_id, key=row.key, size=row.size, sha256=row.sha256, crc32=row.crc32)


def _build_export(row: sa.Row[Any]) -> Export:
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
