"""Rows of queue visits: what queue logs tell of calls, kept until and after their CDRs come. The app comes first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.tenancy import App
from ccfs.store import schema
from ccfs.store.recordings import values_of
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.queue_visits
_KEY = ("app", "account_id", "switch_leg_id", "queue")
_TOLD = ("entered", "rang", "connected", "left", "agent", "outcome")
_COLUMNS = ("switch_leg_id", "queue", *_TOLD)
_REPLACE = (
    sa.update(_TABLE)
    .where(*(_TABLE.c[name] == sa.bindparam(f"new_{name}") for name in _KEY))
    .values({name: sa.bindparam(f"new_{name}") for name in _TOLD})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVisit:
    """A visit as the table has it; instants in UTC."""

    switch_leg_id: str
    queue: str
    entered: datetime | None
    rang: datetime | None
    connected: datetime | None
    left: datetime | None
    agent: str
    outcome: str


def of_legs(connection: Connection, app: App, account_id: str, leg_ids: Iterable[str]) -> list[KeptVisit]:
    """The account's visits of these legs."""
    statement = sa.select(*(_TABLE.c[name] for name in _COLUMNS)).where(
        _TABLE.c.app == app.id, _TABLE.c.account_id == account_id, _TABLE.c.switch_leg_id.in_(list(leg_ids))
    )
    return [KeptVisit(**row._mapping) for row in connection.execute(statement)]


def put(connection: Connection, app: App, account_id: str, visits: Sequence[KeptVisit]) -> None:
    """Keep visits, each in the place of what was known of it."""
    if visits:
        values = [values_of(one) | {"app": app.id, "account_id": account_id} for one in visits]
        connection.execute(insert_or_ignore(connection, _TABLE), values)
        connection.execute(_REPLACE, [{f"new_{name}": value for name, value in one.items()} for one in values])
