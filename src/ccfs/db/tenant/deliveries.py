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

from ccfs.db import schema, tallies
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, RetryDecision
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.tenancy import App

_TABLE = schema.deliveries
_ATTEMPTS = schema.delivery_attempts
_APPS = schema.apps
_WITH_APP = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
_IS_DUE = _TABLE.c.state == sa.literal_column("'due'")  # as the index has it: for a parameter it would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery that a worker holds."""

    delivery: Delivery
    receiver: str  # scheme, host and port
    claims: int  # since the last recorded attempt, this one among them
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A delivery as operators see it."""

    delivery: Delivery
    export: str  # responseId
    state: DeliveryState
    due_at: datetime | None
    attempts: tuple[tuple[AttemptOutcome, RetryDecision], ...] = ()


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
            state=DeliveryState.DUE,
            due_at=due_at,
            lease="",
            claims=0,
            attempts=0,
            created_at=delivery.created_at,
        )
    )


def list_due_receivers(connection: Connection, now: datetime) -> list[str]:
    """Receivers that have something due: one step through the index for each receiver, however many rows wait."""
    return list(connection.execute(_DUE_RECEIVERS, {"now": now}).scalars())


def _build_due_receivers() -> sa.Select[Any]:
    walk = sa.select(_select_next_receiver("").label("receiver")).cte("walk", recursive=True)
    walk = walk.union_all(sa.select(_select_next_receiver(walk.c.receiver)).where(walk.c.receiver.is_not(None)))
    is_due = sa.exists().where(_IS_DUE, _TABLE.c.receiver == walk.c.receiver, _TABLE.c.due_at <= sa.bindparam("now"))
    return sa.select(walk.c.receiver).where(walk.c.receiver.is_not(None), is_due)


def _select_next_receiver(after: str | sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """By ORDER BY, not min(): for that SQLite takes another index, and reads all that waits."""
    first = sa.select(_TABLE.c.receiver).where(_IS_DUE, _TABLE.c.receiver > after)
    return first.order_by(_TABLE.c.receiver).limit(1).scalar_subquery()


_DUE_RECEIVERS = _build_due_receivers()


def claim(
    connection: Connection, receiver: str, now: datetime, lease: str, lasts: timedelta, limit: int
) -> list[ClaimedDelivery]:
    """Hold at most `limit` deliveries of the receiver that are due, the longest due first; they are pushed ahead."""
    given = {"from": receiver, "now": now, "until": now + lasts, "by": lease, "most": limit}
    rows = connection.execute(_CLAIM, given)
    return [
        ClaimedDelivery(delivery=_build_delivery(row), receiver=receiver, claims=row.claims, lease=lease)
        for row in rows
    ]


def _build_claim() -> ReturningUpdate[Any]:
    """One question for all of it: claims are made dozens of times a second. What is found is locked until it is held, so it
    needs no second look; and PostgreSQL, while it has no statistics, would look at all that is due for each that is found."""
    due = _IS_DUE & (_TABLE.c.receiver == sa.bindparam("from")) & (_TABLE.c.due_at <= sa.bindparam("now"))
    first = sa.select(_TABLE.c.id).where(due).order_by(_TABLE.c.due_at).limit(sa.bindparam("most", type_=sa.Integer))
    found = first.with_for_update(skip_locked=True).cte("found")
    values = {"due_at": sa.bindparam("until"), "lease": sa.bindparam("by"), "claims": _TABLE.c.claims + 1}
    ak = sa.select(_APPS.c.ak).where(_APPS.c.id == _TABLE.c.app).scalar_subquery().label("ak")
    mine = sa.update(_TABLE).where(_TABLE.c.id.in_(sa.select(found.c.id)))
    return mine.values(**values).returning(_TABLE, ak)


_CLAIM = _build_claim()


def save_results(
    connection: Connection, results: Sequence[tuple[ClaimedDelivery, AttemptOutcome, RetryDecision]]
) -> int:
    """Write what came of attempts, and what follows; how many were still held. Each attempt leaves its row anyway."""
    if not results:
        return 0
    ends = [
        {
            "held_id": claimed.delivery.id,
            "held_by": claimed.lease,
            "then_state": then.state.value,
            "then_due_at": then.due_at,
            "finished": outcome.attempted_at if then.due_at is None else None,
        }
        for claimed, outcome, then in results
    ]
    attempts = [_attempt_values(*result) for result in results]
    if connection.dialect.name == "sqlite":  # its driver runs one statement for many rows at the speed of C
        held = connection.execute(_RESULT_UPDATE, ends).rowcount
        connection.execute(sa.insert(_ATTEMPTS), attempts)
    else:
        held = connection.execute(_BULK_RESULT_UPDATE, _to_columns(ends)).rowcount
        connection.execute(_BULK_ATTEMPT_INSERT, _to_columns(attempts))
    return held


_RESULT_TYPES: dict[str, TypeEngine[Any]] = {
    "held_id": sa.Text(),
    "held_by": sa.Text(),
    "then_state": sa.Text(),
    "then_due_at": _TABLE.c.due_at.type,
    "finished": _TABLE.c.due_at.type,
}
_ATTEMPT_TYPES = {column.name: column.type for column in _ATTEMPTS.c if column is not _ATTEMPTS.c.id}


def _build_result_update(given: Mapping[str, sa.ColumnElement[Any]]) -> sa.Update:
    """What changes where a delivery is still held by who tried it."""
    values = {"state": given["then_state"], "due_at": given["then_due_at"], "finished_at": given["finished"]}
    mine = (_TABLE.c.id == given["held_id"]) & (_TABLE.c.lease == given["held_by"]) & _IS_DUE
    counted = {"lease": "", "claims": 0, "attempts": _TABLE.c.attempts + 1}
    return sa.update(_TABLE).where(mine).values(**values, **counted)


def _unnest_rows(types: Mapping[str, TypeEngine[Any]]) -> sa.TableValuedAlias:
    """Rows that are given as one PostgreSQL array for each column: one message, however many they are."""
    arrays = [sa.bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in types.items()]
    columns = [sa.column(name, kind) for name, kind in types.items()]
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived("given")


def _to_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


_RESULT_UPDATE = _build_result_update({name: sa.bindparam(name, type_=kind) for name, kind in _RESULT_TYPES.items()})
_RESULT_ROWS = _unnest_rows(_RESULT_TYPES)
_BULK_RESULT_UPDATE = _build_result_update(dict(_RESULT_ROWS.c.items()))
_BULK_ATTEMPT_INSERT = sa.insert(_ATTEMPTS).from_select(
    list(_ATTEMPT_TYPES), sa.select(*_unnest_rows(_ATTEMPT_TYPES).c)
)


def list_recent(
    connection: Connection, app: App, state: DeliveryState | None = None, limit: int = 100
) -> list[DeliveryView]:
    """The app's deliveries, newest first."""
    statement = _WITH_APP.where(_TABLE.c.app == app.id, *([_TABLE.c.state == state] if state else []))
    rows = connection.execute(statement.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id).limit(limit))
    return [_build_view(row) for row in rows]


def get_with_attempts(connection: Connection, app: App, delivery_id: str) -> DeliveryView | None:
    """One delivery of the app with its attempts in order."""
    row = connection.execute(_WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.id == delivery_id)).one_or_none()
    if row is None:
        return None
    statement = sa.select(_ATTEMPTS).where(_ATTEMPTS.c.delivery == delivery_id).order_by(_ATTEMPTS.c.id)
    return _build_view(row, tuple(_build_attempt(found) for found in connection.execute(statement)))


def find_latest_by_export(connection: Connection, app: App, exports: Sequence[str]) -> dict[str, DeliveryView]:
    """The app's callback of each of these exports that has one: the newest, without its attempts."""
    asked = _WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.export.in_(exports))
    found = sorted(
        connection.execute(asked), key=lambda row: row.created_at
    )  # asked to, SQLite would walk all of the app's
    return {row.export: _build_view(row) for row in found}


def retry(connection: Connection, app: App, delivery_ids: Sequence[str], now: datetime) -> int:
    """Let deliveries of the app be tried again now, from their first attempt on; how many. Those apart whose file is gone:
    they would announce what cannot be fetched."""
    files = schema.exports
    is_gone = sa.exists().where(files.c.response_id == _TABLE.c.export, files.c.state == ExportState.EXPIRED)
    finished = _TABLE.c.state.in_([DeliveryState.DEAD, DeliveryState.DELIVERED]) & ~is_gone
    statement = sa.update(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.id.in_(delivery_ids), finished)
    values = {"state": DeliveryState.DUE, "due_at": now, "lease": "", "claims": 0, "attempts": 0, "finished_at": None}
    return connection.execute(statement.values(**values)).rowcount


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many deliveries are in each state, over all apps: for metrics."""
    return tallies.count_by_state(connection, _TABLE)


def _attempt_values(claimed: ClaimedDelivery, outcome: AttemptOutcome, then: RetryDecision) -> dict[str, Any]:
    return {
        "app": claimed.delivery.app,
        "delivery": claimed.delivery.id,
        "attempted_at": outcome.attempted_at,
        "address": outcome.address,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "response": outcome.response[:1024],
        "failure": outcome.failure,
        "next_step": then.state.value,
        "next_at": then.due_at,
    }


def _build_attempt(row: sa.Row[Any]) -> tuple[AttemptOutcome, RetryDecision]:
    outcome = AttemptOutcome(
        attempted_at=row.attempted_at,
        address=row.address,
        status=row.status,
        milliseconds=row.milliseconds,
        response=row.response,
        failure=row.failure,
    )
    return outcome, RetryDecision(state=DeliveryState(row.next_step), due_at=row.next_at)


def _build_delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        id=row.id, app=row.app, ak=row.ak, url=row.url, body=row.body, attempts=row.attempts, created_at=row.created_at
    )


def _build_view(row: sa.Row[Any], attempts: tuple[tuple[AttemptOutcome, RetryDecision], ...] = ()) -> DeliveryView:
    return DeliveryView(
        delivery=_build_delivery(row),
        export=row.export,
        state=DeliveryState(row.state),
        due_at=row.due_at,
        attempts=attempts,
    )
