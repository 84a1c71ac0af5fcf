"""Rows of deliveries and their attempts. The row is the job, as with exports; each receiver is claimed for apart, so that
a slow one delays no other. Whoever lists names the app first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.types import TypeEngine

from ccfs.model.delivery import Delivery, Next, Outcome, State
from ccfs.model.export import State as ExportState
from ccfs.model.tenancy import App
from ccfs.store import schema, tallies

_TABLE = schema.deliveries
_ATTEMPTS = schema.delivery_attempts
_APPS = schema.apps
_WITH_APP = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that a worker holds."""

    delivery: Delivery
    receiver: str  # scheme, host and port
    claims: int  # since the last recorded attempt, this one among them
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A delivery as operators see it."""

    delivery: Delivery
    export: str  # responseId
    state: State
    due_at: datetime | None
    attempts: tuple[tuple[Outcome, Next], ...] = ()


def add(connection: Connection, app: App, delivery: Delivery, export: str, receiver: str, due_at: datetime) -> None:
    """Keep a delivery in the transaction that makes it due."""
    connection.execute(
        sa.insert(_TABLE).values(
            id=delivery.id,
            app=app.id,
            export=export,
            url=delivery.url,
            receiver=receiver,
            body=delivery.body,
            state=State.DUE,
            due_at=due_at,
            lease="",
            claims=0,
            attempts=0,
            created_at=delivery.created_at,
        )
    )


def due_receivers(connection: Connection, now: datetime) -> list[str]:
    """Receivers that have something due: one step through the index for each receiver, however many rows wait."""
    return list(connection.execute(_DUE_RECEIVERS, {"now": now}).scalars())


def _due_receivers() -> sa.Select[Any]:
    walk = sa.select(_next_receiver("").label("receiver")).cte("walk", recursive=True)
    walk = walk.union_all(sa.select(_next_receiver(walk.c.receiver)).where(walk.c.receiver.is_not(None)))
    is_due = sa.exists().where(_DUE, _TABLE.c.receiver == walk.c.receiver, _TABLE.c.due_at <= sa.bindparam("now"))
    return sa.select(walk.c.receiver).where(walk.c.receiver.is_not(None), is_due)


def _next_receiver(after: str | sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """By ORDER BY, not min(): for that SQLite takes another index, and reads all that waits."""
    first = sa.select(_TABLE.c.receiver).where(_DUE, _TABLE.c.receiver > after)
    return first.order_by(_TABLE.c.receiver).limit(1).scalar_subquery()


_DUE_RECEIVERS = _due_receivers()


def claim(
    connection: Connection, receiver: str, now: datetime, lease: str, lasts: timedelta, limit: int
) -> list[Claimed]:
    """Hold at most `limit` deliveries of the receiver that are due, the longest due first; they are pushed ahead."""
    given = {"from": receiver, "now": now, "until": now + lasts, "by": lease, "most": limit}
    rows = connection.execute(_CLAIM, given)
    return [Claimed(delivery=_from_row(row), receiver=receiver, claims=row.claims, lease=lease) for row in rows]


def _claim() -> ReturningUpdate[Any]:
    """One question for all of it: claims are made dozens of times a second. What is found is locked until it is held, so it
    needs no second look; and PostgreSQL, while it has no statistics, would look at all that is due for each that is found."""
    due = _DUE & (_TABLE.c.receiver == sa.bindparam("from")) & (_TABLE.c.due_at <= sa.bindparam("now"))
    first = sa.select(_TABLE.c.id).where(due).order_by(_TABLE.c.due_at).limit(sa.bindparam("most", type_=sa.Integer))
    found = first.with_for_update(skip_locked=True).cte("found")
    values = {"due_at": sa.bindparam("until"), "lease": sa.bindparam("by"), "claims": _TABLE.c.claims + 1}
    ak = sa.select(_APPS.c.ak).where(_APPS.c.id == _TABLE.c.app).scalar_subquery().label("ak")
    mine = sa.update(_TABLE).where(_TABLE.c.id.in_(sa.select(found.c.id)))
    return mine.values(**values).returning(_TABLE, ak)


_CLAIM = _claim()


def record(connection: Connection, results: Sequence[tuple[Claimed, Outcome, Next]]) -> int:
    """Write what came of attempts, and what follows; how many were still held. Each attempt leaves its row anyway."""
    if not results:
        return 0
    ends = [
        {
            "held_id": claimed.delivery.id,
            "held_by": claimed.lease,
            "then_state": then.state.value,
            "then_due_at": then.due_at,
            "finished": outcome.at if then.due_at is None else None,
        }
        for claimed, outcome, then in results
    ]
    attempts = [_attempt(*result) for result in results]
    if connection.dialect.name == "sqlite":  # its driver runs one statement for many rows at the speed of C
        held = connection.execute(_END, ends).rowcount
        connection.execute(sa.insert(_ATTEMPTS), attempts)
    else:
        held = connection.execute(_END_ALL, _columns(ends)).rowcount
        connection.execute(_ATTEMPT_ALL, _columns(attempts))
    return held


_ENDS: dict[str, TypeEngine[Any]] = {
    "held_id": sa.Text(),
    "held_by": sa.Text(),
    "then_state": sa.Text(),
    "then_due_at": _TABLE.c.due_at.type,
    "finished": _TABLE.c.due_at.type,
}
_TRIED = {column.name: column.type for column in _ATTEMPTS.c if column is not _ATTEMPTS.c.id}


def _end(given: Mapping[str, sa.ColumnElement[Any]]) -> sa.Update:
    """What changes where a delivery is still held by who tried it."""
    values = {"state": given["then_state"], "due_at": given["then_due_at"], "finished_at": given["finished"]}
    mine = (_TABLE.c.id == given["held_id"]) & (_TABLE.c.lease == given["held_by"]) & _DUE
    counted = {"lease": "", "claims": 0, "attempts": _TABLE.c.attempts + 1}
    return sa.update(_TABLE).where(mine).values(**values, **counted)


def _many(types: Mapping[str, TypeEngine[Any]]) -> sa.TableValuedAlias:
    """Rows that are given as one PostgreSQL array for each column: one message, however many they are."""
    arrays = [sa.bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in types.items()]
    columns = [sa.column(name, kind) for name, kind in types.items()]
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived("given")


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


_END = _end({name: sa.bindparam(name, type_=kind) for name, kind in _ENDS.items()})
_GIVEN = _many(_ENDS)
_END_ALL = _end(dict(_GIVEN.c.items()))
_ATTEMPT_ALL = sa.insert(_ATTEMPTS).from_select(list(_TRIED), sa.select(*_many(_TRIED).c))


def listed(connection: Connection, app: App, state: State | None = None, limit: int = 100) -> list[Listed]:
    """The app's deliveries, newest first."""
    statement = _WITH_APP.where(_TABLE.c.app == app.id, *([_TABLE.c.state == state] if state else []))
    rows = connection.execute(statement.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id).limit(limit))
    return [_listed(row) for row in rows]


def shown(connection: Connection, app: App, delivery_id: str) -> Listed | None:
    """One delivery of the app with its attempts in order."""
    row = connection.execute(_WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.id == delivery_id)).one_or_none()
    if row is None:
        return None
    statement = sa.select(_ATTEMPTS).where(_ATTEMPTS.c.delivery == delivery_id).order_by(_ATTEMPTS.c.id)
    return _listed(row, tuple(_outcome(found) for found in connection.execute(statement)))


def of_exports(connection: Connection, app: App, exports: Sequence[str]) -> dict[str, Listed]:
    """The app's callback of each of these exports that has one: the newest, without its attempts."""
    asked = _WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.export.in_(exports))
    found = sorted(
        connection.execute(asked), key=lambda row: row.created_at
    )  # asked to, SQLite would walk all of the app's
    return {row.export: _listed(row) for row in found}


def retry(connection: Connection, app: App, delivery_ids: Sequence[str], now: datetime) -> int:
    """Let deliveries of the app be tried again now, from their first attempt on; how many. Those apart whose file is gone:
    they would announce what cannot be fetched."""
    files = schema.exports
    is_gone = sa.exists().where(files.c.response_id == _TABLE.c.export, files.c.state == ExportState.EXPIRED)
    finished = _TABLE.c.state.in_([State.DEAD, State.DELIVERED]) & ~is_gone
    statement = sa.update(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.id.in_(delivery_ids), finished)
    values = {"state": State.DUE, "due_at": now, "lease": "", "claims": 0, "attempts": 0, "finished_at": None}
    return connection.execute(statement.values(**values)).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """How many deliveries are in each state, over all apps: for metrics."""
    return tallies.by_state(connection, _TABLE)


def _attempt(claimed: Claimed, outcome: Outcome, then: Next) -> dict[str, Any]:
    return {
        "app": claimed.delivery.app,
        "delivery": claimed.delivery.id,
        "at": outcome.at,
        "address": outcome.address,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "answer": outcome.answer[:1024],
        "failure": outcome.failure,
        "what_next": then.state.value,
        "next_at": then.due_at,
    }


def _outcome(row: sa.Row[Any]) -> tuple[Outcome, Next]:
    outcome = Outcome(
        at=row.at,
        address=row.address,
        status=row.status,
        milliseconds=row.milliseconds,
        answer=row.answer,
        failure=row.failure,
    )
    return outcome, Next(state=State(row.what_next), due_at=row.next_at)


def _from_row(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        id=row.id, app=row.app, ak=row.ak, url=row.url, body=row.body, attempts=row.attempts, created_at=row.created_at
    )


def _listed(row: sa.Row[Any], attempts: tuple[tuple[Outcome, Next], ...] = ()) -> Listed:
    return Listed(
        delivery=_from_row(row), export=row.export, state=State(row.state), due_at=row.due_at, attempts=attempts
    )
