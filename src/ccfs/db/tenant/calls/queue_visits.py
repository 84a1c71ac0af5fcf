"""Rows of queue visits: what queue logs report about calls, before and after their CDRs arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.identity.tenancy import App

_TABLE = schema.queue_visits
_KEY = ("app", "account_id", "switch_leg_id", "queue")
_VISIT_COLUMNS = ("entered_at", "rang_at", "connected_at", "left_at", "agent", "outcome")
_COLUMNS = ("switch_leg_id", "queue", *_VISIT_COLUMNS)
_UPDATE = (
    sa.update(_TABLE)
    .where(*(_TABLE.c[name] == sa.bindparam(f"new_{name}") for name in _KEY))
    .values({name: sa.bindparam(f"new_{name}") for name in _VISIT_COLUMNS})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueVisitRow:
    """A leg's visit to a queue. Instants are in UTC."""

    switch_leg_id: str
    queue: str
    entered_at: datetime | None
    rang_at: datetime | None
    connected_at: datetime | None
    left_at: datetime | None
    agent: str
    outcome: str


def find_by_leg_ids(connection: Connection, app: App, account_id: str, leg_ids: Iterable[str]) -> list[QueueVisitRow]:
    """Return the account's queue visits for these legs."""
    query = sa.select(*(_TABLE.c[name] for name in _COLUMNS)).where(
        _TABLE.c.app == app.id, _TABLE.c.account_id == account_id, _TABLE.c.switch_leg_id.in_(list(leg_ids))
    )
    return [QueueVisitRow(**row._mapping) for row in connection.execute(query)]


def upsert(connection: Connection, app: App, account_id: str, visits: Sequence[QueueVisitRow]) -> None:
    """Add visits, replacing those that already exist."""
    if visits:
        values = [get_column_values(visit) | {"app": app.id, "account_id": account_id} for visit in visits]
        connection.execute(insert_or_ignore(connection, _TABLE), values)
        connection.execute(_UPDATE, [{f"new_{name}": value for name, value in row.items()} for row in values])
