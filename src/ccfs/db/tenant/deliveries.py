"""An app's callback deliveries and their attempts. Workers claim them through db/system/jobs/callback_jobs.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import DELIVERIES
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, Lane, RetryDecision
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.tenancy import App

_TABLE = schema.deliveries
_ATTEMPTS = schema.delivery_attempts
_APPS = schema.apps
_EXPORTS = schema.exports
_WITH_APP = sa.select(_TABLE, _APPS.c.ak).join(_APPS, _APPS.c.id == _TABLE.c.app)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A delivery as shown to operators."""

    delivery: Delivery
    export: str  # responseId
    state: DeliveryState
    due_at: datetime | None
    attempts: tuple[tuple[AttemptOutcome, RetryDecision], ...] = ()


def add(connection: Connection, app: App, delivery: Delivery, export: str, receiver: str, due_at: datetime) -> None:
    """Store the delivery for an export (responseId) to a receiver (scheme, host and port)."""
    connection.execute(
        sa.insert(_TABLE).values(
            id=delivery.id,
            app=app.id,
            export=export,
            url=delivery.url,
            receiver=receiver,
            lane=Lane(receiver, app.id).format(),
            body=delivery.body,
            state=DeliveryState.DUE,
            due_at=due_at,
            lease="",
            claims=0,
            attempts=0,
            created_at=delivery.created_at,
        )
    )


def list_recent(
    connection: Connection, app: App, state: DeliveryState | None = None, limit: int = 100
) -> list[DeliveryView]:
    """Return the app's deliveries, newest first."""
    statement = _WITH_APP.where(_TABLE.c.app == app.id, *([_TABLE.c.state == state] if state else []))
    rows = connection.execute(statement.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id).limit(limit))
    return [_build_view(row) for row in rows]


def get_with_attempts(connection: Connection, app: App, delivery_id: str) -> DeliveryView | None:
    """Return one delivery of the app with its attempts in order."""
    row = connection.execute(_WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.id == delivery_id)).one_or_none()
    if row is None:
        return None
    statement = sa.select(_ATTEMPTS).where(_ATTEMPTS.c.delivery == delivery_id).order_by(_ATTEMPTS.c.id)
    return _build_view(row, tuple(_build_attempt(attempt) for attempt in connection.execute(statement)))


def find_latest_by_export(connection: Connection, app: App, exports: Sequence[str]) -> dict[str, DeliveryView]:
    """Return the newest delivery for each of the app's exports that has one, without its attempts."""
    rows = connection.execute(_WITH_APP.where(_TABLE.c.app == app.id, _TABLE.c.export.in_(exports)))
    # Sorted here: for ORDER BY, SQLite would walk all deliveries of the app.
    return {row.export: _build_view(row) for row in sorted(rows, key=lambda row: row.created_at)}


def retry(connection: Connection, app: App, delivery_ids: Sequence[str], now: datetime) -> int:
    """Make ended deliveries of the app due now, with their attempts reset, and return their number.

    Deliveries whose file has expired remain ended, because they would announce a file that cannot be downloaded.
    """
    is_expired = sa.exists().where(_EXPORTS.c.response_id == _TABLE.c.export, _EXPORTS.c.state == ExportState.EXPIRED)
    has_ended = _TABLE.c.state.in_([DeliveryState.DEAD, DeliveryState.DELIVERED])
    return DELIVERIES.retry(
        connection, now, _TABLE.c.app == app.id, _TABLE.c.id.in_(delivery_ids), has_ended, ~is_expired
    )


def build_delivery(row: sa.Row[Any]) -> Delivery:
    """Return the delivery in a row that includes the app's `ak`."""
    return Delivery(
        id=row.id, app=row.app, ak=row.ak, url=row.url, body=row.body, attempts=row.attempts, created_at=row.created_at
    )


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


def _build_view(row: sa.Row[Any], attempts: tuple[tuple[AttemptOutcome, RetryDecision], ...] = ()) -> DeliveryView:
    return DeliveryView(
        delivery=build_delivery(row),
        export=row.export,
        state=DeliveryState(row.state),
        due_at=row.due_at,
        attempts=attempts,
    )
