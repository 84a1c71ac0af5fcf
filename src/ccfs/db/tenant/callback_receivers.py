"""Rows of deliveries by who receives them: how many were given up, and sending all of a receiver's again. Both name the app."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.exports.delivery import DeliveryState
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.tenancy import App

_TABLE = schema.deliveries
_EXPORTS = schema.exports
_IS_DEAD = _TABLE.c.state == sa.literal_column("'dead'")  # as the index has it: for a parameter it would not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSummary:
    """Who is called back, and how that goes."""

    name: str  # scheme, host and port
    delivered: int
    waiting: int
    given_up: int
    again: int  # of those given up: they can be sent again, for their file is still there
    last: datetime | None  # when one was delivered or given up


def list_receivers(connection: Connection, app: App, accounts: Sequence[str]) -> list[ReceiverSummary]:
    """Whom the app's exports of these accounts are announced to, by name."""

    def count(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.case((which, 1)))

    columns = (
        count(_TABLE.c.state == DeliveryState.DELIVERED).label("delivered"),
        count(_TABLE.c.state == DeliveryState.DUE).label("waiting"),
        count(_TABLE.c.state == DeliveryState.DEAD).label("given_up"),
        count((_TABLE.c.state == DeliveryState.DEAD) & (_EXPORTS.c.state != ExportState.EXPIRED)).label("again"),
        sa.func.max(_TABLE.c.finished_at).label("last"),
    )
    asked = sa.select(_TABLE.c.receiver.label("name"), *columns).join(
        _EXPORTS, _EXPORTS.c.response_id == _TABLE.c.export
    )
    mine = asked.where(_TABLE.c.app == app.id, _EXPORTS.c.account_id.in_(accounts))
    rows = connection.execute(mine.group_by(_TABLE.c.receiver).order_by(_TABLE.c.receiver))
    return [ReceiverSummary(**row._mapping) for row in rows]


def count_retryable(connection: Connection, app: App, accounts: Sequence[str], receiver: str, prefix: str = "") -> int:
    """How many callbacks of the receiver were given up and can be sent again: those whose URL begins so."""
    asked = sa.select(sa.func.count()).select_from(_TABLE)
    return int(connection.execute(asked.where(_retryable_condition(app, accounts, receiver, prefix))).scalar_one())


def retry_by_receiver(
    connection: Connection, app: App, accounts: Sequence[str], receiver: str, prefix: str, now: datetime
) -> int:
    """Let these be tried again now, from their first attempt on; how many."""
    values = {"state": DeliveryState.DUE, "due_at": now, "lease": "", "claims": 0, "attempts": 0, "finished_at": None}
    return connection.execute(
        sa.update(_TABLE).where(_retryable_condition(app, accounts, receiver, prefix)).values(**values)
    ).rowcount


def _retryable_condition(app: App, accounts: Sequence[str], receiver: str, prefix: str) -> sa.ColumnElement[bool]:
    """Those given up whose file is there; a prefix is compared letter by letter, which LIKE does not do on SQLite."""
    theirs = _EXPORTS.c.account_id.in_(accounts) & (_EXPORTS.c.state != ExportState.EXPIRED)
    is_there = sa.exists().where(_EXPORTS.c.response_id == _TABLE.c.export, theirs)
    begins = sa.func.substr(_TABLE.c.url, 1, len(prefix)) == prefix
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.receiver == receiver) & _IS_DEAD
    return mine & is_there & begins
