"""Rows of selections: what somebody takes along. The row is the job, as with exports; its list is in selected.py.

Whoever asks for a selection names the app first, and the user whose it is.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.call import Direction
from ccfs.model.call_search import After, Order, Search
from ccfs.model.selection import Progress, Selection, State, Wanted
from ccfs.model.selection_zip import Made, Sum
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import schema, tallies
from ccfs.store.recordings import values_of

_TABLE = schema.selections
_APPS = schema.apps
_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A selection as its owner looks at it."""

    selection: Selection
    state: State
    progress: Progress
    made: Made | None  # what its zip is, once it is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A selection that a worker holds."""

    app: App
    selection: Selection
    progress: Progress
    after: After | None  # where the search goes on
    attempts: int  # claims since it last came forward, this one among them
    lease: str


def add(connection: Connection, app: App, selection: Selection) -> None:
    """Keep what was asked for; it is due at once."""
    wanted = selection.wanted
    connection.execute(
        sa.insert(_TABLE).values(
            id=selection.id,
            app=app.id,
            user_id=selection.user,
            account_id=selection.account_id,
            zone=selection.zone,
            calls=json.dumps(wanted.calls),
            search=_text_of(wanted.search),
            asked_at=selection.asked_at,
            state=State.DUE,
            due_at=selection.asked_at,
            lease="",
            attempts=0,
            error="",
            cursor="",
            **values_of(Progress()),
        )
    )


def mine(connection: Connection, app: App, user: int, limit: int = 100) -> list[Shown]:
    """A user's selections in the app, newest first."""
    own = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user)
    return [_shown(row) for row in connection.execute(own.order_by(_TABLE.c.asked_at.desc()).limit(limit))]


def find(connection: Connection, app: App, user: int, number: str) -> Shown | None:
    """One of a user's selections."""
    own = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user, _TABLE.c.id == number)
    row = connection.execute(own).one_or_none()
    return _shown(row) if row else None


def claim(connection: Connection, now: datetime, lease: str, lasts: timedelta) -> Claimed | None:
    """Hold the selection that is due longest; None if none is. It is pushed ahead before it is looked at."""
    due = _DUE & (_TABLE.c.due_at <= now)
    first = sa.select(_TABLE.c.id).where(due).order_by(_TABLE.c.due_at).limit(1).with_for_update(skip_locked=True)
    number = connection.execute(first).scalar()
    values = {"due_at": now + lasts, "lease": lease, "attempts": _TABLE.c.attempts + 1}
    taken = sa.update(_TABLE).where(_TABLE.c.id == number, due).values(**values)
    if number is None or connection.execute(taken).rowcount != 1:
        return None
    with_app = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
    row = connection.execute(with_app.where(_TABLE.c.id == number)).one()
    return Claimed(
        app=App(id=row.app, ak=row.ak, name=row.name),
        selection=_selection(row),
        progress=_progress(row),
        after=_after_of(row.cursor),
        attempts=row.attempts,
        lease=lease,
    )


def renew(connection: Connection, claimed: Claimed, until: datetime) -> bool:
    """Hold it longer; False if it is no longer held."""
    return connection.execute(_held(claimed).values(due_at=until)).rowcount == 1


def advance(connection: Connection, claimed: Claimed, progress: Progress, after: After | None, until: datetime) -> bool:
    """Keep how far it is, and hold it longer; False if it is no longer held."""
    values = {**values_of(progress), "cursor": _text_of(after), "due_at": until, "attempts": 0}
    return connection.execute(_held(claimed).values(**values)).rowcount == 1


def finish(connection: Connection, claimed: Claimed, made: Made, now: datetime) -> bool:
    """Its zip can be fetched from now on; False if it is no longer held."""
    sums = {"index_size": made.index.size, "index_crc32": made.index.crc32}
    sums |= {"missing_size": made.missing.size, "missing_crc32": made.missing.crc32}
    values = {"state": State.READY, "due_at": None, "lease": "", "ready_at": now, "error": ""}
    return connection.execute(_held(claimed).values(**values, **sums, size=made.size, tag=made.tag)).rowcount == 1


def give_back(connection: Connection, claimed: Claimed, due_at: datetime, error: str, attempts: int) -> bool:
    """Let it be gone on with at `due_at`; `attempts` is 0 where it came forward. False if it is no longer held."""
    values = {"due_at": due_at, "lease": "", "error": error[:1000], "attempts": attempts}
    return connection.execute(_held(claimed).values(**values)).rowcount == 1


def put_aside(connection: Connection, claimed: Claimed, error: str) -> bool:
    """Try it no more; False if it is no longer held."""
    values = {"state": State.FAILED, "due_at": None, "lease": "", "error": error[:1000]}
    return connection.execute(_held(claimed).values(**values)).rowcount == 1


def drop(connection: Connection, app: App, user: int, number: str) -> bool:
    """Let one of a user's selections go, with its list; whoever gathers it holds it no longer. False if there is none."""
    own = sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.user_id == user, _TABLE.c.id == number)
    return connection.execute(own).rowcount == 1


def forget_old(connection: Connection, before: datetime, limit: int) -> int:
    """Let selections go, with their lists, that were asked for before an instant; how many."""
    old = sa.select(_TABLE.c.id).where(_TABLE.c.asked_at < before).order_by(_TABLE.c.asked_at).limit(limit)
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(old.scalar_subquery()))).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """How many selections are in each state, over all apps: for metrics."""
    return tallies.by_state(connection, _TABLE)


def oldest_due(connection: Connection) -> datetime | None:
    """When the oldest of the selections that are still to be made was asked for, over all apps: for metrics."""
    return tallies.oldest(connection, _TABLE, _DUE)


def _held(claimed: Claimed) -> sa.Update:
    return sa.update(_TABLE).where(_TABLE.c.id == claimed.selection.id, _DUE, _TABLE.c.lease == claimed.lease)


def _shown(row: sa.Row[Any]) -> Shown:
    made = None
    if row.state == State.READY:
        index = Sum(size=row.index_size, crc32=row.index_crc32)
        missing = Sum(size=row.missing_size, crc32=row.missing_crc32)
        made = Made(size=row.size, tag=row.tag, index=index, missing=missing)
    return Shown(selection=_selection(row), state=State(row.state), progress=_progress(row), made=made)


def _progress(row: sa.Row[Any]) -> Progress:
    return Progress(**{field.name: getattr(row, field.name) for field in fields(Progress)})


def _selection(row: sa.Row[Any]) -> Selection:
    wanted = Wanted(calls=tuple(json.loads(row.calls)), search=_search_of(row.search))
    return Selection(
        id=row.id, user=row.user_id, account_id=row.account_id, zone=row.zone, wanted=wanted, asked_at=row.asked_at
    )


def _text_of(value: Search | After | None) -> str:
    """A value as JSON; instants in their ISO form."""
    if value is None:
        return ""
    told = values_of(value)
    if isinstance(value, Search):
        told |= {"window": [value.window.begin.isoformat(), value.window.end.isoformat()], "after": None}
    return json.dumps(told, default=lambda instant: instant.isoformat())


def _search_of(text: str) -> Search | None:
    if not text:
        return None
    told = json.loads(text)
    begin, end = map(datetime.fromisoformat, told["window"])
    told |= {"window": Window(begin=begin, end=end), "order": Order(told["order"])}
    return Search(**told | {"direction": Direction(told["direction"]) if told["direction"] else None})


def _after_of(text: str) -> After | None:
    told = json.loads(text) if text else {}
    return After(**told | {"begin": datetime.fromisoformat(told["begin"])}) if told else None
