"""Rows of exports. The row is the job: a worker claims it by a conditional write that pushes it ahead, and holds it by a
lease that only its token can renew or finish. Whoever asks for a file names the app first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.export import Export, Filter, Kind, State
from ccfs.model.recording import Kept
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import schema, tallies
from ccfs.store.recordings import values_of

_TABLE = schema.exports
_APPS = schema.apps
_CALLBACKS = schema.deliveries
_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used
_FAILED = _TABLE.c.state == sa.literal_column("'failed'")  # as above
_WITH_APP = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)


class Condition(StrEnum):
    """Which exports somebody looks for."""

    ANY = auto()
    FAILED = auto()  # put aside
    UNTOLD = auto()  # made, but their callback was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
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
            **values_of(export.filter),
            callback_url=export.callback_url,
            asked_on=export.asked_on,
            asked_at=export.asked_at,
            file_name=export.file_name,
            state=State.DUE,
            due_at=export.asked_at,
            lease="",
            attempts=0,
            error="",
        )
    )


def ready_file(connection: Connection, app: App, kind: Kind, file_name: str) -> Kept | None:
    """The bytes of the app's export of that kind and name, while they are kept."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.file_name == file_name)
    row = connection.execute(
        sa.select(_TABLE).where(mine, _TABLE.c.kind == kind, _TABLE.c.state == State.READY)
    ).one_or_none()
    return kept_of(row) if row else None


def claim(connection: Connection, now: datetime, lease: str, lasts: timedelta, last_app: int = 0) -> Claimed | None:
    """Hold the export that is due longest, of the app that has the fewest under way; None if none is due.

    Among those apps it is the next one after `last_app`: so each has its turn, however many exports another waits for.
    The export is pushed ahead before it is looked at: a worker that dies leaves it due again when the lease ends.
    """
    turn = sorted(_waiting(connection, now), key=lambda one: (one[1], one[0] <= last_app, one[0]))
    for app, _ in turn:
        if claimed := _claim_of(connection, app, now, lease, lasts):
            return claimed
    return None


def _waiting(connection: Connection, now: datetime) -> list[tuple[int, int]]:
    """Apps that have an export due, each with how many of theirs are under way: a step through the index for each app."""
    walk = sa.select(_next_app(0).label("app")).cte("walk", recursive=True)
    walk = walk.union_all(sa.select(_next_app(walk.c.app)).where(walk.c.app.is_not(None)))
    theirs = _DUE & (_TABLE.c.app == walk.c.app)
    under_way = sa.select(sa.func.count()).where(theirs, _TABLE.c.due_at > now, _TABLE.c.lease != "").scalar_subquery()
    found = sa.select(walk.c.app, under_way).where(walk.c.app.is_not(None))
    is_due = sa.exists().where(theirs, _TABLE.c.due_at <= now)
    return [(int(row[0]), int(row[1])) for row in connection.execute(found.where(is_due))]


def _next_app(after: int | sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    first = sa.select(_TABLE.c.app).where(_DUE, _TABLE.c.app > after)
    return first.order_by(_TABLE.c.app).limit(1).scalar_subquery()


def _claim_of(connection: Connection, app: int, now: datetime, lease: str, lasts: timedelta) -> Claimed | None:
    due = _DUE & (_TABLE.c.app == app) & (_TABLE.c.due_at <= now)
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
    return Claimed(
        app=owner, export=_from_row(row), attempts=row.attempts, lease=lease, dead_leases=tuple(before.split())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An export as people look at it."""

    export: Export
    state: State
    attempts: int
    error: str
    size: int  # bytes of the file; 0 where there is none
    ready_at: datetime | None


def listed(
    connection: Connection, app: App, accounts: Sequence[str], of: Condition = Condition.ANY, limit: int = 100
) -> list[Listed]:
    """The app's exports of these accounts, newest first; those that ask for any account are of the account ""."""
    theirs = _CALLBACKS.c.export == _TABLE.c.response_id
    is_of = {
        Condition.ANY: sa.true(),
        Condition.FAILED: _FAILED,
        Condition.UNTOLD: sa.exists().where(
            _CALLBACKS.c.app == app.id, theirs, _CALLBACKS.c.state == sa.literal_column("'dead'")
        ),
    }[of]
    asked = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.account_id.in_(accounts), is_of)
    return [_listed(row) for row in connection.execute(asked.order_by(_TABLE.c.asked_at.desc()).limit(limit))]


def shown(connection: Connection, app: App, response_id: str) -> Listed | None:
    """One export of the app."""
    asked = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.response_id == response_id)
    row = connection.execute(asked).one_or_none()
    return _listed(row) if row else None


def renew(connection: Connection, claimed: Claimed, until: datetime) -> bool:
    """Hold it longer; False if it is no longer held: somebody else makes it now."""
    return connection.execute(_mine(claimed).values(due_at=until)).rowcount == 1


def finish(connection: Connection, claimed: Claimed, kept: Kept, now: datetime) -> bool:
    """Its file can be fetched from now on; False if it is no longer held."""
    values = {"state": State.READY, "due_at": None, "lease": "", "ready_at": now, "error": "", **values_of(kept)}
    return connection.execute(_mine(claimed).values(**values)).rowcount == 1


def give_back(connection: Connection, claimed: Claimed, due_at: datetime, error: str) -> bool:
    """Let it be tried again at `due_at`; False if it is no longer held."""
    values = {"due_at": due_at, "lease": "", "error": error[:1000]}
    return connection.execute(_mine(claimed).values(**values)).rowcount == 1


def put_aside(connection: Connection, claimed: Claimed, error: str) -> bool:
    """Try it no more until an operator says so; False if it is no longer held."""
    values = {"state": State.FAILED, "due_at": None, "lease": "", "error": error[:1000]}
    return connection.execute(_mine(claimed).values(**values)).rowcount == 1


def old_files(
    connection: Connection, before: datetime, limit: int, far: Collection[str] = ()
) -> list[tuple[App, str, Kept]]:
    """Exports that became ready before an instant and still have their file: app, responseId, bytes. None in `far`."""
    is_ready = _TABLE.c.state == sa.literal_column("'ready'")  # as the index has it
    statement = _WITH_APP.where(is_ready, _TABLE.c.ready_at < before, _TABLE.c.location_id.not_in(far))
    rows = connection.execute(statement.order_by(_TABLE.c.ready_at).limit(limit))
    return [(App(id=row.app, ak=row.ak, name=row.name), row.response_id, kept_of(row)) for row in rows]


def expire(connection: Connection, app: App, response_id: str, gone: Kept) -> None:
    """Its file can be fetched no more; nothing happens if it was moved meanwhile, and is not the one that is gone."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.response_id == response_id)
    mine &= (_TABLE.c.location_id == gone.location_id) & (_TABLE.c.key == gone.key)
    connection.execute(sa.update(_TABLE).where(mine).values(state=State.EXPIRED))


def failed(connection: Connection, app: App) -> list[tuple[Export, str]]:
    """The app's exports that were put aside, with the error."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.app == app.id, _FAILED))
    return [(_from_row(row), row.error) for row in rows]


def retry(connection: Connection, app: App, now: datetime, response_id: str = "") -> int:
    """Let the app's exports that were put aside, or one of them, be tried again now; how many."""
    aside = (_TABLE.c.app == app.id) & _FAILED
    if response_id:
        aside &= _TABLE.c.response_id == response_id
    values = {"state": State.DUE, "due_at": now, "lease": "", "attempts": 0}
    return connection.execute(sa.update(_TABLE).where(aside).values(**values)).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """How many exports are in each state, over all apps: for metrics."""
    return tallies.by_state(connection, _TABLE)


def oldest_due(connection: Connection) -> datetime | None:
    """When the oldest of the exports that are still to be made was asked for, over all apps: for metrics."""
    return tallies.oldest(connection, _TABLE, _DUE)


def _mine(claimed: Claimed) -> sa.Update:
    lease = " ".join((claimed.lease, *claimed.dead_leases))
    return sa.update(_TABLE).where(_TABLE.c.response_id == claimed.export.response_id, _DUE, _TABLE.c.lease == lease)


def _listed(row: sa.Row[Any]) -> Listed:
    return Listed(
        export=_from_row(row),
        state=State(row.state),
        attempts=row.attempts,
        error=row.error,
        size=row.size or 0,
        ready_at=row.ready_at,
    )


def kept_of(row: sa.Row[Any]) -> Kept:
    """The bytes that a row names."""
    return Kept(location_id=row.location_id, key=row.key, size=row.size, sha256=row.sha256, crc32=row.crc32)


def _from_row(row: sa.Row[Any]) -> Export:
    names: Sequence[str] = ("account_id", "agent_id", "call_id", "caller_no", "callee_no")
    return Export(
        response_id=row.response_id,
        kind=Kind(row.kind),
        tables=tuple(row.tables.split(",")),
        window=Window(begin=row.begin, end=row.end),
        filter=Filter(**{name: getattr(row, name) for name in names}),
        callback_url=row.callback_url,
        asked_on=row.asked_on,
        asked_at=row.asked_at,
    )
