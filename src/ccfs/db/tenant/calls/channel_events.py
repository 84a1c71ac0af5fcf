"""Rows of channel events: what channel event logs (CEL) report of each channel, before and after the CDRs arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.identity.tenancy import App

_TABLE = schema.channel_events
_IDS_PER_QUERY = 1000  # every database limits the parameters of a query
_KEY = ("app", "account_id", "switch_leg_id")
_FACTS = ("switch_call_id", "channel", "begin", "events")
_UPDATE = (
    sa.update(_TABLE)
    .where(*(_TABLE.c[name] == sa.bindparam(f"new_{name}") for name in _KEY))
    .values({name: sa.bindparam(f"new_{name}") for name in _FACTS})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEventsRow:
    """A channel's events. The instant is in UTC."""

    switch_leg_id: str
    switch_call_id: str
    channel: str
    begin: datetime
    events: str  # JSON


def find_by_leg_ids(
    connection: Connection, app: App, account_id: str, leg_ids: Iterable[str]
) -> list[ChannelEventsRow]:
    """Return the account's rows of these channels."""
    return _find(connection, app, account_id, _TABLE.c.switch_leg_id, leg_ids)


def find_by_call_ids(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str]
) -> list[ChannelEventsRow]:
    """Return the account's rows of the channels of these calls."""
    return _find(connection, app, account_id, _TABLE.c.switch_call_id, call_ids)


def _find(
    connection: Connection, app: App, account_id: str, column: sa.Column[str], ids: Iterable[str]
) -> list[ChannelEventsRow]:
    columns = (_TABLE.c.switch_leg_id, *(_TABLE.c[name] for name in _FACTS))
    query = sa.select(*columns).where(_TABLE.c.app == app.id, _TABLE.c.account_id == account_id)
    names, found = sorted(set(ids)), list[ChannelEventsRow]()
    for start in range(0, len(names), _IDS_PER_QUERY):
        rows = connection.execute(query.where(column.in_(names[start:][:_IDS_PER_QUERY])))
        found += [ChannelEventsRow(**row._mapping) for row in rows]
    return found


def upsert(connection: Connection, app: App, account_id: str, rows: Sequence[ChannelEventsRow]) -> None:
    """Add rows, replacing those that already exist."""
    if rows:
        values = [get_column_values(row) | {"app": app.id, "account_id": account_id} for row in rows]
        connection.execute(insert_or_ignore(connection, _TABLE), values)
        connection.execute(_UPDATE, [{f"new_{name}": value for name, value in row.items()} for row in values])


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the events of channels that began before a given time."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.begin < before))
