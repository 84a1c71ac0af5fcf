"""The callback deliveries of all apps, for workers: claims and the results of attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from ccfs.db import schema
from ccfs.db.job_queue import DELIVERIES
from ccfs.db.tenant.deliveries import build_delivery
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, Lane, RetryDecision

MAX_RESPONSE_BYTES = 1024  # of a response that an attempt stores
_TABLE = schema.deliveries
_ATTEMPTS = schema.delivery_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery leased by a worker."""

    delivery: Delivery
    receiver: str  # scheme, host and port
    claims: int  # since the last recorded attempt, this one included
    lease: str

    @property
    def lane(self) -> Lane:
        """The lane that it occupies while it is under way."""
        return Lane(self.receiver, self.delivery.app)


AttemptResult = tuple[ClaimedDelivery, AttemptOutcome, RetryDecision]


def list_due_lanes(connection: Connection, now: datetime) -> list[Lane]:
    """Return the lanes that have a due delivery."""
    return [Lane.parse(text) for text in DELIVERIES.list_due_groups(connection, now)]


def claim(
    connection: Connection, lane: Lane, now: datetime, lease: str, duration: timedelta, limit: int
) -> list[ClaimedDelivery]:
    """Lease up to `limit` of the lane's deliveries, longest due first."""
    rows = DELIVERIES.claim(connection, now, lease, duration, limit, group=lane.format())
    return [
        ClaimedDelivery(delivery=build_delivery(row), receiver=row.receiver, claims=row.claims, lease=lease)
        for row in rows
    ]


def save_results(connection: Connection, results: Sequence[AttemptResult]) -> int:
    """Store attempts and what happens after each, and return how many of the deliveries were still leased.

    An attempt is stored even if its lease has been lost.
    """
    if not results:
        return 0
    decisions = [_get_decision_values(*result) for result in results]
    attempts = [_get_attempt_values(*result) for result in results]
    if connection.dialect.name == "sqlite":  # its driver runs one statement for many rows at the speed of C
        leased = connection.execute(_RESULT_UPDATE, decisions).rowcount
        connection.execute(sa.insert(_ATTEMPTS), attempts)
    else:
        leased = connection.execute(_BULK_RESULT_UPDATE, _to_columns(decisions)).rowcount
        connection.execute(_BULK_ATTEMPT_INSERT, _to_columns(attempts))
    return leased


_RESULT_TYPES: dict[str, TypeEngine[Any]] = {
    "leased_id": sa.Text(),
    "used_lease": sa.Text(),
    "next_state": sa.Text(),
    "next_due_at": _TABLE.c.due_at.type,
    "finished": _TABLE.c.due_at.type,
}
_ATTEMPT_TYPES = {column.name: column.type for column in _ATTEMPTS.c if column is not _ATTEMPTS.c.id}


def _get_decision_values(claimed: ClaimedDelivery, outcome: AttemptOutcome, decision: RetryDecision) -> dict[str, Any]:
    return {
        "leased_id": claimed.delivery.id,
        "used_lease": claimed.lease,
        "next_state": decision.state.value,
        "next_due_at": decision.due_at,
        "finished": outcome.attempted_at if decision.due_at is None else None,
    }


def _get_attempt_values(claimed: ClaimedDelivery, outcome: AttemptOutcome, decision: RetryDecision) -> dict[str, Any]:
    return {
        "app": claimed.delivery.app,
        "delivery": claimed.delivery.id,
        "attempted_at": outcome.attempted_at,
        "address": outcome.address,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "response": outcome.response[:MAX_RESPONSE_BYTES],
        "failure": outcome.failure,
        "next_step": decision.state.value,
        "next_at": decision.due_at,
    }


def _build_result_update(given: Mapping[str, sa.ColumnElement[Any]]) -> sa.Update:
    """Build the update of deliveries that are still under the lease of their attempt."""
    values = {"state": given["next_state"], "due_at": given["next_due_at"], "finished_at": given["finished"]}
    leased = (_TABLE.c.id == given["leased_id"]) & DELIVERIES.is_leased(given["used_lease"])
    counts = {"lease": "", "claims": 0, "attempts": _TABLE.c.attempts + 1}
    return sa.update(_TABLE).where(leased).values(**values, **counts)


def _unnest_rows(types: Mapping[str, TypeEngine[Any]]) -> sa.TableValuedAlias:
    """Return rows that are given as one PostgreSQL array for each column: one message, however many rows."""
    arrays = [sa.bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in types.items()]
    columns = [sa.column(name, kind) for name, kind in types.items()]
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived("given")


def _to_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


_RESULT_UPDATE = _build_result_update({name: sa.bindparam(name, type_=kind) for name, kind in _RESULT_TYPES.items()})
_BULK_RESULT_UPDATE = _build_result_update(dict(_unnest_rows(_RESULT_TYPES).c.items()))
_BULK_ATTEMPT_INSERT = sa.insert(_ATTEMPTS).from_select(
    list(_ATTEMPT_TYPES), sa.select(*_unnest_rows(_ATTEMPT_TYPES).c)
)
