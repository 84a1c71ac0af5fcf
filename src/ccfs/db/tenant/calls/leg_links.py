"""Rows of leg links: texts that a leg shares with other legs of its call whose ids differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App

_TABLE = schema.leg_links
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query
_MAX_LEG_DURATION = timedelta(days=1)  # of legs that are looked for by their end
_TOLERANCE = timedelta(seconds=2)  # of a CDR's times


@dataclass(frozen=True, slots=True)
class LegLink:
    """A text that a leg shares with others, and the time of the leg."""

    link: str
    begin: datetime
    end: datetime
    source_key: str


def add(connection: Connection, app: App, account_id: str, links: Sequence[LegLink]) -> None:
    """Add new links."""
    if links:
        own = {"app": app.id, "account_id": account_id}
        values = [
            own | {"link": row.link, "begin": row.begin, "end": row.end, "source_key": row.source_key} for row in links
        ]
        connection.execute(insert_or_ignore(connection, _TABLE), values)


def find_legs(
    connection: Connection, app: App, account_id: str, links: Iterable[str], first: datetime, last: datetime
) -> dict[str, datetime]:
    """Return source_key and begin of the account's legs between two instants that have one of these links."""
    query = sa.select(_TABLE.c.source_key, _TABLE.c.begin).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.begin.between(
            partition_month.shift_clamped(first, -_MAX_LEG_DURATION), partition_month.shift_clamped(last, _TOLERANCE)
        ),
        _TABLE.c.end >= partition_month.shift_clamped(first, -_TOLERANCE),
    )
    names = sorted(set(links))
    legs: dict[str, datetime] = {}
    for start in range(0, len(names), _NAMES_PER_QUERY):
        rows = connection.execute(query.where(_TABLE.c.link.in_(names[start:][:_NAMES_PER_QUERY])))
        legs |= {row.source_key: row.begin for row in rows}
    return legs


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the links of legs that began before a given time."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.begin < before))
