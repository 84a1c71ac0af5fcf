"""Sums of the shares of recordings, by day of the account's clock, agent and queue. So a year reads no recording."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.speech import SHARE_NAMES, SpeechShares, add_shares

_TABLE = schema.speech_statistics
MAX_ROWS = 20_000  # agents with queues of one period


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechCell:
    """Where a recording counts."""

    account_id: str
    day: int  # as 20260131
    agent_id: str
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechTables:
    """The shares of an account, and of its queues and agents by name."""

    account: SpeechShares
    queues: dict[str, SpeechShares]
    agents: dict[str, SpeechShares]

    def select(self, agent: str, queue: str) -> SpeechShares:
        """Return the shares of an agent, else of a queue, else of the account."""
        if agent:
            return self.agents.get(agent, SpeechShares())
        return self.queues.get(queue, SpeechShares()) if queue else self.account


def add(connection: Connection, app: App, cell: SpeechCell, shares: SpeechShares) -> None:
    """Add a recording's shares to those of its day."""
    key = _get_key(app, cell)
    connection.execute(insert_or_ignore(connection, _TABLE).values(**key, **dict.fromkeys(SHARE_NAMES, 0)))
    _change(connection, key, shares, 1)


def subtract(connection: Connection, app: App, cell: SpeechCell, shares: SpeechShares) -> None:
    """Subtract a recording's shares, if its day has not been deleted by age."""
    _change(connection, _get_key(app, cell), shares, -1)


def load(connection: Connection, app: App, account_id: str, window: TimeWindow, zone: tzinfo) -> SpeechTables:
    """Return the shares of the days of the account's clock in a window."""
    first, last = (_day_of(instant, zone) for instant in (window.begin, window.end))
    ends_at_midnight = f"{window.end.astimezone(zone):%H%M%S%f}".strip("0") == ""
    is_near = (_TABLE.c.day >= first) & ((_TABLE.c.day < last) if ends_at_midnight else (_TABLE.c.day <= last))
    own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    sums = [sa.cast(sa.func.sum(_TABLE.c[name]), sa.BigInteger).label(name) for name in SHARE_NAMES]
    query = sa.select(_TABLE.c.agent_id, _TABLE.c.queue, *sums).where(own, is_near)
    query = query.group_by(_TABLE.c.agent_id, _TABLE.c.queue).limit(MAX_ROWS)
    rows = connection.execute(query).all()
    shares = [_build_shares(row) for row in rows]
    return SpeechTables(
        account=add_shares(shares),
        queues=_group([row.queue for row in rows], shares),
        agents=_group([row.agent_id for row in rows], shares),
    )


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the sums of the app's days that ended before an instant in every zone."""
    day = int(f"{before:%Y%m%d}") - 1
    accounts = sa.select(schema.accounts.c.account_id).where(schema.accounts.c.app == app.id)
    own = (_TABLE.c.app == app.id) & _TABLE.c.account_id.in_(accounts)
    connection.execute(sa.delete(_TABLE).where(own, _TABLE.c.day < day))


def _change(connection: Connection, key: dict[str, Any], shares: SpeechShares, sign: int) -> None:
    values = {name: _TABLE.c[name] + sign * getattr(shares, name) for name in SHARE_NAMES}
    connection.execute(sa.update(_TABLE).filter_by(**key).values(**values))


def _get_key(app: App, cell: SpeechCell) -> dict[str, Any]:
    return {
        "app": app.id,
        "account_id": cell.account_id,
        "day": cell.day,
        "agent_id": cell.agent_id,
        "queue": cell.queue,
    }


def _build_shares(row: sa.Row[Any]) -> SpeechShares:
    return SpeechShares(**{name: int(getattr(row, name)) for name in SHARE_NAMES})


def _day_of(instant: datetime, zone: tzinfo) -> int:
    return int(f"{instant.astimezone(zone):%Y%m%d}")


def _group(names: list[str], shares: list[SpeechShares]) -> dict[str, SpeechShares]:
    grouped: dict[str, list[SpeechShares]] = {}
    for name, part in zip(names, shares, strict=True):
        if name:
            grouped.setdefault(name, []).append(part)
    return {name: add_shares(parts) for name, parts in grouped.items()}
